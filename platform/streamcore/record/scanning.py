"""A walk over the records of a batch that makes none of them: do they follow the format, which
have no key, which have a timestamp out of bounds.

Lengths and deltas are mostly varints of one byte, which are read in place; a call is made
only for longer ones. About a microsecond a record.
"""

from typing import Final, NamedTuple

from streamcore.record.batch import BatchCorrupt
from streamcore.record.records import decode_varint

# A record is not empty: its attributes, four varints of a byte, and the number of headers.
RECORD_SIZE_MIN: Final = 6


class Scan(NamedTuple):
    """What a walk over the records found. Records are named by their place in the batch."""

    keyless: list[int]
    untimely: list[tuple[int, int]]  # with their timestamp deltas
    largest: int  # bytes of the largest record


def scan_records(data: bytes, record_count: int, *, delta_min: int, delta_max: int) -> Scan:
    """Walk over all of `data`, the plain records of a batch.

    Timestamp deltas outside of `delta_min` to `delta_max` are untimely. Raises `BatchCorrupt`
    where there are not `record_count` records, offsets are not consecutive, or a record does
    not follow the format (its headers aside, which are passed over).
    """
    keyless: list[int] = []
    untimely: list[tuple[int, int]] = []
    end = largest = number = 0
    varint = decode_varint
    try:
        for number in range(record_count):
            start, part, at = end, data[end], end + 1
            size, at = ((part >> 1) ^ -(part & 1), at) if part < 0x80 else varint(data, end)
            end = at + size
            if size > largest:
                largest = size
            part, at = data[at + 1], at + 2  # behind the attributes: none are defined
            delta, at = ((part >> 1) ^ -(part & 1), at) if part < 0x80 else varint(data, at - 1)
            if not delta_min <= delta <= delta_max:
                untimely.append((number, delta))
            part, at = data[at], at + 1
            offset, at = (part >> 1, at) if part < 0x80 else varint(data, at - 1)
            part, at = data[at], at + 1
            key, at = ((part >> 1) ^ -(part & 1), at) if part < 0x80 else varint(data, at - 1)
            if key < 0:
                keyless.append(number)
            else:
                at += key
            part, at = data[at], at + 1
            value, at = ((part >> 1) ^ -(part & 1), at) if part < 0x80 else varint(data, at - 1)
            # Behind the value stands at least the number of headers.
            if offset != number or size < RECORD_SIZE_MIN or at + max(0, value) >= end:
                _say_what_is_wrong(number, size=size, offset=offset, start=start)
    except IndexError:
        raise BatchCorrupt(f"record {number} of {record_count} has no end") from None
    if end != len(data):
        raise BatchCorrupt(f"{record_count} records end at byte {end} of {len(data)}")
    return Scan(keyless, untimely, largest)


def _say_what_is_wrong(number: int, *, size: int, offset: int, start: int) -> None:
    if offset != number:
        raise BatchCorrupt(f"record {number} has offset delta {offset}")
    raise BatchCorrupt(f"record {number}, {size} bytes at byte {start}, is shorter than its fields")

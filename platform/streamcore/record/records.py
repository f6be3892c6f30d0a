"""Single records inside a batch: the general way, for what is rare.

Columns of fixed width are read and written by `columns`, a hundred times cheaper.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from streamcore.record.batch import (
    HEADER_SIZE,
    MAGIC,
    NO_PRODUCER_ID,
    TIMESTAMP_TYPE_BIT,
    BatchCorrupt,
    BatchHeader,
    read_header,
    sealed,
)
from streamcore.record.compression import Codec, UndecodableRecords, compressed, decompressed

# A record's varints are zigzag numbers of at most 64 bits.
VARINT_SHIFT_MAX = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One key, value, headers and timestamp (unix ms), at its offset."""

    offset: int = 0
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def encode_varint(value: int) -> bytes:
    """Encode a signed number as a zigzag varint."""
    rest = (value << 1) ^ (value >> 63)
    parts = bytearray()
    while rest >= 0x80:
        parts.append(rest & 0x7F | 0x80)
        rest >>= 7
    parts.append(rest)
    return bytes(parts)


def decode_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """Return the zigzag varint at `position` and the position after it."""
    value = 0
    for shift in range(0, VARINT_SHIFT_MAX + 1, 7):
        part = data[position]
        position += 1
        value |= (part & 0x7F) << shift
        if part < 0x80:
            return (value >> 1) ^ -(value & 1), position
    raise BatchCorrupt(f"endless varint before byte {position} of the records")


def _decode_bytes(data: bytes, position: int) -> tuple[bytes | None, int]:
    size, position = decode_varint(data, position)
    if size < 0:
        return None, position
    if position + size > len(data):
        raise BatchCorrupt(f"{size} bytes at byte {position} of the records")
    return data[position : position + size], position + size


def read_records(batch: bytes | memoryview) -> Iterator[Record]:
    """Yield the records of one whole batch, decompressed.

    Where the broker's time counts (LogAppendTime), it is the timestamp of all of them.
    Raises `BatchCorrupt` where the records do not follow the format.
    """
    header = read_header(batch)
    try:
        data = decompressed(Codec(header.codec), memoryview(batch)[HEADER_SIZE : header.size])
    except (ValueError, UndecodableRecords) as error:
        raise BatchCorrupt(str(error)) from None
    position = 0
    appended_ms = header.max_timestamp if header.attributes & TIMESTAMP_TYPE_BIT else None
    for _ in range(header.record_count):
        try:
            record, position = decode_record(
                data, position, base=header.base_offset, base_timestamp=header.base_timestamp
            )
        except IndexError:
            raise BatchCorrupt(f"record at byte {position} has no end") from None
        yield record if appended_ms is None else replace(record, timestamp=appended_ms)


def decode_record(
    data: bytes, position: int, *, base: int, base_timestamp: int
) -> tuple[Record, int]:
    """Return the record at `position` and the position after it.

    Raises `BatchCorrupt`, or `IndexError` where the data ends inside the record.
    """
    size, position = decode_varint(data, position)
    end = position + size
    position += 1  # attributes: none are defined
    timestamp_delta, position = decode_varint(data, position)
    offset_delta, position = decode_varint(data, position)
    key, position = _decode_bytes(data, position)
    value, position = _decode_bytes(data, position)
    header_count, position = decode_varint(data, position)
    headers = []
    for _ in range(header_count):
        name, position = _decode_bytes(data, position)
        content, position = _decode_bytes(data, position)
        headers.append(((name or b"").decode(errors="replace"), content))
    if position != end:
        raise BatchCorrupt(f"record of {size} bytes ends at byte {position}, not {end}")
    record = Record(
        offset=base + offset_delta,
        timestamp=base_timestamp + timestamp_delta,
        key=key,
        value=value,
        headers=tuple(headers),
    )
    return record, end


def _encode_bytes(data: bytes | None) -> bytes:
    return encode_varint(-1) if data is None else encode_varint(len(data)) + data


def _encode_record(record: Record, *, offset_delta: int, base_timestamp: int) -> bytes:
    body = b"".join(
        (
            b"\x00",
            encode_varint(record.timestamp - base_timestamp),
            encode_varint(offset_delta),
            _encode_bytes(record.key),
            _encode_bytes(record.value),
            encode_varint(len(record.headers)),
            *(
                _encode_bytes(name.encode()) + _encode_bytes(content)
                for name, content in record.headers
            ),
        )
    )
    return encode_varint(len(body)) + body


def encode_batch(
    records: Sequence[Record],
    *,
    codec: Codec = Codec.NONE,
    attributes: int = 0,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = -1,
    base_sequence: int = -1,
) -> bytes:
    """Return one batch of `records` at base offset 0. The records' own offsets are not used.

    `attributes` are the header's bits beside the codec's.
    """
    assert records, "a batch holds at least one record"
    base_timestamp = records[0].timestamp
    body = compressed(
        codec,
        b"".join(
            _encode_record(record, offset_delta=delta, base_timestamp=base_timestamp)
            for delta, record in enumerate(records)
        ),
    )
    return sealed(
        BatchHeader(
            base_offset=0,
            batch_length=0,
            leader_epoch=0,
            magic=MAGIC,
            crc=0,
            attributes=attributes | codec,
            last_offset_delta=len(records) - 1,
            base_timestamp=base_timestamp,
            max_timestamp=max(record.timestamp for record in records),
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            base_sequence=base_sequence,
            record_count=len(records),
        ),
        body,
    )

"""Which transactions of a partition were aborted, and their file beside each segment.

A transaction stands with the segment that holds its marker, so that the list goes when
the segment does. Readers of committed records skip what lies in these ranges (KIP-98).
"""

import zlib
from array import array
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

# Magic, number of transactions, crc32 of the rows. In the machine's own byte order: on
# another machine the magic does not match, and the log is read again.
FILE_HEADER = Struct("=QII")
FILE_MAGIC = 0x4853_4142_4F52_5431
ROW_NUMBERS = 3
ROW_BYTES = 8 * ROW_NUMBERS


class AbortedTransaction(NamedTuple):
    """The records of `producer_id` from `first_offset` to the marker at `last_offset`."""

    producer_id: int
    first_offset: int
    last_offset: int


def encoded(aborted: Sequence[AbortedTransaction]) -> bytes:
    rows = array("q", [number for each in aborted for number in each]).tobytes()
    return FILE_HEADER.pack(FILE_MAGIC, len(aborted), zlib.crc32(rows)) + rows


def decoded(data: bytes) -> list[AbortedTransaction] | None:
    """Return the transactions of a file, or None where it is damaged."""
    if len(data) < FILE_HEADER.size:
        return None
    magic, count, checksum = FILE_HEADER.unpack_from(data)
    rows = data[FILE_HEADER.size :]
    if magic != FILE_MAGIC or len(rows) != ROW_BYTES * count or zlib.crc32(rows) != checksum:
        return None
    numbers = array("q", rows)
    return [AbortedTransaction(*numbers[at : at + ROW_NUMBERS]) for at in range(0, 3 * count, 3)]

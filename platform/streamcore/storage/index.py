"""The sparse offset and time index of one segment.

An entry for every `INTERVAL_BYTES` of the file says: the batch at `position` has base
offset `offset`, and the largest timestamp of all batches before it is `newest_before`.
All three columns only grow, so each is searched by halving.
"""

import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from streamcore.record.places import Offset

# 24 bytes an entry: a 256 MiB segment has a 0.4 MB index, and a look-up walks <= 16 KiB.
INTERVAL_BYTES = 16_384
ENTRY_BYTES = 24
NO_TIMESTAMP = -1

# Magic, number of entries, crc32 of the columns. In the machine's own byte order: on
# another machine the magic does not match, and the index is built again.
FILE_HEADER = Struct("=QII")
FILE_MAGIC = 0x4853_494E_4445_5831


class IndexEntry(NamedTuple):
    """A place in a segment from which a reader can walk."""

    offset: Offset
    position: int
    newest_before: int


class SparseIndex:
    """Three growing columns, in memory; `encoded` and `decoded` are their file."""

    def __init__(
        self, offsets: bytes = b"", positions: bytes = b"", newest_before: bytes = b""
    ) -> None:
        self._offsets = array("q", offsets)
        self._positions = array("q", positions)
        self._newest_before = array("q", newest_before)

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, offset: Offset, position: int, *, newest_before: int) -> None:
        self._offsets.append(offset)
        self._positions.append(position)
        self._newest_before.append(newest_before)

    def _entry(self, number: int) -> IndexEntry | None:
        if number < 0:
            return None
        return IndexEntry(
            Offset(self._offsets[number]), self._positions[number], self._newest_before[number]
        )

    def entries(self) -> Iterator[IndexEntry]:
        """All entries, first to last."""
        for row in zip(self._offsets, self._positions, self._newest_before, strict=True):
            yield IndexEntry(Offset(row[0]), row[1], row[2])

    def last(self) -> IndexEntry | None:
        return self._entry(len(self._offsets) - 1)

    def at_or_before(self, offset: Offset) -> IndexEntry | None:
        """The last entry whose batch begins at or before `offset`."""
        return self._entry(bisect_right(self._offsets, offset) - 1)

    def position_at_or_before(self, position: int) -> int:
        """The last indexed position not after `position`; 0, where every segment begins."""
        number = bisect_right(self._positions, position) - 1
        return self._positions[number] if number >= 0 else 0

    def before_time(self, timestamp: int) -> IndexEntry | None:
        """The last entry before which no record is as new as `timestamp`."""
        return self._entry(bisect_left(self._newest_before, timestamp) - 1)

    def cut(self, size: int) -> None:
        """Forget the entries at or after position `size`."""
        kept = bisect_left(self._positions, size)
        for column in (self._offsets, self._positions, self._newest_before):
            del column[kept:]

    def encoded(self) -> bytes:
        columns = b"".join(
            column.tobytes() for column in (self._offsets, self._positions, self._newest_before)
        )
        return FILE_HEADER.pack(FILE_MAGIC, len(self), zlib.crc32(columns)) + columns


def decoded(data: bytes) -> SparseIndex | None:
    """Return the index of a file, or None where it is damaged: it can be built again."""
    if len(data) < FILE_HEADER.size:
        return None
    magic, count, checksum = FILE_HEADER.unpack_from(data)
    columns = data[FILE_HEADER.size :]
    if (
        magic != FILE_MAGIC
        or len(columns) != ENTRY_BYTES * count
        or zlib.crc32(columns) != checksum
    ):
        return None
    return SparseIndex(*(columns[8 * count * n : 8 * count * (n + 1)] for n in range(3)))

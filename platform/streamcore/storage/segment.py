"""A segment: one file of consecutive batches, named by its base offset.

What is in the file up to `size` is whole batches. A failed append may leave part of a
batch behind `size`; it is cut before anything else is written.

Where a log is compacted, offsets may be missing between batches and inside them, and batches
may be empty; the last batch of a cleaned segment still ends where the next segment begins.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from groundwork.seams import AppendFile
from streamcore.record.batch import (
    HEADER_SIZE,
    LENGTH_PREFIX,
    LENGTH_PREFIX_SIZE,
    BatchHeader,
    read_header,
)
from streamcore.record.places import Offset
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.storage.index import INTERVAL_BYTES, NO_TIMESTAMP, SparseIndex

# How much a walk over headers reads at once.
WALK_BYTES = 1 << 16


class PlacedBatch(NamedTuple):
    """A batch that has its offset: ready to be written, cached and fetched."""

    base_offset: Offset
    next_offset: Offset
    max_timestamp: int
    data: bytes


class Segment:
    """Appends to one file and finds batches in it."""

    def __init__(self, path: str, base_offset: Offset, file: AppendFile) -> None:
        self.path = path
        self.base_offset = base_offset
        self.next_offset = base_offset
        self.file = file
        self.size = 0
        self.index = SparseIndex()
        self.newest_timestamp = NO_TIMESTAMP
        self.created_ms = 0
        self.written_ms = 0
        self.aborted: list[AbortedTransaction] = []  # whose markers lie here, in their order
        self.is_aborted_file_due = False
        self._index_interval_bytes = INTERVAL_BYTES
        self.jitter_ms = 0  # by how much it is rolled earlier than its age asks for
        self._index_due_at = INTERVAL_BYTES
        self._is_torn = False
        self._first_timestamp: int | None = None

    @property
    def age_from_ms(self) -> int:
        """From when on its newest record ages: no later than it was written.

        A record dated in the far future, or not at all, must not be kept for ever.
        """
        if self.newest_timestamp < 0:
            return self.written_ms
        return min(self.newest_timestamp, self.written_ms)

    def begin(self, *, now_ms: int, jitter_ms: int, index_interval_bytes: int) -> None:
        """Note when, and under which of the topic's settings, its first batch comes."""
        self.created_ms = now_ms
        self.jitter_ms = jitter_ms
        self._index_interval_bytes = self._index_due_at = index_interval_bytes

    def append(self, batches: Sequence[PlacedBatch]) -> None:
        """Write `batches` at the end with one call. Raises `StorageFailed`; then none is in."""
        if self._is_torn:
            self._cut_torn_write()
        try:
            self.file.append([batch.data for batch in batches])
        except OSError as error:
            self._is_torn = True
            failure = StorageFailed(self.path, error)
            with suppress(StorageFailed):  # is tried again before the next write
                self._cut_torn_write()
            raise failure from error
        for batch in batches:
            self.note(batch.base_offset, batch.next_offset, batch.max_timestamp, len(batch.data))

    def note_aborted(self, aborted: Sequence[AbortedTransaction]) -> None:
        """Transactions were aborted by markers that lie in this segment."""
        self.aborted += aborted
        self.is_aborted_file_due = True

    def _cut_torn_write(self) -> None:
        try:
            self.file.truncate(self.size)
        except OSError as error:
            raise StorageFailed(self.path, error) from error
        self._is_torn = False

    def note(self, base: Offset, next_offset: Offset, max_timestamp: int, size: int) -> None:
        """Count a batch that lies at the end of what was known of the file."""
        if self.size >= self._index_due_at:
            self.index.add(base, self.size, newest_before=self.newest_timestamp)
            self._index_due_at = self.size + self._index_interval_bytes
        self.size += size
        self.next_offset = next_offset
        if max_timestamp > self.newest_timestamp:
            self.newest_timestamp = max_timestamp

    def read(self, offset: Offset, *, bytes_max: int, before: Offset | None = None) -> memoryview:
        """Return whole batches from the one that contains `offset`.

        At least one, even if it is larger than `bytes_max`; empty only when all of the
        segment lies before `offset`. None that begins at or behind `before`, which lies
        behind `offset`. Raises `SegmentCorrupt`.
        """
        start, header = self.find(offset)
        if header is None:
            return memoryview(b"")
        end = self.size if before is None else self.find(before)[0]
        wanted = max(header.size, min(bytes_max, end - start))
        data = self.file.read_at(start, wanted)
        if len(data) < header.size:
            raise SegmentCorrupt(self.path, start, f"only {len(data)} bytes are readable")
        whole = self._whole_batches(data, start)
        return memoryview(data)[: max(whole, header.size)]

    def _whole_batches(self, data: bytes, start: int) -> int:
        """How many bytes of `data`, which was read at `start`, are whole batches."""
        position = max(0, self.index.position_at_or_before(start + len(data)) - start)
        while position + LENGTH_PREFIX_SIZE <= len(data):
            _, length = LENGTH_PREFIX.unpack_from(data, position)
            size = length + LENGTH_PREFIX_SIZE
            if size < HEADER_SIZE:
                raise SegmentCorrupt(self.path, start + position, f"batch length {length}")
            if position + size > len(data):
                break
            position += size
        return position

    def find(self, offset: Offset) -> tuple[int, BatchHeader | None]:
        """Return position and header of the first batch that ends after `offset`."""
        entry = self.index.at_or_before(offset)
        return self._walk(entry.position if entry else 0, until_offset=offset)

    def find_time(self, timestamp: int, *, behind: int = 0) -> tuple[int, BatchHeader | None]:
        """Return position and header of the first batch with a record as new as `timestamp`,
        at or after the position `behind`, where a batch begins."""
        entry = self.index.before_time(timestamp)
        start = max(behind, entry.position if entry else 0)
        return self._walk(start, until_timestamp=timestamp)

    def newest_from(self, position: int, *, known: int) -> int:
        """The largest timestamp at or after `position`, where a batch begins, or else `known`.

        The end is looked at first: where time goes forward, one walk then finds nothing larger.
        """
        last = self.index.last()
        for start in (max(position, last.position if last else 0), position):
            at, header = self._walk(start, until_timestamp=known + 1)
            while header is not None:
                # Of a batch that was cleaned empty the header still tells of what was in it.
                known = header.max_timestamp if header.record_count else known
                at, header = self._walk(at + header.size, until_timestamp=known + 1)
        return known

    def _walk(
        self,
        position: int,
        *,
        until_offset: int = -1,
        until_timestamp: int = NO_TIMESTAMP,
    ) -> tuple[int, BatchHeader | None]:
        data = b""
        data_at = position
        while position + HEADER_SIZE <= self.size:
            if position + HEADER_SIZE > data_at + len(data):
                data, data_at = self.file.read_at(position, WALK_BYTES), position
                if len(data) < HEADER_SIZE:
                    raise SegmentCorrupt(self.path, position, "the file ends inside a header")
            header = read_header(data, position - data_at)
            if header.size < HEADER_SIZE:
                raise SegmentCorrupt(self.path, position, f"batch length {header.batch_length}")
            if header.next_offset > until_offset and header.max_timestamp >= until_timestamp:
                return position, header
            position += header.size
        return self.size, None

    def first_timestamp(self) -> int:
        """The newest timestamp in the first batch; -1 without one. Raises `OSError`."""
        if self._first_timestamp is None and self.size:
            header = read_header(self.file.read_at(0, HEADER_SIZE))
            self._first_timestamp = header.max_timestamp
        return NO_TIMESTAMP if self._first_timestamp is None else self._first_timestamp

    def take_index(self, index: SparseIndex) -> None:
        """Know the segment up to the last entry of an index that was read from its file."""
        last = index.last()
        if last is not None:
            self.index = index
            self.size = last.position
            self.next_offset = last.offset
            self.newest_timestamp = last.newest_before
            self._index_due_at = last.position + INTERVAL_BYTES

    def take_cleaned(
        self, index: SparseIndex, *, next_offset: Offset, size: int, newest_timestamp: int
    ) -> None:
        """Know all of a segment that the cleaner has written and closed."""
        self.index = index
        self.size = size
        self.next_offset = next_offset
        self.newest_timestamp = newest_timestamp

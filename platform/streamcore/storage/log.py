"""The log of one partition: its segments, in order.

Owns no clock and starts no thread. What must be made durable is handed out by
`take_unsynced`; the shell syncs it elsewhere and says so with `synced`.
"""

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from groundwork.seams import AppendFile, Directory
from streamcore.record.places import Offset
from streamcore.record.records import read_records
from streamcore.storage import aborted_transactions
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.checkpoint import CleanedUpTo
from streamcore.storage.failures import StorageFailed
from streamcore.storage.index import INTERVAL_BYTES, NO_TIMESTAMP
from streamcore.storage.paths import aborted_path, folders_down_to, index_path, segment_path
from streamcore.storage.segment import PlacedBatch, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """When to roll and what to keep. A negative retention is no limit."""

    segment_bytes: int
    segment_ms: int
    retention_ms: int
    retention_bytes: int
    # Of a segment from its first batch on:
    segment_jitter_ms: int = 0
    index_interval_bytes: int = INTERVAL_BYTES

    def jitter_of(self, path: str) -> int:
        """By how much a segment is rolled early: from its name, so that no two are alike."""
        bound = min(self.segment_jitter_ms, self.segment_ms)
        return zlib.crc32(path.encode()) % bound if bound else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsynced:
    """What has to reach the disk: files to sync, and files to write beside segments.

    `folders` hold names of files that a loss of power could take away, with all in them.
    """

    files: tuple[AppendFile, ...]
    folders: tuple[str, ...]
    indexes: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOffset:
    """A record that was found by its timestamp."""

    offset: Offset
    timestamp: int


class PartitionLog:
    """Appends, reads, rolls and drops segments. `recovery.open_log` makes one."""

    def __init__(
        self,
        directory: Directory,
        folder: str,
        segments: list[Segment],
        *,
        start_offset: Offset,
        cleaned: CleanedUpTo,
    ) -> None:
        assert segments, "a log has an active segment"
        self._directory = directory
        self.folder = folder
        self._segments = segments
        self._bases = [segment.base_offset for segment in segments]
        self.start_offset = start_offset
        self.cleaned = cleaned
        self._unsynced: dict[str, Segment] = {}
        self._indexes_due: dict[str, Segment] = {}
        self._indexed = 0  # how much of the active segment its index file covers
        # Whoever made its files, and the folders they lie in, may not have synced their names.
        self._folders_due = folders_down_to(folder)

    @property
    def active(self) -> Segment:
        return self._segments[-1]

    @property
    def next_offset(self) -> Offset:
        return self._segments[-1].next_offset

    @property
    def segments(self) -> Sequence[Segment]:
        return self._segments

    @property
    def bytes_held(self) -> int:
        return sum(segment.size for segment in self._segments)

    def append(
        self,
        batches: Sequence[PlacedBatch],
        *,
        now_ms: int,
        limits: LogLimits,
        aborted: Sequence[AbortedTransaction] = (),
    ) -> None:
        """Write `batches` to the active segment. Raises `StorageFailed`; then none is in.

        `aborted` are the transactions that markers among them abort.
        """
        active = self._segments[-1]
        size = sum([len(batch.data) for batch in batches])
        if active.size and (
            active.size + size > limits.segment_bytes
            or now_ms - active.created_ms >= limits.segment_ms - active.jitter_ms
        ):
            active = self.roll(now_ms=now_ms)
        if not active.size:
            active.begin(
                now_ms=now_ms,
                jitter_ms=limits.jitter_of(active.path),
                index_interval_bytes=limits.index_interval_bytes,
            )
        active.append(batches)
        active.written_ms = now_ms
        if aborted:
            active.note_aborted(aborted)
        self._unsynced[active.path] = active

    def roll(self, *, now_ms: int) -> Segment:
        """Close the active segment and start the next. Raises `StorageFailed`."""
        old = self._segments[-1]
        path = segment_path(self.folder, old.next_offset)
        try:
            file = self._directory.open_append(path)
        except OSError as error:
            raise StorageFailed(path, error) from error
        fresh = Segment(path, old.next_offset, file)
        fresh.created_ms = now_ms
        self._indexes_due[old.path] = old
        self._unsynced[old.path] = old
        self._segments.append(fresh)
        self._folders_due = self._folders_due or (self.folder,)
        self._indexed = 0
        self._bases.append(fresh.base_offset)
        return fresh

    def take_unsynced(self, *, index_growth_bytes: int | None = None) -> Unsynced:
        """What was written since the last call; the caller now owes the sync.

        `index_growth_bytes` is given where a checkpoint follows: recovery will not look at
        what lies before it, so what it would find there is written down. The active
        segment's index is, when the segment has grown by as much, so that recovery walks
        over fewer headers.
        """
        active = self.active
        beside = []
        if index_growth_bytes is not None:
            if active.size - self._indexed > index_growth_bytes:
                self._indexes_due[active.path] = active
                self._indexed = active.size
            beside = self._take_aborted()
        unsynced = Unsynced(
            files=tuple(segment.file for segment in self._unsynced.values()),
            folders=self._folders_due if self._unsynced else (),
            indexes=(
                *beside,
                *(
                    (index_path(path), segment.index.encoded())
                    for path, segment in self._indexes_due.items()
                ),
            ),
        )
        if self._unsynced:
            self._folders_due = ()
        self._unsynced.clear()
        self._indexes_due.clear()
        return unsynced

    def _take_aborted(self) -> list[tuple[str, bytes]]:
        due = [segment for segment in self._segments if segment.is_aborted_file_due]
        for segment in due:
            segment.is_aborted_file_due = False
        return [
            (aborted_path(segment.path), aborted_transactions.encoded(segment.aborted))
            for segment in due
        ]

    @property
    def has_unsynced(self) -> bool:
        """Whether the disk is not known to have all of it."""
        return bool(self._unsynced)

    def mark_unsynced(self) -> None:
        """A sync of this log failed: all of it has to be synced again."""
        self._unsynced.update({segment.path: segment for segment in self._segments})
        self._folders_due = folders_down_to(self.folder)
        for segment in self._segments:
            segment.is_aborted_file_due = segment.is_aborted_file_due or bool(segment.aborted)

    def _segment_of(self, offset: Offset) -> int:
        return max(0, bisect_right(self._bases, offset) - 1)

    def read(self, offset: Offset, *, bytes_max: int, before: Offset | None = None) -> memoryview:
        """Return whole batches from the one that contains `offset`, out of one segment.

        At least one batch when there is one; none that begins at or behind `before`, which
        lies behind `offset`. Raises `SegmentCorrupt` and `StorageFailed`.
        """
        for segment in self._segments[self._segment_of(offset) :]:
            try:
                found = segment.read(offset, bytes_max=bytes_max, before=before)
            except OSError as error:
                raise StorageFailed(segment.path, error) from error
            if found:
                return found
        return memoryview(b"")

    def aborted_between(self, offset: Offset, end: Offset) -> list[AbortedTransaction]:
        """Return the aborted transactions with records at or behind `offset` and before `end`."""
        return [
            each
            for segment in self._segments[self._segment_of(offset) :]
            for each in segment.aborted
            if each.first_offset < end and each.last_offset >= offset
        ]

    def first_at(self, timestamp: int) -> TimedOffset | None:
        """The first record whose timestamp is at least `timestamp`, or None.

        Raises `SegmentCorrupt`, `StorageFailed`, and `BatchCorrupt` for unreadable records.
        """
        for segment in self._segments:
            if segment.newest_timestamp < timestamp:
                continue
            try:
                found = self._first_in(segment, timestamp)
            except OSError as error:
                raise StorageFailed(segment.path, error) from error
            if found is not None:
                return found
        return None

    def _first_in(self, segment: Segment, timestamp: int) -> TimedOffset | None:
        """A batch that says it has a record as new may have lost it to the log start since, or
        say what is not so: then the batches behind it are looked at."""
        position, header = segment.find_time(timestamp)
        while header is not None:
            if header.next_offset > self.start_offset:
                for record in read_records(segment.file.read_at(position, header.size)):
                    if record.timestamp >= timestamp and record.offset >= self.start_offset:
                        return TimedOffset(offset=Offset(record.offset), timestamp=record.timestamp)
            position, header = segment.find_time(timestamp, behind=position + header.size)
        return None

    def newest(self) -> TimedOffset | None:
        """The record with the largest timestamp, the first of several; None without a dated one.

        Raises what `first_at` does.
        """
        first, *others = self._segments
        newest = max([segment.newest_timestamp for segment in others], default=NO_TIMESTAMP)
        if first.newest_timestamp > newest:
            newest = max(newest, self._newest_left_in(first))
        return None if newest == NO_TIMESTAMP else self.first_at(newest)

    def _newest_left_in(self, segment: Segment) -> int:
        """The largest timestamp of the oldest segment, whose first records may be deleted."""
        if segment.base_offset >= self.start_offset:
            return segment.newest_timestamp
        try:
            position, header = segment.find(self.start_offset)
            if header is None:
                return NO_TIMESTAMP
            records = read_records(segment.file.read_at(position, header.size))
            left = [each.timestamp for each in records if each.offset >= self.start_offset]
            newest = max(left, default=NO_TIMESTAMP)
            return segment.newest_from(position + header.size, known=newest)
        except OSError as error:
            raise StorageFailed(segment.path, error) from error

    def cut_front(self, offset: Offset) -> list[Segment]:
        """Move the log start offset up to `offset`; return the segments that fell out.

        The caller removes their files with `remove_files`, when nobody syncs them.
        """
        assert offset <= self.next_offset, "the log start may not pass the log end"
        self.start_offset = max(self.start_offset, offset)
        gone = []
        while len(self._segments) > 1 and self._segments[1].base_offset <= self.start_offset:
            gone.append(self._segments.pop(0))
            self._bases.pop(0)
        self._forget_unsynced(gone)
        return gone

    def closed_segments(self, base_offset: Offset, next_offset: Offset) -> list[Segment]:
        """The closed segments from one offset up to another; none where it has others there."""
        first = bisect_left(self._bases, base_offset)
        found = self._segments[first : bisect_left(self._bases, next_offset)]
        is_whole = bool(found) and (
            found[0].base_offset == base_offset
            and found[-1].next_offset == next_offset
            and found[-1] is not self.active
        )
        return found if is_whole else []

    def replace(self, base_offset: Offset, cleaned: Segment) -> list[Segment] | None:
        """Let a cleaned segment stand for the closed ones from `base_offset` up to its end.

        Return them: the caller closes and removes their files, when nobody syncs them. None,
        and nothing is changed, where they are not all here any more.
        """
        old = self.closed_segments(base_offset, cleaned.next_offset)
        if not old:
            return None
        first = bisect_left(self._bases, base_offset)
        self._segments[first : first + len(old)] = [cleaned]
        self._bases[first : first + len(old)] = [cleaned.base_offset]
        self._forget_unsynced(old)
        return old

    def _forget_unsynced(self, gone: Sequence[Segment]) -> None:
        for segment in gone:
            self._unsynced.pop(segment.path, None)
            self._indexes_due.pop(segment.path, None)

    def remove_files(self, segments: Sequence[Segment]) -> None:
        """Close and delete the files of segments that `cut_front` returned."""
        for segment in segments:
            segment.file.close()
            self._directory.remove(segment.path)
            self._directory.remove(index_path(segment.path))
            self._directory.remove(aborted_path(segment.path))

    def close(self) -> None:
        for segment in self._segments:
            segment.file.close()

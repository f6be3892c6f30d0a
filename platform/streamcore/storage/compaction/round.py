"""One round over the files of one log: reads old segments, writes new ones, swaps nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from groundwork.seams import AppendFile, Directory
from streamcore.record.places import Offset
from streamcore.storage.compaction.chunks import Chunk, chunks_of
from streamcore.storage.compaction.cleaning import (
    BatchCleaner,
    CleanedBatch,
    CleaningRules,
    KeyCollector,
)
from streamcore.storage.compaction.job import (
    CleanedGroup,
    CleaningJob,
    RoundSummary,
    SourceSegment,
)
from streamcore.storage.compaction.key_digests import KeyDigests
from streamcore.storage.compaction.offset_map import OffsetMap
from streamcore.storage.compaction.planning import grouped
from streamcore.storage.paths import CLEANED_SUFFIX, index_path, segment_path
from streamcore.storage.segment import Segment

# Synced in parts: one large sync at the end would make the broker's own syncs wait.
SYNC_EVERY_BYTES: Final = 8 << 20

OnBytes = Callable[[int], None]


class CleaningRound:
    """Works through a job. `on_bytes` hears of all that is read and written, and may delay it."""

    def __init__(
        self, directory: Directory, job: CleaningJob, *, secret: int, on_bytes: OnBytes
    ) -> None:
        self._directory = directory
        self._job = job
        self._on_bytes = on_bytes
        self._keys = OffsetMap(bytes_max=job.key_map_bytes, secret=secret)
        self._digests = KeyDigests(secret)
        self._cleaner = BatchCleaner(
            self._keys,
            self._digests,
            job.aborted,
            CleaningRules(
                now_ms=job.now_ms,
                delete_retention_ms=job.delete_retention_ms,
                producers=dict(job.producers),
            ),
        )

    def groups(self) -> Iterator[CleanedGroup]:
        """Collect keys, then yield each group when its file is complete and synced.

        Raises `SegmentCorrupt` and `OSError`; of the group under way no file is left then.
        """
        self._collect_keys()
        for group in grouped(
            self._job.segments, end=self._keys.end, segment_bytes=self._job.segment_bytes
        ):
            yield self._cleaned(group)

    def summary(self) -> RoundSummary:
        """What it came to, when all groups are through."""
        counts = self._cleaner.counts
        return RoundSummary(
            clean_to=self._keys.end,
            records_read=counts.records_read,
            records_kept=counts.records_kept,
            keyless_records=counts.keyless_records,
        )

    def _collect_keys(self) -> None:
        collector = KeyCollector(
            self._keys, self._digests, self._job.aborted, start=self._job.first_dirty
        )
        for segment in self._job.segments:
            if segment.next_offset <= self._job.first_dirty:
                continue
            for chunk in self._chunks(segment):
                if not collector.collect(chunk):
                    return

    def _chunks(self, segment: SourceSegment) -> Iterator[Chunk]:
        path = segment_path(self._job.folder, segment.base_offset)
        file = self._directory.open_existing(path)
        try:
            for chunk in chunks_of(file, path=path, size=segment.size):
                self._on_bytes(len(chunk.batches.data))
                yield chunk
        finally:
            file.close()

    def _cleaned(self, sources: Sequence[SourceSegment]) -> CleanedGroup:
        path = segment_path(self._job.folder, sources[0].base_offset) + CLEANED_SUFFIX
        file = self._directory.open_new(path)
        try:
            return self._written(sources, path, file)
        except BaseException:
            with suppress(OSError):
                self._directory.remove(path)
            raise
        finally:
            file.close()

    def _written(
        self, sources: Sequence[SourceSegment], path: str, file: AppendFile
    ) -> CleanedGroup:
        end = sources[-1].next_offset
        writing = _Writing(path, sources[0].base_offset, file, self._on_bytes)
        changed_before = self._cleaner.counts.batches_changed
        for source in sources:
            for chunk in self._chunks(source):
                writing.write(self._cleaner.clean(chunk, end=end))
        is_changed = self._cleaner.counts.batches_changed > changed_before or len(sources) > 1
        if is_changed:
            self._finish(writing.segment)
        else:
            self._directory.remove(path)
        return CleanedGroup(
            base_offset=sources[0].base_offset,
            next_offset=end,
            bytes_read=sum(source.size for source in sources),
            path=path if is_changed else None,
            size=writing.segment.size,
            newest_timestamp=writing.segment.newest_timestamp,
            aborted=tuple(self._cleaner.aborted_kept()),
        )

    def _finish(self, segment: Segment) -> None:
        segment.file.fsync()
        path = index_path(segment.path.removesuffix(CLEANED_SUFFIX)) + CLEANED_SUFFIX
        index = self._directory.open_new(path)
        try:
            index.append([segment.index.encoded()])
            index.fsync()
        finally:
            index.close()


class _Writing:
    """A cleaned segment that grows."""

    def __init__(self, path: str, base: Offset, file: AppendFile, on_bytes: OnBytes) -> None:
        self.segment = Segment(path, base, file)
        self._on_bytes = on_bytes
        self._unsynced = 0

    def write(self, batches: Sequence[CleanedBatch]) -> None:
        if not batches:
            return
        size = sum([len(batch.data) for batch in batches])
        self.segment.file.append([batch.data for batch in batches])
        for base, next_offset, newest, data in batches:
            self.segment.note(base, next_offset, newest, len(data))
        self._on_bytes(size)
        self._unsynced += size
        if self._unsynced >= SYNC_EVERY_BYTES:
            self.segment.file.fsync()
            self._unsynced = 0

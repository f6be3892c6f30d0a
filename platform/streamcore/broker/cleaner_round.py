"""One round over one log: what is safe is noted, a worker cleans, new segments take their places.

The log may change under a round: records are deleted, segments expire, the topic goes. Then
the round stops there. It never goes on behind a group that found no place: a tombstone may
only go when all older records of its key have gone.
"""

from collections.abc import Callable, Sequence
from functools import partial

from groundwork.seams import Directory
from streamcore.broker.durability import Durability
from streamcore.partition.replica import Replica
from streamcore.storage.compaction.checkpoint import CleanedUpTo, write_cleaned
from streamcore.storage.compaction.job import (
    CleanedGroup,
    CleaningFailed,
    CleaningJob,
    CleaningWorker,
    RoundSummary,
)
from streamcore.storage.compaction.planning import Dirt
from streamcore.storage.compaction.swap import commit, finish, remove_unfinished, undo
from streamcore.storage.segment import Segment


class SwapUnfinished(Exception):
    """Files have other names than they should: the next start makes up for it.

    Until then a worker would take one for the other.
    """


class LogRound:
    """Leads a worker through a job."""

    def __init__(
        self,
        directory: Directory,
        durability: Durability,
        replica: Replica,
        *,
        is_here: Callable[[Replica], bool],
    ) -> None:
        self._directory = directory
        self._durability = durability
        self._replica = replica
        self._is_here = is_here
        self._folder = replica.log.folder
        self.segments_read = 0
        self.segments_written = 0
        self.bytes_read = 0
        self.bytes_written = 0

    async def run(
        self, job: CleaningJob, dirt: Dirt, worker: CleaningWorker
    ) -> RoundSummary | None:
        """Do the round; None when the log changed under it.

        Raises `SegmentCorrupt`, `CleaningFailed`, `SwapUnfinished` and `OSError`.
        """
        # Records are about to go for the sake of later ones: these must last. And recovery must
        # not look for a segment that is about to go.
        if not await self._durability.settle(self._replica):
            raise CleaningFailed("the disk refused to sync it")
        gaps_below = max(self._replica.log.cleaned.gaps_below, dirt.end)
        try:
            if not await self._note(CleanedUpTo(dirt.first_dirty, gaps_below)):
                return None
            summary = await worker.clean(job, self._take)
        finally:
            if self._is_here(self._replica):
                self._durability.run_later(
                    partial(remove_unfinished, self._directory, self._folder), "unfinished cleaning"
                )
        if summary is None or not await self._note(CleanedUpTo(summary.clean_to, gaps_below)):
            return None
        return summary

    async def _note(self, cleaned: CleanedUpTo) -> bool:
        if not self._is_here(self._replica):
            return False
        await self._durability.call(partial(_note_on_disk, self._directory, self._folder, cleaned))
        self._replica.log.cleaned = cleaned
        return True

    async def _take(self, group: CleanedGroup) -> bool:
        """Put a group's new segment in place; False when the log has changed there."""
        log = self._replica.log
        old = log.closed_segments(group.base_offset, group.next_offset)
        self.bytes_read += group.bytes_read
        self.segments_read += len(old)
        if group.path is None:
            self.segments_written += len(old)
            self.bytes_written += group.bytes_read
            return bool(old)
        if not old or not self._is_here(self._replica):
            return False
        cleaned = await self._durability.call(
            partial(commit, self._directory, self._folder, group, old)
        )
        if not self._is_here(self._replica) or not self._replica.put_cleaned(
            group.base_offset, cleaned
        ):
            self._durability.run_later(partial(self._undo, cleaned), "undoing a cleaning")
            return False
        try:
            await self._durability.call(partial(self._finish, cleaned, old))
        except OSError as error:
            raise SwapUnfinished(f"{cleaned.path}: {error}") from error
        self.segments_written += 1
        self.bytes_written += group.size
        return True

    def _finish(self, cleaned: Segment, old: Sequence[Segment]) -> None:
        for segment in old:
            segment.file.close()
        bases = [segment.base_offset for segment in old]
        finish(self._directory, self._folder, cleaned.base_offset, bases)

    def _undo(self, cleaned: Segment) -> None:
        cleaned.file.close()
        undo(self._directory, self._folder, cleaned.base_offset)

    def in_words(self, summary: RoundSummary) -> str:
        """What it came to, for the journal."""
        text = (
            f"cleaned up to offset {summary.clean_to}: {self.segments_read} segments of"
            f" {self.bytes_read / 1e6:.1f} MB are {self.segments_written} of"
            f" {self.bytes_written / 1e6:.1f} MB, {summary.records_kept} of"
            f" {summary.records_read} records stay"
        )
        if summary.keyless_records:
            text += f", {summary.keyless_records} had no key"
        return text


def _note_on_disk(directory: Directory, folder: str, cleaned: CleanedUpTo) -> None:
    remove_unfinished(directory, folder)
    write_cleaned(directory, folder, cleaned)

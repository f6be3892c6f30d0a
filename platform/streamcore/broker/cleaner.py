"""Compacts logs: looks for the dirtiest, has a worker clean it, puts the new segments in place.

Only decisions are made on the event loop. The worker reads and writes segments in a process
of its own; files are renamed and removed in the disk's one thread, between syncs.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from groundwork.seams import Clock, Directory
from streamcore.broker.cleaner_round import LogRound, SwapUnfinished
from streamcore.broker.durability import Durability
from streamcore.broker.said_once import SaidOnce
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topics import TopicCatalogue
from streamcore.partition.replica import Replica
from streamcore.record.places import Offset
from streamcore.storage.compaction.job import (
    CleaningFailed,
    CleaningJob,
    CleaningWorker,
    SourceSegment,
    WorkerDied,
)
from streamcore.storage.compaction.planning import Dirt, dirt_of, is_older_than
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.storage.segment import Segment

logger = logging.getLogger("hailstream.cleaner")

# A log that brings its worker down as often as this is left alone.
DEATHS_MAX: Final = 3


class Cleaner:
    """The rounds of one broker, and their figures."""

    def __init__(
        self,
        directory: Directory,
        *,
        clock: Clock,
        settings: BrokerSettings,
        topics: TopicCatalogue,
        durability: Durability,
        worker: CleaningWorker,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._topics = topics
        self._durability = durability
        self._worker = worker
        self._deaths_in_a_row: dict[Replica, int] = {}
        self._set_aside: set[Replica] = set()
        self._said_once = SaidOnce()
        self._last_round_ms: int | None = None
        self.rounds = 0
        self.failures = 0
        self.bytes_cleaned = 0
        self.dirty_ratio_max = 0.0

    @property
    def set_aside_count(self) -> int:
        """Logs that are not cleaned any more until the next start."""
        return len(self._set_aside)

    def seconds_since_round(self) -> float:
        """Since the last round ended; -1 before the first."""
        if self._last_round_ms is None:
            return -1.0
        return (self._clock.monotonic_ms() - self._last_round_ms) / 1000

    async def run(self) -> None:
        """Clean what is due each `log_cleaner_backoff_ms`, until cancelled."""
        worked_ms = self._clock.monotonic_ms()
        while True:
            started_ms = self._clock.monotonic_ms()
            if await self.clean_what_is_due():
                worked_ms = self._clock.monotonic_ms()
            elif started_ms - worked_ms >= self._settings.log_cleaner_worker_idle_ms:
                await self._worker.close()
            await self._clock.sleep_until(started_ms + self._settings.log_cleaner_backoff_ms)

    async def close(self) -> None:
        await self._worker.close()

    async def clean_what_is_due(self) -> int:
        """Do rounds, dirtier logs first, until none is due; return how many there were."""
        count = 0
        left_alone: set[Replica] = set()
        while due := self._due(left_alone):
            for replica in due:
                # It may have changed, or gone, while others were cleaned.
                dirt = self._due_dirt_of(replica) if self._is_here(replica) else None
                count += dirt is not None
                if dirt is None or not await self._clean(replica, dirt):
                    left_alone.add(replica)
        return count

    # Which log

    def _due(self, left_alone: set[Replica]) -> list[Replica]:
        """Survey all logs; return those to clean, the dirtiest first."""
        existing = self._topics.replicas()
        self._set_aside.intersection_update(existing)
        self.dirty_ratio_max = 0.0
        ratios: dict[Replica, float] = {}
        for replica in existing:
            dirt = self._dirt_of(replica)
            if dirt is not None:
                self.dirty_ratio_max = max(self.dirty_ratio_max, dirt.ratio)
                if replica not in left_alone and _is_due(replica, dirt):
                    ratios[replica] = dirt.ratio
        return sorted(ratios, key=lambda replica: ratios[replica], reverse=True)

    def _due_dirt_of(self, replica: Replica) -> Dirt | None:
        dirt = self._dirt_of(replica)
        return dirt if dirt is not None and _is_due(replica, dirt) else None

    def _dirt_of(self, replica: Replica) -> Dirt | None:
        """Survey a log that is compacted. An active segment dirty for too long is closed for it."""
        limits = replica.limits.compaction
        if limits is None or replica in self._set_aside:
            return None
        now_ms = self._clock.now_ms()
        log = replica.log
        try:
            if log.active.size and is_older_than(
                limits.max_compaction_lag_ms, log.active, now_ms=now_ms
            ):
                log.roll(now_ms=now_ms)
                self._durability.owe_sync(replica)
            return dirt_of(
                log.segments,
                first_dirty=log.cleaned.first_dirty,
                first_uncleanable=replica.last_stable_offset,
                min_lag_ms=limits.min_compaction_lag_ms,
                max_lag_ms=limits.max_compaction_lag_ms,
                now_ms=now_ms,
            )
        except (OSError, StorageFailed) as failure:
            self._say_failure(replica, failure)
            return None

    # One round

    async def _clean(self, replica: Replica, dirt: Dirt) -> bool:
        """Do a round; False when it came to nothing."""
        started_ms = self._clock.monotonic_ms()
        work = LogRound(self._directory, self._durability, replica, is_here=self._is_here)
        try:
            summary = await work.run(self._job(replica, dirt), dirt, self._worker)
        except (SegmentCorrupt, SwapUnfinished) as fault:
            self._put_aside(replica, str(fault))
            return False
        except WorkerDied as failure:
            self._count_death(replica, failure)
            return False
        except (OSError, CleaningFailed) as failure:
            self._say_failure(replica, failure)
            return False
        if summary is None:
            return False
        self._deaths_in_a_row.pop(replica, None)
        self.rounds += 1
        self.bytes_cleaned += work.bytes_read
        self._last_round_ms = self._clock.monotonic_ms()
        seconds = (self._last_round_ms - started_ms) / 1000
        logger.info("%s: %s in %.1f s", replica.log.folder, work.in_words(summary), seconds)
        return True

    def _is_here(self, replica: Replica) -> bool:
        return self._topics.replica(*replica.key) is replica

    def _job(self, replica: Replica, dirt: Dirt) -> CleaningJob:
        limits = replica.limits.compaction
        assert limits is not None, "only compacted logs are dirty"
        return CleaningJob(
            folder=replica.log.folder,
            segments=tuple(_sources(replica.log.segments, dirt)),
            first_dirty=dirt.first_dirty,
            segment_bytes=replica.limits.log.segment_bytes,
            now_ms=self._clock.now_ms(),
            delete_retention_ms=limits.delete_retention_ms,
            key_map_bytes=self._settings.log_cleaner_dedupe_buffer_size,
            bytes_per_second=self._settings.log_cleaner_io_max_bytes_per_second,
            aborted=tuple(replica.log.aborted_between(Offset(0), dirt.end)),
            producers=tuple(replica.producers.last_offsets().items()),
        )

    # What goes wrong

    def _say_failure(self, replica: Replica, failure: Exception) -> None:
        self.failures += 1
        line = f"{replica.log.folder} was not cleaned: {failure}"
        if self._said_once.is_new(line):
            logger.error("%s", line)

    def _count_death(self, replica: Replica, death: WorkerDied) -> None:
        count = self._deaths_in_a_row.get(replica, 0) + 1
        if count < DEATHS_MAX:
            self._deaths_in_a_row[replica] = count
            self._say_failure(replica, death)
        else:
            del self._deaths_in_a_row[replica]
            self._put_aside(replica, f"{count} times in a row {death}")

    def _put_aside(self, replica: Replica, reason: str) -> None:
        self.failures += 1
        self._set_aside.add(replica)
        logger.error("%s is not cleaned any more: %s", replica.log.folder, reason)


def _is_due(replica: Replica, dirt: Dirt) -> bool:
    limits = replica.limits.compaction
    return limits is not None and dirt.is_due(limits.min_cleanable_dirty_ratio)


def _sources(segments: Sequence[Segment], dirt: Dirt) -> Iterator[SourceSegment]:
    for segment in segments:
        if segment.next_offset <= dirt.end:
            yield SourceSegment(segment.base_offset, segment.next_offset, segment.size)

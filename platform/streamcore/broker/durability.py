"""Group commit, checkpoints and removal of files: all that blocks, in one thread of its own.

One thread, so that a file is never closed while it is being synced: jobs run in the
order in which they were given.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

from groundwork.seams import Clock, Directory
from streamcore.broker.append_round import OnKept
from streamcore.broker.checkpoints import ReplicaCheckpoint, checkpoint_of, write_checkpoints
from streamcore.broker.clean_end import mark_clean_end
from streamcore.broker.settings import BrokerSettings
from streamcore.partition.replica import Appended, Replica
from streamcore.storage.log import Unsynced
from streamcore.storage.segment import Segment

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# How much of a segment recovery may have to walk without an index.
INDEX_GROWTH_BYTES = 8 << 20


class _Removal(NamedTuple):
    """Files that go at `due_ms` (monotonic)."""

    due_ms: int
    job: Callable[[], None]
    what: str


class Durability:
    """Makes appended batches durable every `flush_interval_ms`, and says so to who waits."""

    def __init__(
        self,
        directory: Directory,
        *,
        clock: Clock,
        settings: BrokerSettings,
        replicas: Callable[[], Sequence[Replica]],
        flush_interval_ms: Callable[[], int],
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._replicas = replicas
        self._flush_interval_ms = flush_interval_ms
        self._dirty: dict[Replica, None] = {}
        self._waiting: list[OnKept] = []
        self._work = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")
        self._checkpoints: dict[str, ReplicaCheckpoint] = {}
        self._unchecked: dict[Replica, None] = {}
        self._checkpoint_due_ms = 0
        self._is_failing = False
        self._removals: list[_Removal] = []
        self.sync_rounds = 0

    def on_appended(self, replica: Replica, _: Appended) -> None:
        self.owe_sync(replica)

    def owe_sync(self, replica: Replica) -> None:
        """Something of the replica is not on the disk yet."""
        self._dirty[replica] = None
        self._unchecked[replica] = None
        self._work.set()

    def owe_what_was_found(self) -> None:
        """Records that a killed process has left may be in the operating system's hands alone:
        a producer that sends them again must not be told that they are safe before they are."""
        for replica in self._replicas():
            if replica.log.has_unsynced:
                self.owe_sync(replica)

    def hold(self, on_kept: OnKept) -> None:
        """Call `on_kept` after the sync that covers everything appended so far."""
        self._waiting.append(on_kept)
        self._work.set()

    async def run(self) -> None:
        """Sync whenever something was appended, as often as the topics ask for and no oftener."""
        self._checkpoint_due_ms = self._next_checkpoint_ms()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sync_what_comes())
            tasks.create_task(self._recall_checkpoints())

    async def _recall_checkpoints(self) -> None:
        """What changed last is checkpointed too, though nothing follows it: a log start that moved
        would move back in a crash, and deleted records could be read again."""
        while True:
            await self._clock.sleep_until(self._next_checkpoint_ms())
            if self._unchecked:
                self._work.set()

    async def _sync_what_comes(self) -> None:
        while True:
            await self._work.wait()
            started_ms = self._clock.monotonic_ms()
            await self.sync(checkpoint=started_ms >= self._checkpoint_due_ms)
            await self._clock.sleep_until(started_ms + self._flush_interval_ms())

    def _next_checkpoint_ms(self) -> int:
        return self._clock.monotonic_ms() + self._settings.checkpoint_interval_ms

    async def sync(self, *, checkpoint: bool) -> None:
        """Make all that was appended durable; with `checkpoint`, note how far logs are whole."""
        self._work.clear()
        # What was synced since the last checkpoint is asked again: what belongs beside its
        # segments is written down before recovery no longer looks into them.
        replicas = list(self._dirty | self._unchecked if checkpoint else self._dirty)
        self._dirty = {}
        waiting, self._waiting = self._waiting, []
        ends = [replica.high_watermark for replica in replicas]
        growth = INDEX_GROWTH_BYTES if checkpoint else None
        unsynced = [replica.log.take_unsynced(index_growth_bytes=growth) for replica in replicas]
        unchecked = list(self._unchecked) if checkpoint else []
        lines = self._new_checkpoint_lines() if checkpoint else None
        is_synced = True
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._sync_now, unsynced, lines
            )
        except OSError as error:
            is_synced = False
            self._say_failure(error)
            self._owe_again(replicas, unchecked)
        except asyncio.CancelledError:
            # The thread may not have begun: the next sync does it all, and tells who waits.
            self._waiting = waiting + self._waiting
            self._owe_again(replicas, unchecked)
            raise
        else:
            self.sync_rounds += 1
            self._is_failing = False
            self._checkpoints = self._checkpoints if lines is None else lines
            for replica, end in zip(replicas, ends, strict=True):
                replica.synced_offset = end
        for on_kept in waiting:
            on_kept(is_synced)

    def _owe_again(self, replicas: Sequence[Replica], unchecked: Sequence[Replica]) -> None:
        """A sync did not come about: what it was for is still to be done."""
        existing = set(self._replicas())
        for replica in existing.intersection(replicas):
            replica.log.mark_unsynced()
            self.owe_sync(replica)
        self._unchecked.update(dict.fromkeys(existing.intersection(unchecked)))

    def _say_failure(self, error: OSError) -> None:
        if not self._is_failing:
            logger.error("sync failed, it is tried again until it works: %s", error)
        self._is_failing = True

    def _new_checkpoint_lines(self) -> dict[str, ReplicaCheckpoint]:
        """Describe the replicas as they are now: true when the sync that follows succeeds."""
        self._checkpoint_due_ms = self._next_checkpoint_ms()
        unchecked, self._unchecked = self._unchecked, {}
        lines = {}
        for replica in self._replicas():
            folder = replica.log.folder
            known = self._checkpoints.get(folder)
            is_stale = known is None or replica in unchecked
            lines[folder] = checkpoint_of(replica) if is_stale or known is None else known
        return lines

    def _sync_now(
        self, unsynced: Sequence[Unsynced], lines: dict[str, ReplicaCheckpoint] | None
    ) -> None:
        for log in unsynced:
            for file in log.files:
                file.fsync()
        for folder in dict.fromkeys(folder for log in unsynced for folder in log.folders):
            self._directory.sync_names(folder)
        for log in unsynced:
            for path, index in log.indexes:
                self._directory.write_atomically(path, index)
        if lines is not None:
            write_checkpoints(self._directory, lines)

    def log_changed(self, replica: Replica) -> None:
        """The log start moved: the next checkpoint has to say so."""
        self._unchecked[replica] = None
        self._work.set()

    def forget(self, replica: Replica) -> None:
        """The replica's files are about to go: nothing of it is synced any more."""
        self._dirty.pop(replica, None)
        self._unchecked.pop(replica, None)

    def remove_segments(self, replica: Replica, segments: Sequence[Segment], what: str) -> None:
        """Remove the files of segments that nobody can read any more, when the topic says."""
        due_ms = self._clock.monotonic_ms() + replica.limits.file_delete_delay_ms
        self._removals.append(_Removal(due_ms, partial(replica.log.remove_files, segments), what))
        self.remove_due()

    def remove_due(self) -> None:
        """Remove the files whose time has come."""
        self._remove_until(self._clock.monotonic_ms())

    def _remove_until(self, now_ms: float) -> None:
        waiting, self._removals = self._removals, []
        for removal in waiting:
            if removal.due_ms <= now_ms:
                self.run_later(removal.job, removal.what)
            else:
                self._removals.append(removal)

    def run_later(self, job: Callable[[], None], what: str) -> None:
        """Run a job that removes files, after every sync that may still touch them."""
        self._thread.submit(_logged, job, what)

    async def settle(self, replica: Replica) -> bool:
        """Sync all of a replica and checkpoint it; False where the disk refused.

        Then no recovery looks at its closed segments, and none of them can be lost.
        """
        outcome: list[bool] = []
        replica.log.mark_unsynced()  # a sync that fails just now may have taken them along
        self.owe_sync(replica)
        self._waiting.append(outcome.append)
        await self.sync(checkpoint=True)
        return outcome == [True]

    def call(self, job: Callable[[], Result]) -> asyncio.Future[Result]:
        """Run a job that touches files between the syncs, and tell its outcome."""
        return asyncio.wrap_future(self._thread.submit(job))

    async def close(self) -> None:
        """Sync everything, checkpoint it, and wait for the thread."""
        for replica in self._replicas():
            self.owe_sync(replica)
        await self.sync(checkpoint=True)
        self._remove_until(math.inf)
        self._thread.shutdown()
        if not self._is_failing:
            self._say_clean_end()

    def _say_clean_end(self) -> None:
        try:
            mark_clean_end(self._directory)
        except OSError as error:
            logger.warning("the next start will take this end for a crash: %s", error)


def _logged(job: Callable[[], None], what: str) -> None:
    try:
        job()
    except OSError as error:
        logger.error("%s: %s", what, error)  # noqa: TRY400  # no trace: the disk's words say it all

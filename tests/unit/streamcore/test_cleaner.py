"""A broker chooses what to compact, puts it in place, and is disturbed by nothing on the way."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import PowerLost, SimulatedDirectory
from streamcore.broker.retention_rounds import RetentionRounds
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import delete_topic, trim_partition
from streamcore.partition.replica import Replica
from streamcore.record.batch import read_header
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.storage.compaction.job import (
    CleanedGroup,
    CleaningJob,
    RoundSummary,
    TakesGroup,
    WorkerDied,
)
from tests.support.compaction_scene import batches_in
from tests.support.inline_worker import InlineWorker
from tests.support.simulated_broker import simulated_broker, writable

JOURNAL = "hailstream.cleaner"
SETTINGS: dict[str, Any] = {"segment_bytes": 400, "log_cleaner_min_cleanable_ratio": 0.5}


def topic_on(services: BrokerServices, name: str = "t", policy: str = "compact") -> Replica:
    topic = services.topics.create(name, partition_count=1, configs={"cleanup.policy": policy})
    return topic.replicas[0]


def write(services: BrokerServices, replica: Replica, *keys: str, value: str | None = None) -> None:
    """Write a batch of a record for each key; its value is its offset unless one is given."""
    for key in keys:
        text = value if value is not None else str(replica.high_watermark)
        record = Record(timestamp=services.clock.now_ms(), key=key.encode(), value=text.encode())
        services.appends.stage(replica, writable(encode_batch([record])))
        services.appends.flush()


def offsets(replica: Replica) -> list[int]:
    return [record.offset for record in records(replica, replica.start_offset)]


def records(replica: Replica, offset: int, *, bytes_max: int = 300) -> Iterator[Record]:
    """All that a reader gets from `offset` on."""
    while offset < replica.high_watermark:
        found, offset = fetched(replica, offset, bytes_max=bytes_max)
        yield from found


def fetched(replica: Replica, offset: int, *, bytes_max: int) -> tuple[list[Record], int]:
    """The records of one fetch, and where the next one begins."""
    answer = replica.fetch(offset, bytes_max=bytes_max)
    assert not answer.error, answer.reason
    found: list[Record] = []
    for batch in batches_in(b"".join(answer.pieces)):
        found += [each for each in read_records(batch) if each.offset >= offset]
        offset = max(offset, read_header(batch).next_offset)
    return found, offset


async def settled() -> None:
    """Some turns of the loop, for what runs beside."""
    for _ in range(20):
        await asyncio.sleep(0)


class HookedWorker(InlineWorker):
    """Does something before each group finds its place."""

    def __init__(self, directory: SimulatedDirectory) -> None:
        super().__init__(directory)
        self.before_taking: Callable[[CleanedGroup], Awaitable[None]] | None = None
        self.taken: list[tuple[int, bool]] = []

    async def clean(self, job: CleaningJob, take: TakesGroup) -> RoundSummary | None:
        async def hooked(group: CleanedGroup) -> bool:
            if self.before_taking is not None:
                await self.before_taking(group)
            is_taken = await take(group)
            self.taken.append((group.base_offset, is_taken))
            return is_taken

        return await super().clean(job, hooked)


def hooked_worker(services: BrokerServices, disk: SimulatedDirectory) -> HookedWorker:
    worker = HookedWorker(disk)
    services.cleaner._worker = worker
    return worker


# Choosing


async def test_the_dirtiest_log_comes_first_and_none_below_the_ratio() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        worker = hooked_worker(services, disk)
        for name, count in (("few", 3), ("all", 12), ("plain", 12)):
            replica = topic_on(services, name, "delete" if name == "plain" else "compact")
            write(services, replica, *("k" for _ in range(count)))
        assert await services.cleaner.clean_what_is_due() == 1
        assert services.cleaner.dirty_ratio_max == 0.0
        replica = services.topics.replica("all", 0) or pytest.fail("gone")
        write(services, replica, *(f"{n}" for n in range(15)))
        assert await services.cleaner.clean_what_is_due() == 1
        assert [job.folder.split("@")[0] for job in worker.jobs] == ["logs/all", "logs/all"]
        write(services, replica, "x", "y", "z", "x", "y")
        assert await services.cleaner.clean_what_is_due() == 0
        assert 0 < services.cleaner.dirty_ratio_max < 0.5


async def test_a_next_round_looks_for_keys_only_where_it_is_dirty_also_after_a_restart() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, *("k" for _ in range(20)))
        await services.cleaner.clean_what_is_due()
        first_dirty = replica.log.cleaned.first_dirty
        assert first_dirty == replica.log.active.base_offset
    async with simulated_broker(disk, **SETTINGS) as services:
        (replica,) = services.topics.replicas()
        assert replica.log.cleaned.first_dirty == first_dirty
        worker = hooked_worker(services, disk)
        write(services, replica, *("k" for _ in range(20)))
        await services.cleaner.clean_what_is_due()
        assert worker.jobs[0].first_dirty == first_dirty


async def test_what_is_dirty_for_too_long_is_cleaned_even_from_the_active_segment() -> None:
    clock = VirtualClock()
    settings = {**SETTINGS, "log_cleaner_max_compaction_lag_ms": 1000}
    async with simulated_broker(clock=clock, **settings) as services:
        replica = topic_on(services)
        write(services, replica, "k", "k")
        assert await services.cleaner.clean_what_is_due() == 0
        clock.advance(1001)
        assert await services.cleaner.clean_what_is_due() == 1
        assert offsets(replica) == [1]
        assert replica.log.active.base_offset == 2
        assert await services.cleaner.clean_what_is_due() == 0, "an empty segment has no age"


async def test_it_goes_on_in_the_background_and_an_idle_worker_is_ended() -> None:
    clock = VirtualClock()
    disk = SimulatedDirectory()
    settings = {**SETTINGS, "log_cleaner_backoff_ms": 100, "log_cleaner_worker_idle_ms": 1000}
    async with simulated_broker(disk, clock=clock, **settings) as services:
        worker = hooked_worker(services, disk)
        closed = 0

        async def close() -> None:
            nonlocal closed
            closed += 1

        worker.close = close  # type: ignore[method-assign]  # counts
        replica = topic_on(services)
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(services.cleaner.run())
            await asyncio.sleep(0)
            write(services, replica, *("k" for _ in range(20)))
            clock.advance(100)
            async with asyncio.timeout(5):
                while not services.cleaner.rounds:  # noqa: ASYNC110  # the disk's thread is real
                    await asyncio.sleep(0.001)
            assert services.cleaner.seconds_since_round() == 0.0
            for _ in range(10):
                await settled()
                assert closed == 0
                clock.advance(100)
            await settled()
            clock.advance(100)
            await settled()
            assert closed >= 1
            work.cancel()


# Readers


async def test_no_reader_sees_an_old_value_once_the_newer_one_is_the_only_one_left() -> None:
    rng = random.Random(5)
    newest: dict[bytes, int] = {}
    async with simulated_broker(**SETTINGS) as services:
        replica = topic_on(services)

        def is_over() -> bool:
            return services.cleaner.rounds >= 4

        async def load() -> None:
            while not is_over():
                if replica.high_watermark < 60 * (services.cleaner.rounds + 1):
                    key = f"{rng.randrange(30)}"
                    newest[key.encode()] = replica.high_watermark
                    write(services, replica, key)
                await asyncio.sleep(0)

        async def read() -> int:
            fetches = 0
            while not is_over():
                clean_to = replica.log.cleaned.first_dirty
                seen: dict[bytes, int] = {}
                offset = 0
                while offset < replica.high_watermark:
                    found, offset = fetched(replica, offset, bytes_max=rng.randrange(1, 2000))
                    for record in found:
                        assert record.key is not None
                        assert record.value == b"%d" % record.offset
                        # What was clean when it began is clean from its first to its last fetch.
                        is_first = record.key not in seen
                        assert is_first or record.offset >= clean_to, "an old value is still there"
                        assert is_first or record.offset > seen[record.key], "the order is another"
                        seen[record.key] = record.offset
                    fetches += 1
                    await asyncio.sleep(0)
                assert seen == newest
                await asyncio.sleep(0)
            return fetches

        async def clean() -> None:
            while not is_over():
                await services.cleaner.clean_what_is_due()
                await asyncio.sleep(0)

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(each) for each in (read(), read())]
            for each in (load(), clean()):
                tasks.create_task(each)
        assert min(task.result() for task in reading) > 50


async def test_a_reader_in_the_middle_of_a_log_goes_on_over_a_round() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS, tail_cache_bytes=0) as services:
        replica = topic_on(services)
        write(services, replica, *("abc" * 10))
        reading = records(replica, 0, bytes_max=1)
        assert [next(reading).offset for _ in range(5)] == [0, 1, 2, 3, 4]
        await services.cleaner.clean_what_is_due()
        rest = [record.offset for record in reading]
        end = replica.log.cleaned.first_dirty
        assert rest == list(range(end - 3, 30))


# What changes under a round


async def test_a_round_stops_where_records_were_deleted_under_it() -> None:
    disk = SimulatedDirectory()
    settings = {**SETTINGS, "log_cleaner_delete_retention_ms": 0}
    async with simulated_broker(disk, **settings) as services:
        worker = hooked_worker(services, disk)
        replica = topic_on(services, policy="compact,delete")
        write(services, replica, *(f"{n % 7}" for n in range(40)))
        third = replica.log.segments[3].base_offset

        async def delete(group: CleanedGroup) -> None:
            worker.before_taking = None
            trim_partition(services, replica, third + 1)

        worker.before_taking = delete
        await services.cleaner.clean_what_is_due()
        assert worker.taken[0] == (0, False)
        assert len(worker.taken) == 1, "no later group may take its place before an earlier one"
        assert replica.start_offset == third + 1
        assert services.cleaner.failures == 0
        assert replica.log.cleaned.first_dirty == 0
        assert await services.cleaner.clean_what_is_due() == 1
        await services.durability.sync(checkpoint=True)
        _no_leftovers(disk, replica)


async def test_a_tombstone_stays_while_an_older_value_does() -> None:
    """Were its group put in place and the one before it not, the old value would come back."""
    disk = SimulatedDirectory()
    settings = {
        **SETTINGS,
        "log_cleaner_delete_retention_ms": 0,
        "log_cleaner_dedupe_buffer_size": 1,
    }
    async with simulated_broker(disk, **settings) as services:
        worker = hooked_worker(services, disk)
        replica = topic_on(services)
        write(services, replica, "dead", *"abc")
        record = Record(timestamp=services.clock.now_ms(), key=b"dead", value=None)
        services.appends.stage(replica, writable(encode_batch([record])))
        write(services, replica, *"abcdefghiabcdefghi")
        # The disk fails the first group of each round, and only that.
        failing = True

        async def fail(group: CleanedGroup) -> None:
            if failing and group.base_offset == 0:
                raise OSError(5, "Input/output error")

        worker.before_taking = fail
        for _ in range(3):
            await services.cleaner.clean_what_is_due()
        assert all(base == 0 for base, _ in worker.taken) or not worker.taken
        assert 4 in offsets(replica), "the tombstone"
        failing = False
        for _ in range(5):
            await services.cleaner.clean_what_is_due()
        keys = {record.key for record in records(replica, 0)}
        assert b"dead" not in keys


async def test_a_topic_that_is_deleted_under_a_round_leaves_nothing_behind() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        worker = hooked_worker(services, disk)
        replica = topic_on(services)
        write(services, replica, *("k" for _ in range(30)))

        async def delete(group: CleanedGroup) -> None:
            delete_topic(services, services.topics.all()[0])

        worker.before_taking = delete
        assert await services.cleaner.clean_what_is_due() == 1
        assert worker.taken == [(0, False)]
        assert services.cleaner.failures == 0
        await services.durability.sync(checkpoint=True)
    assert disk.names("logs") == []
    assert replica.log.cleaned.first_dirty == 0


async def test_compact_and_delete_does_both() -> None:
    clock = VirtualClock()
    disk = SimulatedDirectory()
    settings = {**SETTINGS, "retention_ms": 1000, "retention_check_interval_ms": 10}
    async with simulated_broker(disk, clock=clock, **settings) as services:
        both = topic_on(services, "both", "compact,delete")
        only = topic_on(services, "only", "compact")
        for replica in (both, only):
            write(services, replica, *("ab" * 10))
        assert await services.cleaner.clean_what_is_due() == 2
        assert offsets(both) == offsets(only)
        assert len(offsets(both)) < 8
        clock.advance(2000)
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(RetentionRounds(services).run())
            await settled()
            clock.advance(10)
            await settled()
            work.cancel()
        assert offsets(both) == []
        assert only.start_offset == 0
        assert len(offsets(only)) > 1
        await services.durability.sync(checkpoint=True)
        _no_leftovers(disk, both)


def _no_leftovers(disk: SimulatedDirectory, replica: Replica) -> None:
    names = disk.names(replica.log.folder)
    bases = {segment.path.rpartition("/")[2] for segment in replica.log.segments}
    assert {name for name in names if ".log" in name} == bases
    assert not [name for name in names if name.endswith((".cleaned", ".swap"))]


# Restarts


async def test_after_a_clean_end_a_compacted_log_is_not_checked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, *("abc" * 20))
        await services.cleaner.clean_what_is_due()
        before = offsets(replica)
    with caplog.at_level(logging.WARNING):
        async with simulated_broker(disk, **SETTINGS) as services:
            (replica,) = services.topics.replicas()
            assert offsets(replica) == before
    assert caplog.text == ""


async def test_a_crash_right_behind_a_round_finds_a_checkpoint_that_agrees(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The checkpoint from before the round named a segment that the round has taken away."""
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, "a", "b")
        await services.durability.sync(checkpoint=True)
        write(services, replica, *("abc" * 20))
        await services.cleaner.clean_what_is_due()
        before = offsets(replica)
        disk.changes_left = 0
        with pytest.raises(PowerLost):
            await services.durability.sync(checkpoint=True)
        disk.crash(random.Random(1))
        disk.changes_left = None
        with caplog.at_level(logging.WARNING):
            async with simulated_broker(disk, **SETTINGS) as again:
                (replica,) = again.topics.replicas()
                assert offsets(replica) == before
        assert "the whole log is checked" not in caplog.text


# What goes wrong


async def test_a_corrupt_log_is_set_aside_by_name_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        bad, good = topic_on(services, "bad"), topic_on(services, "good")
        for replica in (bad, good):
            write(services, replica, *("abc" * 10))
        segment = bad.log.segments[1]
        disk.file(segment.path).flip_bit(30, 1)
        assert await services.cleaner.clean_what_is_due() == 2
        assert len(offsets(good)) < 10
        assert services.cleaner.set_aside_count == 1
        assert services.cleaner.failures == 1
        line = f"{bad.log.folder} is not cleaned any more: {segment.path} at byte 0: CRC-32C"
        assert line in caplog.text
        assert bad.log.cleaned.first_dirty == 0
        assert await services.cleaner.clean_what_is_due() == 0, "it is left alone"
        await services.durability.sync(checkpoint=True)
        _no_leftovers(disk, bad)


async def test_a_full_disk_is_said_once_and_cleaning_goes_on_when_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory(room_bytes=1 << 20)
    async with simulated_broker(disk, **SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, *("abcdefgh" * 10))
        await services.durability.sync(checkpoint=True)
        worker = hooked_worker(services, disk)
        before = offsets(replica)
        taken = 0

        async def fill(job: CleaningJob, take: TakesGroup) -> RoundSummary | None:
            nonlocal taken
            taken = disk.take_room(1 << 30)
            try:
                return await InlineWorker.clean(worker, job, take)
            finally:
                disk.give_room(taken)

        worker.clean = fill  # type: ignore[method-assign]  # full while it works
        for _ in range(3):
            assert await services.cleaner.clean_what_is_due() == 1
        assert offsets(replica) == before
        assert services.cleaner.failures == 3
        assert services.cleaner.set_aside_count == 0
        assert caplog.text.count("No space left on device") == 1
        services.cleaner._worker = InlineWorker(disk)
        assert await services.cleaner.clean_what_is_due() == 1
        assert len(offsets(replica)) < len(before)


async def test_a_log_that_brings_the_worker_down_again_and_again_is_set_aside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, *("abc" * 10))
        worker = hooked_worker(services, disk)

        async def die(job: CleaningJob, take: TakesGroup) -> RoundSummary | None:
            raise WorkerDied("the worker ended with status -9")

        worker.clean = die  # type: ignore[method-assign]  # it always does
        for count in range(1, 4):
            assert services.cleaner.set_aside_count == 0
            assert await services.cleaner.clean_what_is_due() == 1
            assert services.cleaner.failures == count
        assert services.cleaner.set_aside_count == 1
        assert await services.cleaner.clean_what_is_due() == 0
        assert "3 times in a row the worker ended with status -9" in caplog.text


async def test_names_that_could_not_be_changed_wait_for_the_next_start(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, **SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, *("abc" * 10))
        rename = disk.rename

        def refuse(old: str, new: str) -> None:
            if old.endswith(".log.swap"):
                raise OSError(5, "Input/output error")
            rename(old, new)

        monkeypatch.setattr(disk, "rename", refuse)
        assert await services.cleaner.clean_what_is_due() == 1
        assert services.cleaner.set_aside_count == 1
        assert "is not cleaned any more" in caplog.text
        left = offsets(replica)
        assert 0 not in left, "in memory it is in its place"
        monkeypatch.undo()
    async with simulated_broker(disk, **SETTINGS) as services:
        (replica,) = services.topics.replicas()
        assert offsets(replica) == left
        assert services.cleaner.set_aside_count == 0


async def test_each_round_is_a_line_in_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    async with simulated_broker(**SETTINGS) as services:
        replica = topic_on(services)
        write(services, replica, *("abc" * 10))
        with caplog.at_level(logging.INFO, logger=JOURNAL):
            await services.cleaner.clean_what_is_due()
        (line,) = [record.getMessage() for record in caplog.records if record.name == JOURNAL]
        assert line.startswith(f"{replica.log.folder}: cleaned up to offset ")
        assert " records stay in 0.0 s" in line
        assert (services.cleaner.rounds, services.cleaner.failures) == (1, 0)
        assert services.cleaner.bytes_cleaned > 1000

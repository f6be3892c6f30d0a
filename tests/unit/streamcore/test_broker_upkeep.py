"""What a broker does beside its connections: syncs, checkpoints, retention, full disks."""

import asyncio
import json
import logging
import threading

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory, SimulatedFile
from streamcore.broker.checkpoints import CHECKPOINT_FILE, CHECKPOINT_FORMAT, read_checkpoints
from streamcore.broker.retention_rounds import RetentionRounds
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import FlushAcks
from streamcore.broker.topic_admin import delete_topic
from streamcore.broker.topics import TopicsUnreadable
from streamcore.partition.replica import Placement, Replica
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from tests.support.kio_peer import converse
from tests.support.simulated_broker import batch_of, simulated_broker, writable

BATCH_SIZE = len(batch_of(b"x"))


def append(services: BrokerServices, replica: Replica, value: bytes = b"x") -> Placement:
    placement = services.appends.stage(replica, writable(batch_of(value)))
    services.appends.flush()
    return placement


def topic_on(services: BrokerServices, **configs: str) -> Replica:
    named = {key.replace("_", "."): value for key, value in configs.items()}
    return services.topics.create("t", partition_count=1, configs=named).replicas[0]


def synced_size(replica: Replica) -> int:
    """What of the active segment a loss of power would leave."""
    file = replica.log.active.file
    assert isinstance(file, SimulatedFile)
    return file.durable_size


async def turns(count: int = 10) -> None:
    """Let tasks run; no time passes."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_full_disk_is_said_once_and_its_end_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = topic_on(services)
        disk.room_bytes = 10
        for _ in range(5):
            assert append(services, replica).error is ErrorCode.KAFKA_STORAGE_ERROR
        disk.room_bytes = None
        assert append(services, replica).error is ErrorCode.NONE
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("round")]
    assert len(lines) == 2
    assert "No space left on device" in lines[0]
    assert lines[1].endswith("takes appends again")


async def test_a_partition_on_a_full_disk_does_not_disturb_the_others() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        one, two = services.topics.create("t", partition_count=2, configs={}).replicas
        large = services.appends.stage(one, writable(batch_of(b"x" * 5000)))
        small = services.appends.stage(two, writable(batch_of(b"x")))
        disk.room_bytes = 1000
        services.appends.flush()
        assert (large.error, small.error) == (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NONE)
        disk.room_bytes = None


async def test_a_topic_is_not_half_created_on_a_full_disk() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        topic_on(services)
        disk.room_bytes = 5
        with pytest.raises(OSError, match="No space left"):
            services.topics.create("u", partition_count=3, configs={})
        assert services.topics.find("u") is None
        disk.room_bytes = None
        services.topics.create("u", partition_count=3, configs={})


async def test_a_failed_sync_is_told_to_who_waits_and_is_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: SimulatedFile) -> None:
        raise OSError(5, "Input/output error")

    async with simulated_broker(flush_acks=FlushAcks.WAIT) as services:
        replica = topic_on(services)
        kept: list[bool] = []
        services.appends.when_kept(kept.append)
        append(services, replica)
        with monkeypatch.context() as broken_disk:
            broken_disk.setattr(SimulatedFile, "fsync", broken)
            await services.durability.sync(checkpoint=True)
            services.appends.when_kept(kept.append)
            services.appends.flush()
            await services.durability.sync(checkpoint=True)
        assert kept == [False, False]
        assert caplog.text.count("sync failed") == 1
        services.appends.when_kept(kept.append)
        services.appends.flush()
        await services.durability.sync(checkpoint=True)
        assert kept == [False, False, True]


async def test_a_topic_that_goes_while_its_sync_fails_is_not_synced_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise OSError(5, "Input/output error")

    async with simulated_broker() as services:
        replica = topic_on(services)
        append(services, replica)
        monkeypatch.setattr(replica.log.active.file, "fsync", broken)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(services.durability.sync(checkpoint=False))
            await asyncio.sleep(0)
            delete_topic(services, services.topics.all()[0])
        assert services.durability.sync_rounds == 0
        await services.durability.sync(checkpoint=False)
        assert services.durability.sync_rounds == 1


async def test_a_log_start_is_checkpointed_after_a_checkpoint_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = topic_on(services)
        append(services, replica)
        await services.durability.sync(checkpoint=True)
        replica.delete_before(replica.high_watermark)
        services.durability.log_changed(replica)
        disk.room_bytes = 0
        await services.durability.sync(checkpoint=True)
        disk.room_bytes = None
        await services.durability.sync(checkpoint=True)
        assert read_checkpoints(disk)[0][replica.log.folder].log.start_offset == 1


async def test_a_sync_that_is_cut_short_is_made_up_for_and_then_told() -> None:
    async with simulated_broker(flush_acks=FlushAcks.WAIT) as services:
        replica = topic_on(services)
        kept: list[bool] = []
        started, may_go_on = threading.Event(), threading.Event()

        def busy() -> None:
            started.set()
            may_go_on.wait(5)

        services.durability.run_later(busy, "keeps the thread")
        started.wait(5)
        append(services, replica)
        services.appends.when_kept(kept.append)
        services.appends.flush()
        async with asyncio.TaskGroup() as tasks:
            syncing = tasks.create_task(services.durability.sync(checkpoint=False))
            await asyncio.sleep(0)
            syncing.cancel()
        assert kept == []
        may_go_on.set()
        await services.durability.sync(checkpoint=True)
        assert kept == [True]
        assert synced_size(replica) == BATCH_SIZE


async def test_group_commit_covers_many_appends_and_waits_for_its_interval() -> None:
    clock = VirtualClock()
    async with (
        simulated_broker(clock=clock, flush_interval_ms=50) as services,
        asyncio.TaskGroup() as tasks,
    ):
        replica = topic_on(services)
        work = tasks.create_task(services.durability.run())
        append(services, replica)
        async with asyncio.timeout(5):
            while services.durability.sync_rounds < 1:  # noqa: ASYNC110  # the disk's thread is real
                await asyncio.sleep(0.001)
        for _ in range(20):
            append(services, replica)
        await turns()
        assert services.durability.sync_rounds == 1
        clock.advance(50)
        async with asyncio.timeout(5):
            while services.durability.sync_rounds < 2:  # noqa: ASYNC110  # the disk's thread is real
                await asyncio.sleep(0.001)
        work.cancel()


async def test_a_checkpoint_spares_the_next_start_the_check() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = topic_on(services)
        for _ in range(3):
            append(services, replica)
        await services.durability.sync(checkpoint=True)
        folder = replica.log.folder
        append(services, replica)
        lines, complaint = read_checkpoints(disk)
        assert complaint is None
        assert lines[folder].log.position == 3 * BATCH_SIZE


@pytest.mark.parametrize("content", ["{", '{"format": 9}', '{"format": 1, "logs": [1]}'])
async def test_an_unreadable_checkpoint_costs_time_and_no_record(
    content: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = topic_on(services)
        append(services, replica)
    disk.write_atomically(CHECKPOINT_FILE, content.encode())
    with caplog.at_level(logging.WARNING):
        async with simulated_broker(disk) as services:
            assert services.topics.replicas()[0].high_watermark == 1
    assert "every log is checked whole" in caplog.text


@pytest.mark.parametrize("content", ["{", '{"format": 7}', '{"format": 1}'])
async def test_an_unreadable_catalogue_stops_the_start_and_is_left_alone(content: str) -> None:
    disk = SimulatedDirectory()
    disk.write_atomically("topics.json", content.encode())
    with pytest.raises(TopicsUnreadable, match=r"topics\.json"):
        async with simulated_broker(disk):
            raise AssertionError("it must not start")
    assert disk.read("topics.json") == content.encode()


async def test_folders_of_unfinished_removals_go_and_unknown_ones_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    disk.open_append("logs/a@1.deleted/0/00000000000000000000.log").append([b"x"])
    disk.open_append("logs/b@2/0/00000000000000000000.log").append([b"x"])
    async with simulated_broker(disk):
        assert disk.names("logs") == ["b@2"]
    assert "logs/b@2 belongs to no topic and is left alone" in caplog.text


async def test_retention_runs_again_and_again() -> None:
    clock = VirtualClock()
    disk = SimulatedDirectory()
    async with (
        simulated_broker(disk, clock=clock, retention_check_interval_ms=1000) as services,
        asyncio.TaskGroup() as tasks,
    ):
        replica = topic_on(services, segment_bytes="100", retention_bytes="200")
        work = tasks.create_task(RetentionRounds(services).run())
        for _ in range(10):
            append(services, replica)
        await turns()
        assert replica.start_offset == 0
        clock.advance(1000)
        await turns()
        assert replica.start_offset == 7
        work.cancel()
    assert len([n for n in disk.names(replica.log.folder) if n.endswith(".log")]) == 3


async def test_deleted_records_stay_deleted_after_a_restart() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = topic_on(services)
        for _ in range(3):
            append(services, replica)
        replica.delete_before(replica.high_watermark)
        services.durability.log_changed(replica)
    async with simulated_broker(disk) as services:
        assert services.topics.replicas()[0].start_offset == 3
    assert json.loads(disk.read(CHECKPOINT_FILE))["format"] == CHECKPOINT_FORMAT


async def test_a_corrupt_place_is_named_once_however_often_it_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, tail_cache_bytes=0) as services:
        replica = topic_on(services)
        for _ in range(3):
            append(services, replica)
        path = f"{replica.log.folder}/00000000000000000000.log"
        disk.file(path).flip_bit(BATCH_SIZE + 8, 7)
        partition = {"partition": 0, "fetch_offset": 1, "partition_max_bytes": 1}
        for _ in range(5):
            answer = await converse(
                services,
                ApiKey.FETCH,
                11,
                min_bytes=1,
                topics=[{"topic": "t", "partitions": [partition]}],
            )
            assert answer.responses[0].partitions[0].error_code.name == "kafka_storage_error"
        disk.file(path).flip_bit(BATCH_SIZE + 8, 7)
    assert caplog.text.count(f"{path} at byte {BATCH_SIZE}: batch length") == 1

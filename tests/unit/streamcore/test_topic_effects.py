"""A topic's settings take effect on what is produced, kept, found by time and removed."""

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import lz4.frame
import pytest
import zstandard

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.handlers.registry import PendingReply
from streamcore.broker.retention_rounds import RetentionRounds
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import alter_topic, trim_partition
from streamcore.partition.replica import Replica
from streamcore.record.batch import read_header
from streamcore.record.compression import Codec, compressed
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.storage.log import LogLimits
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, create, topic_records, versions_of
from tests.support.eventually import eventually
from tests.support.kio_peer import converse, request_bytes
from tests.support.odd_batches import batch_around, plain_records
from tests.support.simulated_broker import ask, batch_of, simulated_broker, writable

KEYED = [Record(timestamp=1000 + number, key=b"k", value=b"v" * 50) for number in range(4)]
BATCH_SIZE = len(batch_of(b"x"))


async def produced(services: BrokerServices, batch: bytes, *, version: int = 9) -> Any:
    answer = await converse(
        services, ApiKey.PRODUCE, version, acks=-1, topic_data=topic_records(services, 0, batch)
    )
    return answer.responses[0].partition_responses[0]


def stored(services: BrokerServices) -> bytes:
    replica = services.topics.replica("t", 0)
    assert replica is not None
    return b"".join(replica.fetch(0, bytes_max=1 << 20).pieces)


async def offset_at(services: BrokerServices, timestamp: int) -> tuple[int, int]:
    asked = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": timestamp}
    answer = await converse(
        services,
        ApiKey.LIST_OFFSETS,
        7,
        replica_id=-1,
        topics=[{"name": "t", "partitions": [asked]}],
    )
    (found,) = answer.topics[0].partitions
    assert code(found) == NONE
    return found.offset, found.timestamp


@pytest.mark.parametrize("version", versions_of(ApiKey.PRODUCE))
async def test_a_producer_is_told_the_brokers_time_where_that_counts(version: int) -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock) as services:
        create(services, message_timestamp_type="LogAppendTime")
        found = await produced(services, encode_batch(KEYED), version=version)
        now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        assert (code(found), found.log_append_time) == (NONE, now)
        assert {record.timestamp for record in read_records(stored(services))} == {clock.now_ms()}
        assert await offset_at(services, clock.now_ms()) == (0, clock.now_ms())
        assert await offset_at(services, clock.now_ms() + 1) == (-1, -1)


@pytest.mark.parametrize("version", versions_of(ApiKey.PRODUCE))
async def test_records_that_are_why_a_batch_is_refused_are_named(version: int) -> None:
    keyless = Record(timestamp=5, key=None, value=b"v")
    async with simulated_broker() as services:
        create(services, cleanup_policy="compact")
        found = await produced(
            services, encode_batch([*KEYED[:1], keyless, keyless]), version=version
        )
        assert (code(found), found.base_offset) == ("invalid_record", -1)
        if version >= 8:
            assert [error.batch_index for error in found.record_errors] == [1, 2]
            assert "needs a key" in found.record_errors[0].batch_index_error_message
            assert found.error_message.startswith("2 refused")
        assert code(await produced(services, encode_batch(KEYED), version=version)) == NONE


async def test_settings_count_for_the_next_batch_after_they_were_altered() -> None:
    async with simulated_broker() as services:
        create(services)
        topic = services.topics.find("t")
        assert topic is not None
        await produced(services, encode_batch(KEYED))
        alter_topic(services, topic, {"compression.type": "zstd"}, only_check=False)
        await produced(services, encode_batch(KEYED))
        first = read_header(stored(services))
        second = read_header(stored(services), first.size)
        assert (first.codec, second.codec) == (Codec.NONE, Codec.ZSTD)
        assert second.base_offset == 4


async def test_a_batch_that_grows_too_large_when_it_is_unpacked_is_refused() -> None:
    async with simulated_broker() as services:
        create(services, compression_type="uncompressed", max_message_bytes="300")
        packed = encode_batch([Record(timestamp=1, key=b"k", value=bytes(500))], codec=Codec.ZSTD)
        found = await produced(services, packed)
        assert code(found) == "message_too_large"


@pytest.mark.parametrize("acks", [0, 1, -1])
async def test_one_replica_is_enough_for_a_partition_that_has_no_more(acks: int) -> None:
    async with simulated_broker() as services:
        create(services, min_insync_replicas="3")
        body = request_bytes(
            ApiKey.PRODUCE, 7, acks=acks, topic_data=topic_records(services, 0, batch_of(b"x"))
        )
        ask(services, ApiKey.PRODUCE, 7, body)
        services.appends.flush()
        replica = services.topics.replica("t", 0)
        assert replica is not None
        assert replica.high_watermark == 1


async def test_a_retry_of_a_batch_that_was_packed_anew_is_recognised() -> None:
    batch = encode_batch(KEYED, codec=Codec.GZIP, producer_id=4, producer_epoch=0, base_sequence=0)
    async with simulated_broker() as services:
        create(services, compression_type="lz4")
        for _ in range(2):
            found = await produced(services, batch)
            assert (code(found), found.base_offset) == (NONE, 0)
        assert len(list(read_records(stored(services)))) == len(KEYED)


async def test_a_retry_is_told_when_its_batch_was_appended() -> None:
    clock = VirtualClock()
    batch = encode_batch(KEYED, producer_id=4, producer_epoch=0, base_sequence=0)
    async with simulated_broker(clock=clock) as services:
        create(services, message_timestamp_type="LogAppendTime")
        told = []
        for _ in range(2):
            found = await produced(services, batch)
            assert (code(found), found.base_offset) == (NONE, 0)
            told.append(found.log_append_time)
            clock.advance(5000)
        assert told[0] == told[1]


def asked_to_produce(services: BrokerServices, name: str) -> PendingReply:
    body = request_bytes(
        ApiKey.PRODUCE, 7, acks=1, topic_data=topic_records(services, 0, batch_of(b"x"), name)
    )
    reply = ask(services, ApiKey.PRODUCE, 7, body)
    assert isinstance(reply, PendingReply)
    return reply


async def test_acknowledgements_wait_for_the_disk_where_a_topic_wants_it() -> None:
    async with simulated_broker() as services:
        create(services, "safe", flush_messages="1")
        create(services, "quick")
        safe, quick = asked_to_produce(services, "safe"), asked_to_produce(services, "quick")
        services.appends.flush()
        assert (safe.is_over, quick.is_over) == (False, True)
        await services.durability.sync(checkpoint=False)
        assert safe.is_over


async def test_acknowledgements_wait_from_so_many_unsynced_records_on() -> None:
    async with simulated_broker() as services:
        create(services, "t", flush_messages="3")
        for _ in range(2):
            replies = [asked_to_produce(services, "t") for _ in range(4)]
            services.appends.flush()
            assert [reply.is_over for reply in replies] == [True, True, False, False]
            await services.durability.sync(checkpoint=False)
            assert all(reply.is_over for reply in replies)


async def test_the_most_impatient_topic_says_how_often_the_disk_is_synced() -> None:
    async with simulated_broker(flush_interval_ms=50) as services:
        assert services.topics.flush_interval_ms == 50
        create(services, "lazy", flush_ms="1000")
        create(services, "soon", flush_ms="20")
        create(services, "now", flush_ms="5")
        assert services.topics.flush_interval_ms == 5
        topic = services.topics.find("now")
        assert topic is not None
        alter_topic(services, topic, {}, only_check=False)
        assert services.topics.flush_interval_ms == 20
        soon = services.topics.find("soon")
        assert soon is not None
        services.topics.delete(soon)
        assert services.topics.flush_interval_ms == 50


def filled(services: BrokerServices, **configs: str) -> Replica:
    """A partition of ten segments."""
    create(services, "t", 1, segment_bytes=str(BATCH_SIZE), **configs)
    replica = services.topics.replica("t", 0)
    assert replica is not None
    for _ in range(10):
        services.appends.stage(replica, writable(batch_of(b"x")))
        services.appends.flush()
    return replica


def log_files(disk: SimulatedDirectory, replica: Replica) -> int:
    return len([name for name in disk.names(replica.log.folder) if name.endswith(".log")])


async def test_files_of_deleted_records_stay_for_the_time_that_the_topic_says() -> None:
    clock, disk = VirtualClock(), SimulatedDirectory()
    async with (
        simulated_broker(disk, clock=clock, retention_check_interval_ms=1000) as services,
        asyncio.TaskGroup() as tasks,
    ):
        replica = filled(services, file_delete_delay_ms="5000")
        work = tasks.create_task(RetentionRounds(services).run())
        await asyncio.sleep(0)
        trim_partition(services, replica, 9)
        clock.advance(4000)
        await services.durability.sync(checkpoint=False)
        assert (replica.start_offset, log_files(disk, replica)) == (9, 10)
        clock.advance(1000)
        await eventually(lambda: log_files(disk, replica) == 1, within_s=5)
        work.cancel()


async def test_files_that_are_to_go_later_go_before_the_broker_does() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = filled(services, file_delete_delay_ms="5000")
        trim_partition(services, replica, 9)
        assert log_files(disk, replica) == 10
    assert log_files(disk, replica) == 1


async def test_files_that_a_crash_left_behind_go_at_the_next_start() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        replica = filled(services)
        before = {segment.path: disk.read(segment.path) for segment in replica.log.segments}
        trim_partition(services, replica, 9)
    assert log_files(disk, replica) == 1
    for path, data in before.items():
        disk.write_atomically(path, data)
    async with simulated_broker(disk) as services:
        (again,) = services.topics.replicas()
        assert (again.start_offset, again.high_watermark) == (9, 10)
        assert log_files(disk, again) == 1


async def test_a_segment_is_rolled_early_by_its_jitter() -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock) as services:
        create(services, "t", 1, segment_ms="10000", segment_jitter_ms="10000")
        replica = services.topics.replicas()[0]
        path = replica.log.active.path
        early_ms = replica.limits.log.jitter_of(path)
        assert 0 < early_ms < 10_000
        for after_ms, segments in ((0, 1), (9_999 - early_ms, 1), (1, 2)):
            clock.advance(after_ms)
            services.appends.stage(replica, writable(batch_of(b"x")))
            services.appends.flush()
            assert len(replica.log.segments) == segments


@pytest.mark.parametrize(("interval", "entries"), [("0", 10), (str(3 * BATCH_SIZE), 3)])
async def test_an_index_is_as_dense_as_the_topic_says(interval: str, entries: int) -> None:
    async with simulated_broker() as services:
        create(services, "t", 1, index_interval_bytes=interval)
        replica = services.topics.replicas()[0]
        for _ in range(10):
            services.appends.stage(replica, writable(batch_of(b"x")))
            services.appends.flush()
        assert len(replica.log.active.index) == entries


def test_partitions_that_fill_alike_do_not_roll_at_once() -> None:
    limits = LogLimits(
        segment_bytes=1 << 20,
        segment_ms=3_600_000,
        segment_jitter_ms=60_000,
        retention_ms=-1,
        retention_bytes=-1,
    )
    jitters = {limits.jitter_of(f"t/{partition}/0.log") for partition in range(100)}
    assert len(jitters) > 90
    assert all(0 <= jitter < 60_000 for jitter in jitters)


FORMS: dict[str, tuple[Codec, Callable[[bytes], bytes]]] = {
    **{codec.name: (codec, lambda data, codec=codec: compressed(codec, data)) for codec in Codec},  # type: ignore[misc]  # bound early
    "two gzip members": (
        Codec.GZIP,
        lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    ),
    "lz4 of Java": (Codec.LZ4, lambda data: bytes(lz4.frame.compress(data, block_linked=False))),
    "zstd without size": (
        Codec.ZSTD,
        lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
    ),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_time_is_found_inside_a_packed_batch(form: str) -> None:
    codec, pack = FORMS[form]
    records = [Record(timestamp=1000 * n, key=None, value=b"v" * 30) for n in range(1, 6)]
    batch = batch_around(pack(plain_records(records)), codec, records)
    async with simulated_broker() as services:
        create(services)
        await produced(services, batch_of(b"x", timestamp=500))
        await produced(services, batch)
        assert await offset_at(services, 2001) == (3, 3000)
        assert await offset_at(services, 5000) == (5, 5000)
        assert await offset_at(services, 5001) == (-1, -1)
        assert await offset_at(services, -3) == (5, 5000)

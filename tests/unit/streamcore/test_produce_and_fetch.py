"""Produce and Fetch in every version, as Kafka's schemas say (kio asks and reads)."""

from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.settings import FlushAcks
from streamcore.record.batch import TRANSACTIONAL_BIT
from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import (
    NONE,
    code,
    create,
    id_of,
    produce,
    topic_parts,
    topic_records,
    versions_of,
    wanted,
)
from tests.support.kio_peer import converse, request_bytes
from tests.support.simulated_broker import answered, ask, batch_of, simulated_broker

IN_TRANSACTION = batch_of(
    b"x", producer_id=1, producer_epoch=0, base_sequence=0, attributes=TRANSACTIONAL_BIT
)


def called(topic: Any, version: int) -> Any:
    """What a topic is called in an answer."""
    return topic.name if version < 13 else topic.topic_id


@pytest.mark.parametrize("version", versions_of(ApiKey.PRODUCE))
async def test_produced_batches_get_consecutive_offsets(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        for base in (0, 2):
            answer = await converse(
                services,
                ApiKey.PRODUCE,
                version,
                acks=1,
                topic_data=topic_records(services, 1, batch_of(b"a", b"b")),
            )
            (topic,) = answer.responses
            (partition,) = topic.partition_responses
            assert called(topic, version) == ("t" if version < 13 else id_of(services, "t"))
            assert (partition.index, code(partition)) == (1, NONE)
            assert partition.base_offset == base


@pytest.mark.parametrize("version", versions_of(ApiKey.PRODUCE))
async def test_many_topics_and_partitions_are_answered_in_one_response(version: int) -> None:
    batch = batch_of(b"a")
    async with simulated_broker() as services:
        create(services, "a", 3)
        create(services, "b", 1)
        answer = await converse(
            services,
            ApiKey.PRODUCE,
            version,
            acks=-1,
            topic_data=[
                topic_parts(
                    services, [{"index": index, "records": batch} for index in (0, 2, 1, 0)], name
                )
                for name in ("a", "b", "c")
            ],
        )
        missing = "unknown_topic_or_partition" if version < 13 else "unknown_topic_id"
        assert [
            [code(partition) for partition in topic.partition_responses]
            for topic in answer.responses
        ] == [
            [NONE] * 4,
            [NONE, "unknown_topic_or_partition", "unknown_topic_or_partition", NONE],
            [missing] * 4,
        ]


@pytest.mark.parametrize("version", versions_of(ApiKey.PRODUCE))
async def test_a_refused_batch_is_named_and_the_rest_is_kept(version: int) -> None:
    async with simulated_broker() as services:
        create(services, max_message_bytes="200")
        answer = await converse(
            services,
            ApiKey.PRODUCE,
            version,
            acks=-1,
            topic_data=[
                topic_parts(
                    services,
                    [
                        {"index": 0, "records": batch_of(b"x" * 300)},
                        {"index": 1, "records": batch_of(b"x")},
                    ],
                )
            ],
        )
        large, small = answer.responses[0].partition_responses
        assert [code(large), code(small)] == ["message_too_large", NONE]
        if version >= 8:
            assert "the limit is 200" in large.error_message
            assert small.error_message is None


@pytest.mark.parametrize("version", [3, 11, 13])
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"acks": 2}, "invalid_required_acks"),
        ({"acks": 1, "records": IN_TRANSACTION}, "invalid_txn_state"),
        ({"acks": 1, "records": None}, "invalid_record"),
    ],
)
async def test_what_we_do_not_do_is_refused(
    version: int, fields: dict[str, Any], error: str
) -> None:
    async with simulated_broker() as services:
        create(services)
        records = fields.get("records", batch_of(b"x"))
        topic_data = topic_records(services, 0, records)
        answer = await converse(services, ApiKey.PRODUCE, version, **fields, topic_data=topic_data)
        assert code(answer.responses[0].partition_responses[0]) == error
        assert services.topics.replicas()[0].high_watermark == 0


async def test_clients_do_not_write_to_the_brokers_own_topic() -> None:
    async with simulated_broker() as services:
        create(services, "__consumer_offsets")
        assert code(await produce(services, b"x", name="__consumer_offsets")) == (
            "invalid_topic_exception"
        )


async def test_acks_0_is_kept_and_not_answered() -> None:
    async with simulated_broker() as services:
        create(services)
        body = request_bytes(
            ApiKey.PRODUCE, 7, acks=0, topic_data=topic_records(services, 0, batch_of(b"x"))
        )
        assert ask(services, ApiKey.PRODUCE, 7, body) is None
        services.appends.flush()
        assert services.topics.replicas()[0].high_watermark == 1


async def test_a_full_disk_is_a_storage_error_until_there_is_room() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        disk.room_bytes = 20
        assert code(await produce(services, b"x")) == "kafka_storage_error"
        assert code(await produce(services, b"x")) == "kafka_storage_error"
        disk.room_bytes = None
        assert code(await produce(services, b"x")) == NONE


async def test_an_acknowledgement_waits_for_the_sync_when_that_is_asked_for() -> None:
    async with simulated_broker(flush_acks=FlushAcks.WAIT) as services:
        create(services)
        body = request_bytes(
            ApiKey.PRODUCE, 7, acks=1, topic_data=topic_records(services, 0, batch_of(b"x"))
        )
        reply = ask(services, ApiKey.PRODUCE, 7, body)
        services.appends.flush()
        with pytest.raises(AssertionError, match="no answer"):
            await answered(reply)
        await services.durability.sync(checkpoint=False)
        assert await answered(reply)


@pytest.mark.parametrize("version", versions_of(ApiKey.FETCH))
async def test_fetched_batches_are_what_was_produced(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        await produce(services, b"a", b"b")
        await produce(services, b"c")
        answer = await converse(
            services, ApiKey.FETCH, version, min_bytes=1, topics=wanted(services, 1)
        )
        (topic,) = answer.responses
        (partition,) = topic.partitions
        assert code(partition) == NONE
        assert (partition.high_watermark, partition.last_stable_offset) == (3, 3)
        data = bytes(partition.records)
        size = int.from_bytes(data[8:12]) + 12
        assert [record.value for record in read_records(data[:size])] == [b"a", b"b"]
        assert [record.offset for record in read_records(data[size:])] == [2]


@pytest.mark.parametrize("version", versions_of(ApiKey.FETCH))
async def test_errors_of_a_fetch_are_answered_at_once(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        for topics, error in [
            (wanted(services, 7), "offset_out_of_range"),
            (
                wanted(services, 0, name="nope"),
                "unknown_topic_or_partition" if version < 13 else "unknown_topic_id",
            ),
        ]:
            answer = await converse(
                services, ApiKey.FETCH, version, max_wait=9999, min_bytes=1, topics=topics
            )
            assert code(answer.responses[0].partitions[0]) == error


@pytest.mark.parametrize("version", [9, 12, 16])
async def test_a_leader_epoch_that_is_not_ours_is_refused(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        topics = wanted(services, 0)
        topics[0]["partitions"][0]["current_leader_epoch"] = 5
        answer = await converse(services, ApiKey.FETCH, version, min_bytes=1, topics=topics)
        assert code(answer.responses[0].partitions[0]) == "unknown_leader_epoch"


async def test_the_limits_of_a_fetch_hold_but_for_the_first_batch() -> None:
    async with simulated_broker() as services:
        create(services, "a")
        create(services, "b")
        for name in ("a", "b"):
            for _ in range(3):
                await produce(services, b"x" * 100, name=name)
        size = len(batch_of(b"x" * 100))

        async def sizes(bytes_max: int, partition_max: int) -> list[int]:
            answer = await converse(
                services,
                ApiKey.FETCH,
                11,
                max_bytes=bytes_max,
                topics=wanted(services, 0, name="a", bytes_max=partition_max)
                + wanted(services, 0, name="b", bytes_max=partition_max),
            )
            return [len(topic.partitions[0].records or b"") for topic in answer.responses]

        assert await sizes(1 << 20, 1 << 20) == [3 * size, 3 * size]
        assert await sizes(1 << 20, 2 * size) == [2 * size, 2 * size]
        assert await sizes(4 * size, 1 << 20) == [3 * size, size]
        assert await sizes(1, 1) == [size, 0]
        assert await sizes(0, 0) == [size, 0]


async def test_a_fetch_waits_for_its_bytes() -> None:
    async with simulated_broker() as services:
        create(services)
        size = len(batch_of(b"x"))
        body = request_bytes(
            ApiKey.FETCH, 11, max_wait=1000, min_bytes=2 * size, topics=wanted(services, 0)
        )
        reply = ask(services, ApiKey.FETCH, 11, body)
        assert services.fetches.parked_count == 1
        await produce(services, b"x")
        assert services.fetches.parked_count == 1
        await produce(services, b"y")
        assert services.fetches.parked_count == 0
        assert b"y" in await answered(reply)


async def test_a_fetch_of_a_deleted_topic_is_told() -> None:
    async with simulated_broker() as services:
        create(services)
        body = request_bytes(
            ApiKey.FETCH, 11, max_wait=1000, min_bytes=1, topics=wanted(services, 0)
        )
        reply = ask(services, ApiKey.FETCH, 11, body)
        await converse(services, ApiKey.DELETE_TOPICS, 1, topic_names=["t"])
        await answered(reply)
        assert services.fetches.parked_count == 0

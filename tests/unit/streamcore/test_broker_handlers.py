"""Every version of every API is understood and answered as Kafka's schemas say (kio reads)."""

import uuid
from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings, FlushAcks
from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from tests.support.kio_peer import converse, request_bytes
from tests.support.simulated_broker import answered, ask, batch_of, simulated_broker

NONE = "none"


def versions_of(api: ApiKey) -> list[int]:
    handler = REGISTRY.find(api)
    assert handler is not None
    return list(range(handler.min_version, handler.max_version + 1))


def create(services: BrokerServices, name: str = "t", partitions: int = 2, **configs: str) -> None:
    services.topics.create(
        name,
        partition_count=partitions,
        configs={key.replace("_", "."): value for key, value in configs.items()},
    )


def code(answer: Any) -> str:
    return str(answer.error_code.name)


def topic_records(partition: int, records: bytes | None, name: str = "t") -> list[dict[str, Any]]:
    return [{"name": name, "partition_data": [{"index": partition, "records": records}]}]


async def produce(
    services: BrokerServices, *values: bytes, name: str = "t", version: int = 7, **batch: Any
) -> Any:
    answer = await converse(
        services,
        ApiKey.PRODUCE,
        version,
        acks=-1,
        topic_data=topic_records(0, batch_of(*values, **batch), name),
    )
    return answer.responses[0].partition_responses[0]


def wanted(
    services: BrokerServices, offset: int, *, name: str = "t", bytes_max: int = 1 << 20
) -> list[dict[str, Any]]:
    topic = services.topics.find(name)
    partition = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": bytes_max}
    return [
        {
            "topic": name,
            "topic_id": topic.topic_id if topic else uuid.UUID(int=1),
            "partitions": [partition],
        }
    ]


# -- Produce and Fetch --


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
                topic_data=topic_records(1, batch_of(b"a", b"b")),
            )
            (topic,) = answer.responses
            (partition,) = topic.partition_responses
            assert (topic.name, partition.index, code(partition)) == ("t", 1, NONE)
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
                {
                    "name": name,
                    "partition_data": [
                        {"index": index, "records": batch} for index in (0, 2, 1, 0)
                    ],
                }
                for name in ("a", "b", "c")
            ],
        )
        assert {
            topic.name: [code(partition) for partition in topic.partition_responses]
            for topic in answer.responses
        } == {
            "a": [NONE] * 4,
            "b": [NONE, "unknown_topic_or_partition", "unknown_topic_or_partition", NONE],
            "c": ["unknown_topic_or_partition"] * 4,
        }


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
                {
                    "name": "t",
                    "partition_data": [
                        {"index": 0, "records": batch_of(b"x" * 300)},
                        {"index": 1, "records": batch_of(b"x")},
                    ],
                }
            ],
        )
        large, small = answer.responses[0].partition_responses
        assert [code(large), code(small)] == ["message_too_large", NONE]
        if version >= 8:
            assert "the limit is 200" in large.error_message
            assert small.error_message is None


@pytest.mark.parametrize("version", [3, 11])
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"acks": 2}, "invalid_required_acks"),
        ({"acks": 1, "transactional_id": "tx"}, "invalid_txn_state"),
        ({"acks": 1, "records": None}, "invalid_record"),
    ],
)
async def test_what_we_do_not_do_is_refused(
    version: int, fields: dict[str, Any], error: str
) -> None:
    async with simulated_broker() as services:
        create(services)
        records = fields.get("records", batch_of(b"x"))
        answer = await converse(
            services, ApiKey.PRODUCE, version, **fields, topic_data=topic_records(0, records)
        )
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
        body = request_bytes(ApiKey.PRODUCE, 7, acks=0, topic_data=topic_records(0, batch_of(b"x")))
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
        body = request_bytes(ApiKey.PRODUCE, 7, acks=1, topic_data=topic_records(0, batch_of(b"x")))
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


@pytest.mark.parametrize("version", [7, 12, 16])
async def test_fetch_sessions_are_declined(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        answer = await converse(
            services, ApiKey.FETCH, version, session_epoch=0, topics=wanted(services, 0)
        )
        assert (answer.session_id, code(answer)) == (0, NONE)
        answer = await converse(services, ApiKey.FETCH, version, session_id=5, session_epoch=3)
        assert code(answer) == "fetch_session_id_not_found"


# -- Metadata and the rest --


@pytest.mark.parametrize("version", versions_of(ApiKey.METADATA))
async def test_metadata_names_the_broker_and_every_topic(version: int) -> None:
    async with simulated_broker() as services:
        create(services, "a", 3)
        create(services, "b", 1)
        for _ in ("made", "from the cache"):
            answer = await converse(
                services, ApiKey.METADATA, version, topics=[] if version == 0 else None
            )
            (broker,) = answer.brokers
            assert (broker.node_id, broker.host, broker.port) == (1, "127.0.0.1", 9092)
            assert {topic.name: len(topic.partitions) for topic in answer.topics} == {
                "a": 3,
                "b": 1,
            }
            assert all(p.leader_id == 1 for topic in answer.topics for p in topic.partitions)


@pytest.mark.parametrize("version", versions_of(ApiKey.METADATA))
async def test_asking_for_a_topic_creates_it_and_a_bad_name_does_not(version: int) -> None:
    async with simulated_broker(num_partitions=7) as services:
        answer = await converse(
            services,
            ApiKey.METADATA,
            version,
            topics=[{"name": "new"}, {"name": "bad/name"}],
            allow_auto_topic_creation=True,
        )
        assert [code(topic) for topic in answer.topics] == [NONE, "invalid_topic_exception"]
        assert len(answer.topics[0].partitions) == 7
        assert services.topics.find("bad/name") is None


@pytest.mark.parametrize(("version", "allowed"), [(3, False), (4, True), (12, True)])
async def test_no_topic_is_created_where_that_is_not_allowed(version: int, allowed: bool) -> None:
    async with simulated_broker(auto_create_topics=allowed) as services:
        answer = await converse(
            services,
            ApiKey.METADATA,
            version,
            topics=[{"name": "new"}],
            allow_auto_topic_creation=False,
        )
        assert code(answer.topics[0]) == "unknown_topic_or_partition"
        assert len(services.topics) == 0


async def test_metadata_finds_topics_by_id() -> None:
    async with simulated_broker() as services:
        create(services)
        topic = services.topics.find("t")
        assert topic is not None
        answer = await converse(
            services,
            ApiKey.METADATA,
            12,
            topics=[{"topic_id": topic.topic_id}, {"topic_id": uuid.UUID(int=9)}],
        )
        assert [(found.name, code(found)) for found in answer.topics] == [
            ("t", NONE),
            (None, "unknown_topic_id"),
        ]


@pytest.mark.parametrize("version", versions_of(ApiKey.API_VERSIONS))
async def test_api_versions_lists_what_is_registered(version: int) -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services,
            ApiKey.API_VERSIONS,
            version,
            client_software_name="test",
            client_software_version="1.0",
        )
        assert [(k.api_key, k.min_version, k.max_version) for k in answer.api_keys] == [
            (handler.api_key, handler.min_version, handler.max_version)
            for handler in REGISTRY.handlers
        ]


async def test_an_api_versions_request_of_the_future_learns_our_range() -> None:
    async with simulated_broker() as services:
        body = await answered(ask(services, ApiKey.API_VERSIONS, 99, b"whatever"))
    assert body == bytes.fromhex("002300000001001200000004")


async def test_an_impossible_software_name_is_refused() -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services,
            ApiKey.API_VERSIONS,
            4,
            client_software_name="-bad-",
            client_software_version="1",
        )
        assert code(answer) == "invalid_request"


@pytest.mark.parametrize("version", versions_of(ApiKey.LIST_OFFSETS))
async def test_offsets_are_found_by_place_and_by_time(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        await produce(services, b"a", b"b", timestamp=1000)
        await produce(services, b"c", timestamp=5000)
        partitions = [
            {"partition_index": index, "timestamp": timestamp}
            for index, timestamp in [
                (0, -2), (0, -1), (0, -3), (0, 1001), (0, 1002), (0, 5001), (0, -9), (8, -1),
            ]
        ]  # fmt: skip
        answer = await converse(
            services,
            ApiKey.LIST_OFFSETS,
            version,
            replica_id=-1,
            isolation_level=0,
            topics=[{"name": "t", "partitions": partitions}],
        )
        found = answer.topics[0].partitions
        assert [part.offset for part in found] == [0, 3, 2, 1, 2, -1, -1, -1]
        assert [code(part) for part in found] == [
            *[NONE] * 6, "invalid_request", "unknown_topic_or_partition",
        ]  # fmt: skip


@pytest.mark.parametrize("version", versions_of(ApiKey.INIT_PRODUCER_ID))
async def test_every_producer_gets_an_id_of_its_own(version: int) -> None:
    disk = SimulatedDirectory()
    ids = []
    for _ in range(2):
        async with simulated_broker(disk) as services:
            for _ in range(2):
                answer = await converse(services, ApiKey.INIT_PRODUCER_ID, version)
                assert (code(answer), answer.producer_epoch) == (NONE, 0)
                ids.append(answer.producer_id)
    assert len(set(ids)) == 4, "ids are not repeated after a restart"


@pytest.mark.parametrize("version", [3, 4])
async def test_a_producer_keeps_its_id_with_a_new_epoch(version: int) -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services, ApiKey.INIT_PRODUCER_ID, version, producer_id=77, producer_epoch=3
        )
        assert (answer.producer_id, answer.producer_epoch) == (77, 4)


async def test_transactional_ids_are_refused() -> None:
    async with simulated_broker() as services:
        answer = await converse(services, ApiKey.INIT_PRODUCER_ID, 4, transactional_id="tx")
        assert code(answer) == "invalid_request"


async def test_a_retry_after_a_restart_is_recognised() -> None:
    disk = SimulatedDirectory()
    for expected_end in (1, 1):
        async with simulated_broker(disk) as services:
            if services.topics.find("t") is None:
                create(services)
            answer = await produce(services, b"x", producer_id=5, producer_epoch=0, base_sequence=0)
            assert (code(answer), answer.base_offset) == (NONE, 0)
            assert services.topics.replicas()[0].high_watermark == expected_end


# -- administration --


@pytest.mark.parametrize("version", versions_of(ApiKey.CREATE_TOPICS))
async def test_topics_are_created_or_the_reason_is_given(version: int) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": "plain", "num_partitions": 3, "replication_factor": 1}, NONE),
        ({"name": "default", "num_partitions": -1, "replication_factor": -1}, NONE),
        (
            {
                "name": "assigned",
                "num_partitions": -1,
                "replication_factor": -1,
                "assignments": [
                    {"partition_index": 1, "broker_ids": [1]},
                    {"partition_index": 0, "broker_ids": [1]},
                ],
            },
            NONE,
        ),
        (
            {
                "name": "strayed",
                "num_partitions": -1,
                "replication_factor": -1,
                "assignments": [{"partition_index": 0, "broker_ids": [2]}],
            },
            "invalid_replica_assignment",
        ),
        ({"name": "t", "num_partitions": 1, "replication_factor": 1}, "topic_already_exists"),
        ({"name": "a b", "num_partitions": 1, "replication_factor": 1}, "invalid_topic_exception"),
        ({"name": "none", "num_partitions": 0, "replication_factor": 1}, "invalid_partitions"),
        ({"name": "many", "num_partitions": 9999, "replication_factor": 1}, "invalid_partitions"),
        (
            {"name": "copies", "num_partitions": 1, "replication_factor": 3},
            "invalid_replication_factor",
        ),
        (
            {
                "name": "odd",
                "num_partitions": 1,
                "replication_factor": 1,
                "configs": [{"name": "no.such", "value": "1"}],
            },
            "invalid_config",
        ),
        (
            {
                "name": "wrong",
                "num_partitions": 1,
                "replication_factor": 1,
                "configs": [{"name": "retention.ms", "value": "soon"}],
            },
            "invalid_config",
        ),
    ]
    async with simulated_broker() as services:
        create(services)
        answer = await converse(
            services,
            ApiKey.CREATE_TOPICS,
            version,
            topics=[fields for fields, _ in cases],
            timeout=1000,
        )
        assert {t.name: code(t) for t in answer.topics} == {f["name"]: e for f, e in cases}
        counts = {topic.name: len(topic.replicas) for topic in services.topics.all()}
        assert counts == {"t": 2, "plain": 3, "default": 4, "assigned": 2}


@pytest.mark.parametrize("version", versions_of(ApiKey.CREATE_TOPICS))
async def test_a_creation_that_is_only_checked_creates_nothing(version: int) -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services,
            ApiKey.CREATE_TOPICS,
            version,
            topics=[{"name": "x", "num_partitions": 3, "replication_factor": 1}],
            validate_only=True,
        )
        assert code(answer.topics[0]) == NONE
        if version >= 5:
            assert answer.topics[0].num_partitions == 3
        assert len(services.topics) == 0


async def test_a_topic_named_twice_is_not_created() -> None:
    async with simulated_broker() as services:
        twice = {"name": "x", "num_partitions": 1, "replication_factor": 1}
        answer = await converse(services, ApiKey.CREATE_TOPICS, 7, topics=[twice, twice])
        assert [code(topic) for topic in answer.topics] == ["invalid_request"]


@pytest.mark.parametrize("version", versions_of(ApiKey.DELETE_TOPICS))
async def test_deleted_topics_are_gone_and_may_come_again(version: int) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        await produce(services, b"old")
        first = services.topics.find("t")
        assert first is not None
        answer = await converse(
            services,
            ApiKey.DELETE_TOPICS,
            version,
            topic_names=["t", "nope"],
            topics=[{"name": "t"}, {"name": "nope"}],
        )
        assert [code(found) for found in answer.responses] == [
            NONE,
            "unknown_topic_or_partition",
        ]
        create(services)
        second = services.topics.find("t")
        assert second is not None
        assert second.topic_id != first.topic_id
        assert second.leader_epoch > first.leader_epoch
        assert second.replicas[0].high_watermark == 0
    assert disk.names("logs") == [second.folder.removeprefix("logs/")]


async def test_topics_are_deleted_by_id() -> None:
    async with simulated_broker() as services:
        create(services)
        topic = services.topics.find("t")
        assert topic is not None
        answer = await converse(
            services,
            ApiKey.DELETE_TOPICS,
            6,
            topics=[{"topic_id": topic.topic_id}, {"topic_id": uuid.UUID(int=3)}],
        )
        assert [(found.name, code(found)) for found in answer.responses] == [
            ("t", NONE),
            (None, "unknown_topic_id"),
        ]


async def test_the_brokers_own_topic_is_not_deleted() -> None:
    async with simulated_broker() as services:
        create(services, "__consumer_offsets")
        answer = await converse(
            services, ApiKey.DELETE_TOPICS, 1, topic_names=["__consumer_offsets"]
        )
        assert code(answer.responses[0]) == "invalid_topic_exception"


@pytest.mark.parametrize("version", versions_of(ApiKey.CREATE_PARTITIONS))
async def test_topics_grow_and_never_shrink(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        create(services, "same")
        create(services, "elsewhere")
        answer = await converse(
            services,
            ApiKey.CREATE_PARTITIONS,
            version,
            topics=[
                {"name": "t", "count": 5, "assignments": None},
                {"name": "same", "count": 2, "assignments": None},
                {"name": "nope", "count": 2, "assignments": None},
                {"name": "elsewhere", "count": 3, "assignments": [{"broker_ids": [9]}]},
            ],
        )
        assert {found.name: code(found) for found in answer.results} == {
            "t": NONE,
            "same": "invalid_partitions",
            "nope": "unknown_topic_or_partition",
            "elsewhere": "invalid_replica_assignment",
        }
        topic = services.topics.find("t")
        assert topic is not None
        assert len(topic.replicas) == 5


@pytest.mark.parametrize("version", versions_of(ApiKey.DELETE_RECORDS))
async def test_deleting_records_moves_the_log_start(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        await produce(services, b"a", b"b", b"c")
        answer = await converse(
            services,
            ApiKey.DELETE_RECORDS,
            version,
            topics=[
                {
                    "name": "t",
                    "partitions": [
                        {"partition_index": 0, "offset": 2},
                        {"partition_index": 0, "offset": 4},
                        {"partition_index": 1, "offset": -1},
                        {"partition_index": 9, "offset": 0},
                    ],
                }
            ],
        )
        found = answer.topics[0].partitions
        assert [(part.low_watermark, code(part)) for part in found] == [
            (2, NONE),
            (-1, "offset_out_of_range"),
            (0, NONE),
            (-1, "unknown_topic_or_partition"),
        ]


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_CONFIGS))
async def test_settings_are_described_with_their_source(version: int) -> None:
    async with simulated_broker() as services:
        create(services, retention_ms="5000")
        answer = await converse(
            services,
            ApiKey.DESCRIBE_CONFIGS,
            version,
            include_synonyms=True,
            resources=[
                {"resource_type": 2, "resource_name": "t", "configuration_keys": None},
                {
                    "resource_type": 2,
                    "resource_name": "t",
                    "configuration_keys": ["retention.ms"],
                },
                {"resource_type": 4, "resource_name": "1", "configuration_keys": None},
                {"resource_type": 2, "resource_name": "nope", "configuration_keys": None},
                {"resource_type": 8, "resource_name": "1", "configuration_keys": None},
            ],
        )
        every, one, broker, missing, unknown = answer.results
        assert {config.name for config in every.configs} >= {"cleanup.policy", "segment.bytes"}
        (retention,) = one.configs
        assert (retention.value, retention.config_source) == ("5000", 1)
        assert [synonym.value for synonym in retention.synonyms] == [
            "5000",
            str(BrokerSettings(data_dir=services.settings.data_dir).retention_ms),
        ]
        assert {config.name for config in broker.configs} >= {"num.partitions", "node.id"}
        assert [code(missing), code(unknown)] == ["unknown_topic_or_partition", "invalid_request"]


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_CLUSTER))
async def test_the_cluster_is_one_broker(version: int) -> None:
    async with simulated_broker() as services:
        answer = await converse(services, ApiKey.DESCRIBE_CLUSTER, version, endpoint_type=1)
        assert (answer.cluster_id, answer.controller_id) == ("hailstream", 1)
        assert [(b.broker_id, b.port) for b in answer.brokers] == [(1, 9092)]


# -- after a restart --


async def test_everything_is_there_again_after_a_restart() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services, "kept", 3, retention_ms="77")
        create(services, "gone")
        await produce(services, b"a", b"b", name="kept")
        await converse(services, ApiKey.DELETE_TOPICS, 1, topic_names=["gone"])
        kept = services.topics.find("kept")
        assert kept is not None
    async with simulated_broker(disk) as services:
        assert [topic.name for topic in services.topics.all()] == ["kept"]
        again = services.topics.find("kept")
        assert again is not None
        assert (again.topic_id, again.configs, len(again.replicas)) == (
            kept.topic_id,
            {"retention.ms": "77"},
            3,
        )
        assert again.replicas[0].high_watermark == 2
        assert again.replicas[0].limits.log.retention_ms == 77

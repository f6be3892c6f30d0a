"""Metadata, versions, offsets and producer ids in every version, as Kafka's schemas say."""

import uuid
from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.features import Feature
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.metadata_cache import (
    ANSWERS_MAX,
    PAIR_BYTES_MAX,
    MetadataCache,
    Question,
)
from streamcore.broker.producer_ids import ProducerIdsUnreadable
from streamcore.broker.services import BrokerServices
from streamcore.record.places import Offset
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import NOT_ASKED
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from tests.support.broker_questions import (
    NONE,
    code,
    create,
    produce,
    versions_of,
)
from tests.support.kio_peer import converse
from tests.support.simulated_broker import answered, ask, assembled, call, simulated_broker
from tests.support.transactional_producer import TransactionalProducer


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


async def test_a_topic_that_is_named_often_is_described_once() -> None:
    async with simulated_broker() as services:
        create(services)
        answer = await converse(services, ApiKey.METADATA, 9, topics=[{"name": "t"}] * 1000)
        assert [topic.name for topic in answer.topics] == ["t"]


def test_the_memory_of_kept_answers_is_bounded() -> None:
    cache = MetadataCache()
    large = Question(9, b"q" * PAIR_BYTES_MAX)
    questions = [Question(9, b"%d" % number) for number in range(2 * ANSWERS_MAX)]
    for question in [large, *questions]:
        cache.find(question, generation=1)
        cache.keep(question, b"a", generation=1)
    kept = [q for q in [large, *questions] if cache.find(q, generation=1) is not None]
    assert kept == questions[ANSWERS_MAX:]


async def test_asking_for_the_offsets_topic_does_not_make_it_as_any_other() -> None:
    async with simulated_broker() as services:
        name = "__consumer_offsets"
        answer = await converse(
            services,
            ApiKey.METADATA,
            4,
            topics=[{"name": name}],
            allow_auto_topic_creation=True,
        )
        assert code(answer.topics[0]) == "unknown_topic_or_partition"
        assert services.topics.find(name) is None


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


@pytest.mark.parametrize("version", versions_of(ApiKey.METADATA))
async def test_what_may_be_done_is_told_where_that_is_asked(version: int) -> None:
    """Without an authorizer everything that a kind of resource knows."""
    async with simulated_broker() as services:
        create(services)
        answer = await converse(
            services,
            ApiKey.METADATA,
            version,
            topics=[{"name": "t"}, {"name": "none"}],
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=True,
            include_topic_authorized_operations=True,
        )
        if version >= 8:
            told = {topic.name: topic.topic_authorized_operations for topic in answer.topics}
            assert told == {"t": 3576, "none": NOT_ASKED}
        if 8 <= version <= 10:
            assert answer.cluster_authorized_operations == 8096
        unasked = await converse(services, ApiKey.METADATA, 8, topics=[{"name": "t"}])
        assert unasked.topics[0].topic_authorized_operations == NOT_ASKED
        assert unasked.cluster_authorized_operations == NOT_ASKED


@pytest.mark.parametrize("version", [12, 13])
async def test_a_request_that_names_an_id_is_answered_by_its_ids(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        topic = services.topics.find("t")
        assert topic is not None
        answer = await converse(
            services,
            ApiKey.METADATA,
            version,
            topics=[{"name": None, "topic_id": topic.topic_id}, {"name": "other"}],
            allow_auto_topic_creation=True,
        )
        assert [found.name for found in answer.topics] == ["t"]
        assert services.topics.find("other") is None


@pytest.mark.parametrize("version", [10, 11])
async def test_ids_may_not_be_asked_for_before_version_12(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        topic = services.topics.find("t")
        assert topic is not None
        for name in (None, "t"):
            answer = await converse(
                services,
                ApiKey.METADATA,
                version,
                topics=[{"name": name, "topic_id": topic.topic_id}],
            )
            assert [code(found) for found in answer.topics] == ["invalid_request"]
            assert answer.brokers == ()


async def test_the_brokers_own_topics_are_known_as_such_before_they_are_made() -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services, ApiKey.METADATA, 9, topics=[{"name": "__consumer_offsets"}, {"name": "x"}]
        )
        assert [topic.is_internal for topic in answer.topics] == [True, False]


def api_versions(**fields: Any) -> ApiVersionsRequest:
    return ApiVersionsRequest(
        **{"client_software_name": "test", "client_software_version": "1.0", **fields}
    )


async def versions_answer(
    services: BrokerServices, version: int, **fields: Any
) -> ApiVersionsResponse:
    request = api_versions(**fields)
    return await call(services, ApiKey.API_VERSIONS, version, request, ApiVersionsResponse)


@pytest.mark.parametrize("version", versions_of(ApiKey.API_VERSIONS))
async def test_api_versions_lists_what_is_registered(version: int) -> None:
    async with simulated_broker() as services:
        answer = await versions_answer(services, version)
    assert [(k.api_key, k.min_version, k.max_version) for k in answer.apis] == [
        (handler.api_key, handler.min_version_listed, handler.max_version)
        for handler in REGISTRY.handlers
    ]


@pytest.mark.parametrize("version", [99, 32767, -1])
async def test_an_api_versions_request_of_the_future_learns_our_range(version: int) -> None:
    async with simulated_broker() as services:
        body = await answered(ask(services, ApiKey.API_VERSIONS, version, b"whatever"))
    assert body == bytes.fromhex("002300000001001200000005")


@pytest.mark.parametrize("name", ["-bad-", "", "a b", "a/b", ".x", "x.", "name\n", "naïve"])
@pytest.mark.parametrize("version", [3, 4, 5])
async def test_an_impossible_software_name_is_refused(version: int, name: str) -> None:
    async with simulated_broker() as services:
        for field in ("client_software_name", "client_software_version"):
            answer = await versions_answer(services, version, **{field: name})
            assert answer == ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
        for name_of_kafka in ("apache-kafka-java", "x", "4.4.0", "a.b-c"):
            answer = await versions_answer(services, version, client_software_name=name_of_kafka)
            assert answer.error_code == ErrorCode.NONE


@pytest.mark.parametrize(
    ("cluster_id", "node_id", "error"),
    [
        (None, -1, ErrorCode.NONE),
        ("hailstream", 1, ErrorCode.NONE),
        ("hailstream", 2, ErrorCode.REBOOTSTRAP_REQUIRED),
        ("other", 1, ErrorCode.REBOOTSTRAP_REQUIRED),
        ("", 1, ErrorCode.REBOOTSTRAP_REQUIRED),
        ("hailstream", -1, ErrorCode.INVALID_REQUEST),
        (None, 1, ErrorCode.INVALID_REQUEST),
    ],
)
async def test_a_client_that_means_another_broker_is_sent_to_find_it(
    cluster_id: str | None, node_id: int, error: ErrorCode
) -> None:
    async with simulated_broker() as services:
        answer = await versions_answer(services, 5, cluster_id=cluster_id, node_id=node_id)
    assert answer.error_code == error
    assert bool(answer.apis) == (error is ErrorCode.NONE)


@pytest.mark.parametrize("version", versions_of(ApiKey.API_VERSIONS))
async def test_features_are_told_to_those_who_can_read_them(version: int) -> None:
    async with simulated_broker() as services:
        services.features = (
            Feature("transaction.version", level_min=0, level_max=2, level=2),
            Feature("group.version", level_min=0, level_max=1, level=0),
            Feature("metadata.version", level_min=7, level_max=33, level=33),
        )
        answer = await versions_answer(services, version)
    supported = {one.name: (one.min_version, one.max_version) for one in answer.supported_features}
    finalized = {
        one.name: (one.min_version_level, one.max_version_level)
        for one in answer.finalized_features
    }
    everything = {
        "transaction.version": (0, 2),
        "group.version": (0, 1),
        "metadata.version": (7, 33),
    }
    if version >= 4:
        assert supported == everything
    else:
        # Before version 4 a lowest level of 0 breaks clients (KAFKA-17011).
        assert supported == ({"metadata.version": (7, 33)} if version == 3 else {})
    told = {"transaction.version": (2, 2), "metadata.version": (33, 33)}
    assert finalized == (told if version >= 3 else {})
    assert answer.finalized_features_epoch == (0 if version >= 3 else -1)


# The first version in which a timestamp below zero has a meaning.
NAMED_TIMES = {-1: 1, -2: 1, -3: 7, -4: 8, -5: 9, -6: 11}


@pytest.mark.parametrize("version", versions_of(ApiKey.LIST_OFFSETS))
async def test_offsets_are_found_by_place_and_by_time(version: int) -> None:
    async with simulated_broker() as services:
        create(services, partitions=1)
        await produce(services, b"a", b"b", timestamp=1000)
        await produce(services, b"c", timestamp=5000)
        await produce(services, b"d", timestamp=3000)
        services.topics.replicas()[0].delete_before(Offset(1))
        expected = {
            -1: (NONE, 4, -1),
            -2: (NONE, 1, -1),
            -3: (NONE, 2, 5000),
            -4: (NONE, 1, -1),
            -5: (NONE, -1, -1),
            -6: (NONE, -1, -1),
            -7: ("unsupported_version", -1, -1),
            0: (NONE, 1, 1001),
            1002: (NONE, 2, 5000),
            5001: (NONE, -1, -1),
        }
        for timestamp, found in expected.items():
            is_named = timestamp >= 0 or version >= NAMED_TIMES.get(timestamp, 99)
            told = found if is_named else ("unsupported_version", -1, -1)
            listed = await listed_offset(services, timestamp, version=version)
            assert (code(listed), listed.offset, listed.timestamp) == told, timestamp
            if version >= 4:
                assert listed.leader_epoch == (0 if listed.offset >= 0 else -1)


async def listed_offset(
    services: BrokerServices, timestamp: int, *, version: int = 5, name: str = "t", **fields: int
) -> Any:
    partition = {"partition_index": 0, "timestamp": timestamp, **fields}
    answer = await converse(
        services,
        ApiKey.LIST_OFFSETS,
        version,
        replica_id=-1,
        isolation_level=1,
        topics=[{"name": name, "partitions": [partition]}],
    )
    return answer.topics[0].partitions[0]


async def test_what_is_asked_of_a_partition_that_is_not_there_is_an_error() -> None:
    async with simulated_broker() as services:
        create(services)
        for unknown in (
            await listed_offset(services, -1, partition_index=8),
            await listed_offset(services, -1, partition_index=-1),
            await listed_offset(services, -1, name="none"),
        ):
            assert code(unknown) == "unknown_topic_or_partition"


@pytest.mark.parametrize(
    ("epoch", "error"),
    [(-1, NONE), (1, NONE), (0, "fenced_leader_epoch"), (2, "unknown_leader_epoch")],
)
async def test_offsets_are_told_to_those_who_know_the_leader(epoch: int, error: str) -> None:
    async with simulated_broker() as services:
        create(services)
        topic = services.topics.find("t")
        assert topic is not None
        services.topics.delete(topic)
        create(services)
        listed = await listed_offset(services, -1, current_leader_epoch=epoch)
        assert code(listed) == error


async def test_a_partition_that_is_named_twice_is_refused_once() -> None:
    async with simulated_broker() as services:
        create(services)
        named = [{"partition_index": index, "timestamp": -1} for index in (0, 1, 0)]
        answer = await converse(
            services,
            ApiKey.LIST_OFFSETS,
            7,
            replica_id=-1,
            topics=[{"name": "t", "partitions": named}],
        )
        told = [(part.partition_index, code(part)) for part in answer.topics[0].partitions]
        assert told == [(0, "invalid_request"), (1, NONE)]


async def test_a_record_behind_an_open_transaction_is_not_found_by_readers_of_committed_ones() -> (
    None
):
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=True)
        await producer.init()
        await produce(services, b"a", timestamp=1000)
        await producer.send(b"b")
        assert await offset_at(services, 1000) == (NONE, 0)
        assert await offset_at(services, 2000) == (NONE, -1)
        assert await offset_at(services, -1) == (NONE, 1)
        await producer.end(commit=True)
        assert await offset_at(services, 2000) == (NONE, 1)
        assert await offset_at(services, -1) == (NONE, 3)


async def offset_at(services: BrokerServices, timestamp: int) -> tuple[str, int]:
    found = await listed_offset(services, timestamp)
    return code(found), found.offset


async def test_a_time_look_up_passes_over_deleted_records_of_the_same_segment() -> None:
    async with simulated_broker() as services:
        create(services)
        await produce(services, b"a", b"b", timestamp=1000)
        await produce(services, b"c", timestamp=2000)
        await produce(services, b"d", timestamp=3000)
        replica = services.topics.replicas()[0]
        replica.delete_before(Offset(1))
        assert await offset_at(services, 0) == (NONE, 1)
        replica.delete_before(Offset(2))
        assert await offset_at(services, 0) == (NONE, 2)
        assert await offset_at(services, 2001) == (NONE, 3)


async def test_a_time_look_up_that_the_disk_refuses_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(position: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    async with simulated_broker() as services:
        create(services)
        await produce(services, b"a", timestamp=1000)
        monkeypatch.setattr(services.topics.replicas()[0].log.active.file, "read_at", broken)
        assert await offset_at(services, 0) == ("kafka_storage_error", -1)


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


async def test_ids_that_cannot_be_read_are_not_given_out_again() -> None:
    disk = SimulatedDirectory()
    disk.write_atomically("producer_ids", b"many\n")
    with pytest.raises(ProducerIdsUnreadable, match="producer_ids holds b'many"):
        assembled(disk)


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_an_id_that_is_named_is_nobodys_without_a_transactional_id(version: int) -> None:
    """Some clients begin with 0 and 0: going on with that, they would all be one producer."""
    async with simulated_broker() as services:
        ids = set()
        for _ in range(3):
            answer = await converse(
                services, ApiKey.INIT_PRODUCER_ID, version, producer_id=0, producer_epoch=0
            )
            assert (code(answer), answer.producer_epoch) == (NONE, 0)
            ids.add(answer.producer_id)
        assert len(ids) == 3


async def test_produce_is_listed_from_zero_on_and_served_from_three_on() -> None:
    async with simulated_broker() as services:
        (listed, *_) = (await versions_answer(services, 3)).apis
    assert (listed.api_key, listed.min_version, listed.max_version) == (ApiKey.PRODUCE, 0, 13)
    assert REGISTRY.handlers[0].min_version == 3


async def test_a_retry_after_a_restart_is_recognised() -> None:
    disk = SimulatedDirectory()
    for expected_end in (1, 1):
        async with simulated_broker(disk) as services:
            if services.topics.find("t") is None:
                create(services)
            answer = await produce(services, b"x", producer_id=5, producer_epoch=0, base_sequence=0)
            assert (code(answer), answer.base_offset) == (NONE, 0)
            assert services.topics.replicas()[0].high_watermark == expected_end

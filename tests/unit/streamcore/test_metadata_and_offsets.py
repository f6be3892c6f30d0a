"""Metadata, versions, offsets and producer ids in every version, as Kafka's schemas say."""

import uuid

import pytest

from groundwork.simulated.disk import SimulatedDirectory
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
from tests.support.broker_questions import (
    NONE,
    code,
    create,
    produce,
    versions_of,
)
from tests.support.kio_peer import converse
from tests.support.simulated_broker import answered, ask, assembled, simulated_broker


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


async def offset_at(services: BrokerServices, timestamp: int) -> tuple[str, int]:
    partitions = [{"partition_index": 0, "timestamp": timestamp}]
    answer = await converse(
        services,
        ApiKey.LIST_OFFSETS,
        5,
        replica_id=-1,
        topics=[{"name": "t", "partitions": partitions}],
    )
    found = answer.topics[0].partitions[0]
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


@pytest.mark.parametrize("version", [3, 4])
async def test_a_producer_keeps_its_id_with_a_new_epoch(version: int) -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services, ApiKey.INIT_PRODUCER_ID, version, producer_id=77, producer_epoch=3
        )
        assert (answer.producer_id, answer.producer_epoch) == (77, 4)


async def test_a_retry_after_a_restart_is_recognised() -> None:
    disk = SimulatedDirectory()
    for expected_end in (1, 1):
        async with simulated_broker(disk) as services:
            if services.topics.find("t") is None:
                create(services)
            answer = await produce(services, b"x", producer_id=5, producer_epoch=0, base_sequence=0)
            assert (code(answer), answer.base_offset) == (NONE, 0)
            assert services.topics.replicas()[0].high_watermark == expected_end

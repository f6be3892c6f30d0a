"""What tools ask of a cluster: its brokers, disks, leaders, topics page by page, access lists."""

from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import NOT_ASKED
from tests.support.broker_questions import NONE, code, create, produce, versions_of
from tests.support.kio_peer import converse
from tests.support.simulated_broker import simulated_broker

TOPIC_OPERATIONS = 3576
CLUSTER_OPERATIONS = 8096


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_CLUSTER))
async def test_the_cluster_is_one_broker(version: int) -> None:
    async with simulated_broker() as services:
        for asks in (False, True):
            answer = await converse(
                services,
                ApiKey.DESCRIBE_CLUSTER,
                version,
                endpoint_type=1,
                include_cluster_authorized_operations=asks,
            )
            assert (answer.cluster_id, answer.controller_id) == ("hailstream", 1)
            assert [(b.broker_id, b.host, b.port) for b in answer.brokers] == [
                (1, "127.0.0.1", 9092)
            ]
            told = CLUSTER_OPERATIONS if asks else NOT_ASKED
            assert answer.cluster_authorized_operations == told


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("endpoint_type", "error"),
    [(2, "mismatched_endpoint_type"), (3, "unsupported_endpoint_type")],
)
async def test_only_brokers_are_described(version: int, endpoint_type: int, error: str) -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services, ApiKey.DESCRIBE_CLUSTER, version, endpoint_type=endpoint_type
        )
        assert (code(answer), answer.brokers) == (error, ())
        assert answer.error_message


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_ACLS))
async def test_without_an_authorizer_there_are_no_access_lists(version: int) -> None:
    async with simulated_broker() as services:
        answer = await converse(
            services,
            ApiKey.DESCRIBE_ACLS,
            version,
            resource_type_filter=1,
            pattern_type_filter=1,
            operation=1,
            permission_type=1,
        )
        assert code(answer) == "security_disabled"
        assert answer.error_message == "No Authorizer is configured on the broker"


async def log_dir(services: BrokerServices, version: int, topics: Any) -> Any:
    answer = await converse(services, ApiKey.DESCRIBE_LOG_DIRS, version, topics=topics)
    (described,) = answer.results
    return described


def sizes(described: Any) -> dict[tuple[str, int], int]:
    return {
        (topic.name, partition.partition_index): partition.partition_size
        for topic in described.topics
        for partition in topic.partitions
    }


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_LOG_DIRS))
async def test_the_log_directory_tells_how_large_partitions_are(version: int) -> None:
    async with simulated_broker(SimulatedDirectory(room_bytes=1 << 20)) as services:
        create(services, "t", 2)
        create(services, "u", 1)
        await produce(services, b"some", b"records")
        size = services.topics.replicas()[0].log.bytes_held
        assert size > 61
        everything = await log_dir(services, version, None)
        assert everything.log_dir == "/nowhere"
        assert sizes(everything) == {("t", 0): size, ("t", 1): 0, ("u", 0): 0}
        some = await log_dir(
            services,
            version,
            [
                {"topic": "t", "partitions": [0, 0, 9]},
                {"topic": "none", "partitions": [0]},
                {"topic": "t", "partitions": [1]},
            ],
        )
        assert sizes(some) == {("t", 0): size, ("t", 1): 0}
        assert [topic.name for topic in some.topics] == ["t"]
        assert sizes(await log_dir(services, version, [])) == {}
        if version >= 4:
            # The catalogue of topics, too, lies on the disk.
            assert services.disk_space() == (everything.total_bytes, everything.usable_bytes)
            assert everything.usable_bytes < everything.total_bytes == 1 << 20


async def test_a_log_directory_that_cannot_be_looked_at_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Any:
        raise OSError(5, "Input/output error")

    async with simulated_broker() as services:
        services.disk_space = broken
        for _ in range(3):
            described = await log_dir(services, 5, None)
    assert code(described) == "kafka_storage_error"
    assert (described.total_bytes, described.topics) == (-1, ())
    assert caplog.messages == ["/nowhere: [Errno 5] Input/output error"]


@pytest.mark.parametrize("version", versions_of(ApiKey.ELECT_LEADERS))
async def test_no_partition_needs_an_election(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        answer = await converse(
            services,
            ApiKey.ELECT_LEADERS,
            version,
            election_type=1,
            topic_partitions=[
                {"topic": "t", "partitions": [0, 9]},
                {"topic": "none", "partitions": [0]},
            ],
        )
        told = [
            (result.topic, partition.partition_id, code(partition), partition.error_message)
            for result in answer.replica_election_results
            for partition in result.partition_result
        ]
        assert told == [
            ("t", 0, "election_not_needed", "Leader election not needed for topic partition."),
            ("t", 9, "unknown_topic_or_partition", "No such partition as t-9"),
            ("none", 0, "unknown_topic_or_partition", "No such topic as none"),
        ]


@pytest.mark.parametrize("version", versions_of(ApiKey.ELECT_LEADERS))
async def test_of_all_partitions_those_that_need_an_election_are_none(version: int) -> None:
    async with simulated_broker() as services:
        create(services, "t")
        create(services, "u")
        answer = await converse(services, ApiKey.ELECT_LEADERS, version, topic_partitions=None)
        results = answer.replica_election_results
        assert [(one.topic, one.partition_result) for one in results] == [("t", ()), ("u", ())]


@pytest.mark.parametrize("version", [1, 2])
async def test_an_election_of_an_unknown_type_is_refused(version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        for topics, told in (
            ([{"topic": "t", "partitions": [0]}], ["Unknown election type 5"]),
            (None, []),
        ):
            answer = await converse(
                services, ApiKey.ELECT_LEADERS, version, election_type=5, topic_partitions=topics
            )
            assert code(answer) == "invalid_request"
            assert [
                partition.error_message
                for result in answer.replica_election_results
                for partition in result.partition_result
            ] == told


@pytest.mark.parametrize("topics", [None, [], [{"name": "t", "partition_indexes": [0]}]])
async def test_no_partition_is_on_its_way_elsewhere(topics: Any) -> None:
    async with simulated_broker() as services:
        create(services)
        answer = await converse(
            services, ApiKey.LIST_PARTITION_REASSIGNMENTS, 0, timeout_ms=1000, topics=topics
        )
        assert (code(answer), answer.topics) == (NONE, ())


async def page(
    services: BrokerServices, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None
) -> Any:
    from_here = None if cursor is None else dict(zip(CURSOR_FIELDS, cursor, strict=True))
    return await converse(
        services,
        ApiKey.DESCRIBE_TOPIC_PARTITIONS,
        0,
        topics=[{"name": name} for name in names],
        response_partition_limit=limit,
        cursor=from_here,
    )


CURSOR_FIELDS = ("topic_name", "partition_index")


def told(answer: Any) -> tuple[list[tuple[str, str, list[int]]], tuple[str, int] | None]:
    topics = [
        (topic.name, code(topic), [p.partition_index for p in topic.partitions])
        for topic in answer.topics
    ]
    cursor = answer.next_cursor
    return topics, cursor and (cursor.topic_name, cursor.partition_index)


async def test_topics_are_described_in_order_of_their_names() -> None:
    async with simulated_broker() as services:
        create(services, "b", 2)
        create(services, "a", 1)
        everything = [("a", NONE, [0]), ("b", NONE, [0, 1])]
        assert told(await page(services)) == (everything, None)
        assert told(await page(services, "b", "a", "b")) == (everything, None)
        answer = await page(services, "a")
        (topic,) = answer.topics
        (partition,) = topic.partitions
        assert topic.topic_authorized_operations == TOPIC_OPERATIONS
        assert (partition.leader_id, partition.leader_epoch) == (1, 0)
        assert (partition.replica_nodes, partition.isr_nodes) == ((1,), (1,))
        assert (partition.eligible_leader_replicas, partition.offline_replicas) == ((), ())


async def test_topics_that_are_not_there_are_told_in_their_place() -> None:
    async with simulated_broker() as services:
        create(services, "b", 1)
        topics, _ = told(await page(services, "c", "b", "a/", "__consumer_offsets"))
        assert topics == [
            ("__consumer_offsets", "unknown_topic_or_partition", []),
            ("a/", "invalid_topic_exception", []),
            ("b", NONE, [0]),
            ("c", "unknown_topic_or_partition", []),
        ]


@pytest.mark.parametrize("limit", [-1, 0, 1, 2, 3, 4, 5, 6, 7, 100])
async def test_pages_together_describe_every_partition_once(limit: int) -> None:
    async with simulated_broker() as services:
        for name, count in (("a", 3), ("b", 1), ("c", 2)):
            create(services, name, count)
        seen: list[tuple[str, int]] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            answer = await page(services, limit=limit, cursor=cursor)
            topics, cursor = told(answer)
            of_page = [(name, index) for name, _, indexes in topics for index in indexes]
            assert len(of_page) <= max(limit, 1)
            seen += of_page
            pages += 1
        assert seen == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("c", 0), ("c", 1)]
        assert pages == -(-6 // max(limit, 1))


async def test_a_page_has_2000_partitions_at_most() -> None:
    async with simulated_broker() as services:
        create(services, "a", 999)
        create(services, "b", 999)
        create(services, "c", 999)
        topics, cursor = told(await page(services, limit=10_000))
        assert [len(indexes) for _, _, indexes in topics] == [999, 999, 2]
        assert cursor == ("c", 2)


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [
        (("b", 0), [("b", NONE, [0, 1])]),
        (("a", 9), [("a", NONE, []), ("b", NONE, [0, 1])]),
        (("a", -1), [("a", "invalid_request", []), ("b", "invalid_request", [])]),
        (("ab", 0), [("a", "invalid_request", []), ("b", "invalid_request", [])]),
    ],
)
async def test_a_cursor_stands_on_a_topic_that_is_asked_for(
    cursor: tuple[str, int], expected: list[tuple[str, str, list[int]]]
) -> None:
    async with simulated_broker() as services:
        create(services, "a", 1)
        create(services, "b", 2)
        assert told(await page(services, "a", "b", cursor=cursor)) == (expected, None)


async def test_all_topics_go_on_behind_a_topic_that_has_gone_meanwhile() -> None:
    async with simulated_broker() as services:
        create(services, "a", 1)
        create(services, "c", 1)
        assert told(await page(services, cursor=("b", 7))) == ([("c", NONE, [0])], None)

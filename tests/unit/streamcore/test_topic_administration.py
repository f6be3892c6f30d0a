"""Topics are made, grown, trimmed, described and deleted in every version; a restart keeps them."""

import uuid
from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import (
    NONE,
    code,
    create,
    produce,
    versions_of,
)
from tests.support.kio_peer import converse
from tests.support.simulated_broker import simulated_broker


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


async def test_nobody_but_the_broker_makes_or_changes_its_own_topic() -> None:
    name, refusal = "__consumer_offsets", "invalid_topic_exception"
    async with simulated_broker() as services:
        made = {"name": name, "num_partitions": 1, "replication_factor": 1}
        answer = await converse(services, ApiKey.CREATE_TOPICS, 7, topics=[made])
        assert code(answer.topics[0]) == refusal
        create(services, name)
        grown = {"name": name, "count": 5, "assignments": None}
        answer = await converse(services, ApiKey.CREATE_PARTITIONS, 2, topics=[grown])
        assert code(answer.results[0]) == refusal
        trimmed = {"name": name, "partitions": [{"partition_index": 0, "offset": -1}]}
        answer = await converse(services, ApiKey.DELETE_RECORDS, 1, topics=[trimmed])
        assert code(answer.topics[0].partitions[0]) == refusal
        answer = await converse(services, ApiKey.DELETE_TOPICS, 1, topic_names=[name])
        assert code(answer.responses[0]) == refusal


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
                        {"partition_index": 0, "offset": 4},  # the last word counts
                        {"partition_index": 0, "offset": 2},
                        {"partition_index": 1, "offset": -1},
                        {"partition_index": 9, "offset": 0},
                    ],
                }
            ],
        )
        found = answer.topics[0].partitions
        assert [(part.low_watermark, code(part)) for part in found] == [
            (2, NONE),
            (0, NONE),
            (-1, "unknown_topic_or_partition"),
        ]
        too_far = await converse(
            services,
            ApiKey.DELETE_RECORDS,
            version,
            topics=[{"name": "t", "partitions": [{"partition_index": 0, "offset": 4}]}],
        )
        (part,) = too_far.topics[0].partitions
        assert (part.low_watermark, code(part)) == (-1, "offset_out_of_range")


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [("compact", "policy_violation"), ("compact,delete", NONE), ("delete", NONE)],
)
async def test_records_are_deleted_only_where_the_policy_lets_them_go(
    policy: str, outcome: str
) -> None:
    async with simulated_broker() as services:
        create(services, cleanup_policy=policy)
        asked = {"name": "t", "partitions": [{"partition_index": 0, "offset": 0}]}
        answer = await converse(services, ApiKey.DELETE_RECORDS, 2, topics=[asked])
        assert code(answer.topics[0].partitions[0]) == outcome


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

"""Leader epochs: where each ended, who is told of the one in force, and when a new one begins."""

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.partition.epochs import EpochHistory
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, create, produce, versions_of, wanted
from tests.support.kio_peer import converse
from tests.support.simulated_broker import assembled, simulated_broker

END = Offset(100)


def history(*starts: tuple[int, int]) -> EpochHistory:
    made = EpochHistory()
    for epoch, offset in starts:
        made.note(LeaderEpoch(epoch), Offset(offset))
    return made


@pytest.mark.parametrize(
    ("asked", "found"),
    [(1, (-1, -1)), (2, (2, 40)), (3, (2, 40)), (4, (4, 70)), (5, (5, 100)), (6, (-1, -1))],
)
def test_an_epoch_ends_where_the_next_begins(asked: int, found: tuple[int, int]) -> None:
    known = history((2, 10), (4, 40), (5, 70))
    assert known.end_of(LeaderEpoch(asked), log_end=END) == found


def test_nothing_is_known_of_an_empty_history() -> None:
    assert history().end_of(LeaderEpoch(0), log_end=END) == (-1, -1)


def test_a_term_without_records_leaves_no_trace() -> None:
    assert history((1, 0), (2, 50), (3, 50)).rows() == [[1, 0], [3, 50]]


def test_records_of_an_older_epoch_are_no_news() -> None:
    assert history((3, 0), (2, 50)).rows() == [[3, 0]]


def test_what_lies_before_the_log_start_is_forgotten() -> None:
    known = history((1, 0), (2, 50), (3, 70))
    known.cut_front(Offset(60))
    assert known.rows() == [[2, 60], [3, 70]]


def test_a_history_comes_back_from_its_numbers() -> None:
    known = history((1, 0), (4, 50))
    restored = EpochHistory()
    restored.restore(known.rows())
    assert restored.rows() == known.rows()


@pytest.mark.parametrize("version", versions_of(ApiKey.OFFSET_FOR_LEADER_EPOCH))
async def test_a_consumer_learns_where_an_epoch_ended(version: int) -> None:
    disk = SimulatedDirectory()
    services = assembled(disk)
    create(services, partitions=1)
    await produce(services, b"a", b"b")
    await services.durability.sync(checkpoint=True)
    # This one dies: the next begins a new term.
    async with simulated_broker(disk) as services:
        await produce(services, b"c")
        answer = await converse(
            services,
            ApiKey.OFFSET_FOR_LEADER_EPOCH,
            version,
            topics=[
                {
                    "topic": "t",
                    "partitions": [
                        {"partition": number, "current_leader_epoch": known, "leader_epoch": asked}
                        for number, known, asked in [
                            (0, 1, 0),
                            (0, -1, 1),
                            (0, 0, 0),
                            (0, 2, 0),
                            (0, 1, 7),
                            (5, 1, 0),
                        ]
                    ],
                }
            ],
        )
    (topic,) = answer.topics
    assert [(code(each), each.leader_epoch, each.end_offset) for each in topic.partitions] == [
        (NONE, 0, 2),
        (NONE, 1, 3),
        ("fenced_leader_epoch", -1, -1),
        ("unknown_leader_epoch", -1, -1),
        (NONE, -1, -1),
        ("unknown_topic_or_partition", -1, -1),
    ]


async def test_an_orderly_end_begins_no_new_epoch() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
    async with simulated_broker(disk) as services:
        assert services.topics.replicas()[0].leader_epoch == 0
    assembled(disk)  # and dies
    async with simulated_broker(disk) as services:
        assert services.topics.replicas()[0].leader_epoch == 1


@pytest.mark.parametrize("version", [9, 12, 16, 18])
async def test_who_knows_an_older_epoch_is_told_of_the_leader(version: int) -> None:
    disk = SimulatedDirectory()
    services = assembled(disk)
    create(services)
    async with simulated_broker(disk) as services:
        topics = wanted(services, 0)
        topics[0]["partitions"][0]["current_leader_epoch"] = 0
        answer = await converse(services, ApiKey.FETCH, version, max_bytes=100, topics=topics)
        (partition,) = answer.responses[0].partitions
        assert code(partition) == "fenced_leader_epoch"
        if version >= 12:
            leader = partition.current_leader
            assert (leader.leader_id, leader.leader_epoch) == (1, 1)
        if version >= 16:
            (node,) = answer.node_endpoints
            assert (node.node_id, node.host, node.port) == (1, "127.0.0.1", 9092)

"""Where a consumer reads on."""

from streamcore.client.api import Offset, PartitionId, TopicName
from streamcore.client.columnar.connection import Address
from streamcore.client.columnar.positions import ReadPositions

FIRST = (TopicName("t"), PartitionId(0))
SECOND = (TopicName("t"), PartitionId(1))
HERE = Address("a:1")


def test_an_unplaced_or_leaderless_partition_is_told_and_the_others_are_read() -> None:
    positions = ReadPositions()
    positions.assign({FIRST: Offset(5), SECOND: None})
    assert positions.by_leader(lambda _: HERE) == ({HERE: {FIRST: 5}}, True)
    positions.place(SECOND, Offset(0))
    assert positions.by_leader(lambda _: HERE) == ({HERE: {FIRST: 5, SECOND: 0}}, False)
    leaders = {FIRST: HERE}
    assert positions.by_leader(leaders.get) == ({HERE: {FIRST: 5}}, True)


def test_what_was_read_goes_to_the_end_of_the_queue() -> None:
    positions = ReadPositions()
    positions.assign({FIRST: Offset(0), SECOND: Offset(0)})
    positions.advance(FIRST, Offset(9))
    assert list(positions.known) == [SECOND, FIRST]


def test_an_unreadable_partition_is_left_alone_until_somebody_seeks() -> None:
    positions = ReadPositions()
    positions.assign({FIRST: Offset(3)})
    positions.set_broken(FIRST)
    assert positions.by_leader(lambda _: HERE) == ({}, False)
    positions.place(FIRST, Offset(4))
    assert positions.by_leader(lambda _: HERE) == ({HERE: {FIRST: 4}}, False)


def test_lag_is_told_once_an_answer_has_said_where_the_end_is() -> None:
    positions = ReadPositions()
    positions.assign({FIRST: Offset(3), SECOND: None})
    assert positions.lag() == {}
    positions.set_high_watermark(FIRST, 10)
    positions.set_high_watermark(SECOND, 10)
    assert positions.lag() == {FIRST: 7}


def test_a_partition_of_an_older_assignment_is_not_placed() -> None:
    positions = ReadPositions()
    positions.assign({FIRST: None})
    positions.place(SECOND, Offset(1))
    assert positions.known == {}
    assert not positions.has(SECOND)

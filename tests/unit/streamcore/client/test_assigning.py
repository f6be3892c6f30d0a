"""Who reads what: the assignors, and their formats against another client's."""

import pytest
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

from streamcore.client.api import PartitionId, TopicName
from streamcore.client.columnar.assigning import (
    RANGE,
    ROUND_ROBIN,
    assign,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)

A, B, MISSING = TopicName("a"), TopicName("b"), TopicName("missing")
COUNTS = {A: 5, B: 3}


class KnownTopics:
    """What aiokafka's assignors ask of the cluster."""

    def partitions_for_topic(self, topic: TopicName) -> set[int] | None:
        return set(range(COUNTS[topic])) if topic in COUNTS else None


@pytest.mark.parametrize(
    "subscriptions",
    [
        {"m1": [A, B]},
        {"m1": [A], "m2": [A]},
        {"m3": [A, B], "m1": [B], "m2": [A]},
        {f"m{number}": [A, B] for number in range(7)},
        {"m1": [A, MISSING], "m2": [MISSING]},
    ],
)
@pytest.mark.parametrize(
    ("protocol", "theirs"),
    [(RANGE, RangePartitionAssignor), (ROUND_ROBIN, RoundRobinPartitionAssignor)],
)
def test_partitions_are_dealt_out_as_other_clients_deal_them(
    protocol: str,
    theirs: type[RangePartitionAssignor],
    subscriptions: dict[str, list[TopicName]],
) -> None:
    metadata = {
        member: ConsumerProtocolMemberMetadata(0, list(topics), b"")
        for member, topics in subscriptions.items()
    }
    expected = {
        member: sorted(part.partitions())
        for member, part in theirs.assign(KnownTopics(), metadata).items()
    }
    ours = assign(protocol, subscriptions, COUNTS)
    assert {member: sorted(places) for member, places in ours.items()} == {
        member: [(part.topic, part.partition) for part in places]
        for member, places in expected.items()
    }


def test_subscriptions_travel_as_other_clients_write_them() -> None:
    theirs = ConsumerProtocolMemberMetadata(0, ["a", "b"], b"").encode()
    assert encode_subscription([B, A]) == theirs
    assert decode_subscription(theirs) == [A, B]


def test_assignments_travel_as_other_clients_write_them() -> None:
    places = [(A, PartitionId(1)), (A, PartitionId(4)), (B, PartitionId(0))]
    theirs = ConsumerProtocolMemberAssignment(0, [("a", [1, 4]), ("b", [0])], b"").encode()
    assert encode_assignment(places) == theirs
    assert decode_assignment(theirs) == places
    assert decode_assignment(b"") == []

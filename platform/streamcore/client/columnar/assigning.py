"""Who of a group reads what: the range and round-robin assignors, and their wire formats. Pure.

Byte for byte what Java's client and librdkafka write (ConsumerProtocolSubscription and
ConsumerProtocolAssignment version 0), so that a group may mix clients.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Final

from streamcore.client.api import PartitionId, TopicName
from streamcore.client.columnar.cluster import Place
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

PROTOCOL_TYPE: Final = "consumer"
RANGE: Final = "range"
ROUND_ROBIN: Final = "roundrobin"
SUPPORTED: Final = (RANGE, ROUND_ROBIN)
_VERSION: Final = 0


def encode_subscription(topics: Sequence[TopicName]) -> bytes:
    """Return what a member tells the leader: the topics that it wants."""
    writer = WireWriter(flexible=False)
    writer.int16(_VERSION)
    writer.array_size(len(topics))
    for topic in sorted(topics):
        writer.string(topic)
    writer.sized_bytes(b"")  # user data
    return writer.done()


def decode_subscription(data: bytes) -> list[TopicName]:
    """Read any version: later ones only add fields behind. Raises `Malformed`."""
    reader = WireReader(memoryview(data), flexible=False)
    reader.int16()
    return [TopicName(reader.string()) for _ in range(reader.array_size())]


def encode_assignment(places: Sequence[Place]) -> bytes:
    """Return what the leader tells a member: the partitions that it reads."""
    by_topic: dict[TopicName, list[PartitionId]] = {}
    for topic, partition in sorted(places):
        by_topic.setdefault(topic, []).append(partition)
    writer = WireWriter(flexible=False)
    writer.int16(_VERSION)
    writer.array_size(len(by_topic))
    for topic, partitions in by_topic.items():
        writer.string(topic)
        writer.array_size(len(partitions))
        for partition in partitions:
            writer.int32(partition)
    writer.sized_bytes(b"")  # user data
    return writer.done()


def decode_assignment(data: bytes) -> list[Place]:
    """Read any version; nothing at all means nothing to read. Raises `Malformed`."""
    if not data:
        return []
    reader = WireReader(memoryview(data), flexible=False)
    reader.int16()
    places: list[Place] = []
    for _ in range(reader.array_size()):
        topic = TopicName(reader.string())
        places += [(topic, PartitionId(reader.int32())) for _ in range(reader.array_size())]
    return places


def assign(
    protocol: str,
    subscriptions: Mapping[str, Sequence[TopicName]],
    partition_counts: Mapping[TopicName, int],
) -> dict[str, list[Place]]:
    """Return each member's partitions. Topics that do not exist are nobody's."""
    assert protocol in SUPPORTED, "the coordinator chooses from what every member offers"
    if protocol == RANGE:
        return _by_range(subscriptions, partition_counts)
    return _round_robin(subscriptions, partition_counts)


def _by_range(
    subscriptions: Mapping[str, Sequence[TopicName]], partition_counts: Mapping[TopicName, int]
) -> dict[str, list[Place]]:
    """Neighbouring partitions of each topic to each member; the first get one more."""
    assigned: dict[str, list[Place]] = {member: [] for member in subscriptions}
    for topic, count in sorted(partition_counts.items()):
        members = sorted(member for member, topics in subscriptions.items() if topic in topics)
        start = 0
        for index, member in enumerate(members):
            share = count // len(members) + (index < count % len(members))
            places = [(topic, PartitionId(at)) for at in range(start, start + share)]
            assigned[member] += places
            start += share
    return assigned


def _round_robin(
    subscriptions: Mapping[str, Sequence[TopicName]], partition_counts: Mapping[TopicName, int]
) -> dict[str, list[Place]]:
    """All partitions of all topics dealt out in turn to those who want them."""
    assigned: dict[str, list[Place]] = {member: [] for member in subscriptions}
    turns = cycle(sorted(subscriptions))
    wanted = {topic for topics in subscriptions.values() for topic in topics}
    for topic, count in sorted(partition_counts.items()):
        if topic not in wanted:
            continue
        for index in range(count):
            member = next(member for member in turns if topic in subscriptions[member])
            assigned[member].append((topic, PartitionId(index)))
    return assigned

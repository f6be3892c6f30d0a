"""Metadata (key 3), versions 0 to 12: the brokers, the topics, who leads what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 9
TOPIC_IDS_FROM = 10
NO_ID = UUID(int=0)
# "Not asked for" in the bit fields of authorized operations (KIP-430).
OPERATIONS_UNKNOWN = -(1 << 31)


class AskedTopic(NamedTuple):
    """A topic by name, or (version 12) by id with no name."""

    name: str | None
    topic_id: UUID


class MetadataRequest(NamedTuple):
    """A decoded request; `topics` None asks for all."""

    topics: list[AskedTopic] | None
    allows_creation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPlace:
    """Where a broker is reached."""

    node_id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDescription:
    """One topic of the answer: an error, or its partitions, all led by one broker."""

    error: int
    name: str | None
    topic_id: UUID = NO_ID
    is_internal: bool = False
    partition_count: int = 0
    leader_epoch: int = 0


def decode_request(body: memoryview, version: int) -> MetadataRequest:
    """Read a request. Raises `Malformed`."""
    reader = WireReader(body, flexible=version >= FLEXIBLE_FROM)
    count = reader.nullable_array_size()
    topics: list[AskedTopic] | None = None
    # Before version 1 there is no null array: an empty one asks for all.
    if count is not None and (count or version >= 1):
        topics = []
        for _ in range(count):
            topic_id = reader.uuid() if version >= TOPIC_IDS_FROM else NO_ID
            name = reader.nullable_string() if version >= TOPIC_IDS_FROM else reader.string()
            topics.append(AskedTopic(name, topic_id))
            reader.skip_tags()
    allows_creation = reader.boolean() if version >= 4 else True
    return MetadataRequest(topics, allows_creation)


def encode_response(
    broker: BrokerPlace, topics: Sequence[TopicDescription], version: int, *, cluster_id: str
) -> bytes:
    """Write the response of a cluster of one broker."""
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    if version >= 3:
        writer.int32(0)  # not throttled
    writer.array_size(1)
    writer.int32(broker.node_id)
    writer.string(broker.host)
    writer.int32(broker.port)
    if version >= 1:
        writer.string(None)  # rack
    writer.end_of_struct()
    if version >= 2:
        writer.string(cluster_id)
    if version >= 1:
        writer.int32(broker.node_id)  # the controller
    writer.array_size(len(topics))
    for topic in topics:
        _put_topic(writer, topic, version, leader=broker.node_id)
    if 8 <= version <= 10:
        writer.int32(OPERATIONS_UNKNOWN)
    writer.end_of_struct()
    return writer.done()


def _put_topic(writer: WireWriter, topic: TopicDescription, version: int, *, leader: int) -> None:
    writer.int16(topic.error)
    writer.string(topic.name if version >= 12 else topic.name or "")
    if version >= TOPIC_IDS_FROM:
        writer.uuid(topic.topic_id)
    if version >= 1:
        writer.boolean(topic.is_internal)
    writer.array_size(topic.partition_count)
    for partition in range(topic.partition_count):
        _put_partition(writer, partition, version, leader=leader, epoch=topic.leader_epoch)
    if version >= 8:
        writer.int32(OPERATIONS_UNKNOWN)
    writer.end_of_struct()


def _put_partition(
    writer: WireWriter, partition: int, version: int, *, leader: int, epoch: int
) -> None:
    writer.int16(0)
    writer.int32(partition)
    writer.int32(leader)
    if version >= 7:
        writer.int32(epoch)
    for _ in ("replicas", "in-sync replicas"):
        writer.array_size(1)
        writer.int32(leader)
    if version >= 5:
        writer.array_size(0)  # offline replicas
    writer.end_of_struct()

"""Metadata (key 3): the brokers, the topics, who leads which partition. Versions 0-13."""

from typing import Annotated, ClassVar
from uuid import UUID

from streamcore.wire.authorized_operations import NOT_ASKED
from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    INT32,
    NULLABLE_STRING,
    STRING,
    UUID16,
    Message,
    Part,
    Versions,
    array,
    nullable_string,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID


class MetadataTopic(Part):
    """A topic by name, or (version 12 on) by id and without a name."""

    topic_id: Annotated[UUID, UUID16, Versions(since=10)] = NO_TOPIC_ID
    name: Annotated[str | None, nullable_string(since=10)]


class MetadataRequest(Message):
    """`topics` null: all that there are; in version 0 an empty array says so."""

    FLEXIBLE_FROM: ClassVar[int] = 9
    topics: Annotated[tuple[MetadataTopic, ...] | None, array(MetadataTopic, nullable_since=1)]
    allow_auto_topic_creation: Annotated[bool, BOOL, Versions(since=4)] = False
    include_cluster_authorized_operations: Annotated[bool, BOOL, Versions(since=8, until=10)] = (
        False
    )
    include_topic_authorized_operations: Annotated[bool, BOOL, Versions(since=8)] = False


class MetadataBroker(Part):
    node_id: Annotated[int, INT32]
    host: Annotated[str, STRING]
    port: Annotated[int, INT32]
    rack: Annotated[str | None, NULLABLE_STRING, Versions(since=1)] = None


class DescribedPartition(Part):
    """`leader_id` -1: none at the moment."""

    error_code: Annotated[int, ERROR_CODE]
    partition_index: Annotated[int, INT32]
    leader_id: Annotated[int, INT32]
    leader_epoch: Annotated[int, INT32, Versions(since=7)] = -1
    replica_nodes: Annotated[tuple[int, ...], array(INT32)]
    isr_nodes: Annotated[tuple[int, ...], array(INT32)]
    offline_replicas: Annotated[tuple[int, ...], array(INT32), Versions(since=5)] = ()


class DescribedTopic(Part):
    """`name` null: a topic that was asked for by an id that nobody knows."""

    error_code: Annotated[int, ERROR_CODE]
    name: Annotated[str | None, nullable_string(since=12)]
    topic_id: Annotated[UUID, UUID16, Versions(since=10)] = NO_TOPIC_ID
    is_internal: Annotated[bool, BOOL, Versions(since=1)] = False
    partitions: Annotated[tuple[DescribedPartition, ...], array(DescribedPartition)] = ()
    topic_authorized_operations: Annotated[int, INT32, Versions(since=8)] = NOT_ASKED


class MetadataResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 9
    throttle_time_ms: Annotated[int, INT32, Versions(since=3)] = 0
    brokers: Annotated[tuple[MetadataBroker, ...], array(MetadataBroker)] = ()
    cluster_id: Annotated[str | None, NULLABLE_STRING, Versions(since=2)] = None
    controller_id: Annotated[int, INT32, Versions(since=1)] = -1
    topics: Annotated[tuple[DescribedTopic, ...], array(DescribedTopic)] = ()
    cluster_authorized_operations: Annotated[int, INT32, Versions(since=8, until=10)] = NOT_ASKED
    error_code: Annotated[int, ERROR_CODE, Versions(since=13)] = 0

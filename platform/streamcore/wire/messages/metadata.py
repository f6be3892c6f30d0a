"""Metadata (key 3) as a client sends it: who leads which partition, and where. Versions 4-7."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    INT16,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class MetadataTopic(Part):
    name: Annotated[str, STRING]


class MetadataRequest(Message):
    """`topics` null: all that there are."""

    FLEXIBLE_FROM: ClassVar[int] = 9
    topics: Annotated[tuple[MetadataTopic, ...] | None, array(MetadataTopic, nullable=True)]
    allow_auto_topic_creation: Annotated[bool, BOOL] = False


class MetadataBroker(Part):
    node_id: Annotated[int, INT32]
    host: Annotated[str, STRING]
    port: Annotated[int, INT32]
    rack: Annotated[str | None, NULLABLE_STRING] = None


class DescribedPartition(Part):
    """`leader_id` -1: none at the moment."""

    error_code: Annotated[int, INT16]
    partition_index: Annotated[int, INT32]
    leader_id: Annotated[int, INT32]
    leader_epoch: Annotated[int, INT32, Versions(since=7)] = -1
    replica_nodes: Annotated[tuple[int, ...], array(INT32)]
    isr_nodes: Annotated[tuple[int, ...], array(INT32)]
    offline_replicas: Annotated[tuple[int, ...], array(INT32), Versions(since=5)] = ()


class DescribedTopic(Part):
    error_code: Annotated[int, INT16]
    name: Annotated[str, STRING]
    is_internal: Annotated[bool, BOOL]
    partitions: Annotated[tuple[DescribedPartition, ...], array(DescribedPartition)]


class MetadataResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 9
    throttle_time_ms: Annotated[int, INT32]
    brokers: Annotated[tuple[MetadataBroker, ...], array(MetadataBroker)]
    cluster_id: Annotated[str | None, NULLABLE_STRING]
    controller_id: Annotated[int, INT32]
    topics: Annotated[tuple[DescribedTopic, ...], array(DescribedTopic)]

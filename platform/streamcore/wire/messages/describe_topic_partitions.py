"""DescribeTopicPartitions (key 75): topics page by page (KIP-966). Version 0."""

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
    array,
    nullable,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID


class AskedTopic(Part):
    name: Annotated[str, STRING]


class Cursor(Part):
    """The first partition of a page."""

    topic_name: Annotated[str, STRING]
    partition_index: Annotated[int, INT32]


class DescribeTopicPartitionsRequest(Message):
    """`topics` empty: all that there are."""

    FLEXIBLE_FROM: ClassVar[int] = 0
    topics: Annotated[tuple[AskedTopic, ...], array(AskedTopic)]
    response_partition_limit: Annotated[int, INT32] = 2000
    cursor: Annotated[Cursor | None, nullable(Cursor)] = None


class PagedPartition(Part):
    error_code: Annotated[int, ERROR_CODE] = 0
    partition_index: Annotated[int, INT32]
    leader_id: Annotated[int, INT32]
    leader_epoch: Annotated[int, INT32]
    replica_nodes: Annotated[tuple[int, ...], array(INT32)]
    isr_nodes: Annotated[tuple[int, ...], array(INT32)]
    eligible_leader_replicas: Annotated[tuple[int, ...] | None, array(INT32, nullable=True)] = ()
    last_known_elr: Annotated[tuple[int, ...] | None, array(INT32, nullable=True)] = ()
    offline_replicas: Annotated[tuple[int, ...], array(INT32)] = ()


class PagedTopic(Part):
    error_code: Annotated[int, ERROR_CODE] = 0
    name: Annotated[str | None, NULLABLE_STRING]
    topic_id: Annotated[UUID, UUID16] = NO_TOPIC_ID
    is_internal: Annotated[bool, BOOL] = False
    partitions: Annotated[tuple[PagedPartition, ...], array(PagedPartition)] = ()
    topic_authorized_operations: Annotated[int, INT32] = NOT_ASKED


class DescribeTopicPartitionsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[PagedTopic, ...], array(PagedTopic)] = ()
    next_cursor: Annotated[Cursor | None, nullable(Cursor)] = None

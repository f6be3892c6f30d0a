"""OffsetCommit (key 8): a group writes down where it will read next. Versions 2-10.

Topics are named by their ids since version 10.
"""

from typing import Annotated, ClassVar
from uuid import UUID

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    INT64,
    NULLABLE_STRING,
    STRING,
    UUID16,
    Message,
    Part,
    Versions,
    array,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID


class OffsetCommitPartition(Part):
    partition_index: Annotated[int, INT32]
    committed_offset: Annotated[int, INT64]
    committed_leader_epoch: Annotated[int, INT32, Versions(since=6)] = -1
    committed_metadata: Annotated[str | None, NULLABLE_STRING] = ""


class OffsetCommitTopic(Part):
    name: Annotated[str, STRING, Versions(until=9)] = ""
    topic_id: Annotated[UUID, UUID16, Versions(since=10)] = NO_TOPIC_ID
    partitions: Annotated[tuple[OffsetCommitPartition, ...], array(OffsetCommitPartition)]


class OffsetCommitRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 8
    group_id: Annotated[str, STRING]
    generation_id: Annotated[int, INT32] = -1
    member_id: Annotated[str, STRING] = ""
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=7)] = None
    retention_time_ms: Annotated[int, INT64, Versions(until=4)] = -1
    topics: Annotated[tuple[OffsetCommitTopic, ...], array(OffsetCommitTopic)]


class CommittedPartition(Part):
    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE]


class CommittedTopic(Part):
    name: Annotated[str, STRING, Versions(until=9)] = ""
    topic_id: Annotated[UUID, UUID16, Versions(since=10)] = NO_TOPIC_ID
    partitions: Annotated[tuple[CommittedPartition, ...], array(CommittedPartition)]


class OffsetCommitResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 8
    throttle_time_ms: Annotated[int, INT32, Versions(since=3)] = 0
    topics: Annotated[tuple[CommittedTopic, ...], array(CommittedTopic)] = ()

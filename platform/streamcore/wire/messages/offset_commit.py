"""OffsetCommit (key 8): a group writes down where it will read next. Versions 2-9."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    INT16,
    INT32,
    INT64,
    NULLABLE_STRING,
    STRING,
    Message,
    Versions,
    array,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitPartition:
    partition_index: Annotated[int, INT32]
    committed_offset: Annotated[int, INT64]
    committed_leader_epoch: Annotated[int, INT32, Versions(since=6)] = -1
    committed_metadata: Annotated[str | None, NULLABLE_STRING] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitTopic:
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[OffsetCommitPartition, ...], array(OffsetCommitPartition)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 8
    group_id: Annotated[str, STRING]
    generation_id: Annotated[int, INT32] = -1
    member_id: Annotated[str, STRING] = ""
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=7)] = None
    retention_time_ms: Annotated[int, INT64, Versions(until=4)] = -1
    topics: Annotated[tuple[OffsetCommitTopic, ...], array(OffsetCommitTopic)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedPartition:
    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, INT16]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedTopic:
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[CommittedPartition, ...], array(CommittedPartition)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 8
    throttle_time_ms: Annotated[int, INT32, Versions(since=3)] = 0
    topics: Annotated[tuple[CommittedTopic, ...], array(CommittedTopic)] = ()

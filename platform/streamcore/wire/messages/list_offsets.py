"""ListOffsets (key 2): offsets of ends and of times. Versions 1-11."""

from typing import Annotated, ClassVar, Final

from streamcore.wire.cold import (
    ERROR_CODE,
    INT8,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    Versions,
    array,
)

LATEST_TIMESTAMP: Final = -1
EARLIEST_TIMESTAMP: Final = -2
NEWEST_RECORD_TIMESTAMP: Final = -3
EARLIEST_LOCAL_TIMESTAMP: Final = -4
LATEST_TIERED_TIMESTAMP: Final = -5
EARLIEST_PENDING_UPLOAD_TIMESTAMP: Final = -6


class ListOffsetsPartition(Part):
    """`timestamp` in unix ms, or one of the names above."""

    partition_index: Annotated[int, INT32]
    current_leader_epoch: Annotated[int, INT32, Versions(since=4)] = -1
    timestamp: Annotated[int, INT64]


class ListOffsetsTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[ListOffsetsPartition, ...], array(ListOffsetsPartition)]


class ListOffsetsRequest(Message):
    """`isolation_level` 1: of what is committed alone. `timeout_ms` is for remote storage."""

    FLEXIBLE_FROM: ClassVar[int] = 6
    replica_id: Annotated[int, INT32] = -1
    isolation_level: Annotated[int, INT8, Versions(since=2)] = 0
    topics: Annotated[tuple[ListOffsetsTopic, ...], array(ListOffsetsTopic)]
    timeout_ms: Annotated[int, INT32, Versions(since=10)] = 0


class ListedOffset(Part):
    """`offset` -1: no record is so young."""

    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE]
    timestamp: Annotated[int, INT64] = -1
    offset: Annotated[int, INT64] = -1
    leader_epoch: Annotated[int, INT32, Versions(since=4)] = -1


class ListedTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[ListedOffset, ...], array(ListedOffset)]


class ListOffsetsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 6
    throttle_time_ms: Annotated[int, INT32, Versions(since=2)] = 0
    topics: Annotated[tuple[ListedTopic, ...], array(ListedTopic)]

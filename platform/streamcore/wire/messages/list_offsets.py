"""ListOffsets (key 2) as a client sends it: offsets of ends and of times. Versions 1-5."""

from typing import Annotated, ClassVar, Final

from streamcore.wire.cold import INT8, INT16, INT32, INT64, STRING, Message, Part, Versions, array

EARLIEST_TIMESTAMP: Final = -2
LATEST_TIMESTAMP: Final = -1


class ListOffsetsPartition(Part):
    """`timestamp` in unix ms, or one of the two above."""

    partition_index: Annotated[int, INT32]
    current_leader_epoch: Annotated[int, INT32, Versions(since=4)] = -1
    timestamp: Annotated[int, INT64]


class ListOffsetsTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[ListOffsetsPartition, ...], array(ListOffsetsPartition)]


class ListOffsetsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 6
    replica_id: Annotated[int, INT32] = -1
    isolation_level: Annotated[int, INT8, Versions(since=2)] = 0
    topics: Annotated[tuple[ListOffsetsTopic, ...], array(ListOffsetsTopic)]


class ListedOffset(Part):
    """`offset` -1: no record is so young."""

    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, INT16]
    timestamp: Annotated[int, INT64]
    offset: Annotated[int, INT64]
    leader_epoch: Annotated[int, INT32, Versions(since=4)] = -1


class ListedTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[ListedOffset, ...], array(ListedOffset)]


class ListOffsetsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 6
    throttle_time_ms: Annotated[int, INT32, Versions(since=2)] = 0
    topics: Annotated[tuple[ListedTopic, ...], array(ListedTopic)]

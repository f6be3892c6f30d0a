"""OffsetForLeaderEpoch (key 23): where a leader's term ended in the log. Versions 2-4."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class EpochPartition(Part):
    """`current_leader_epoch`: the one the client knows of; `leader_epoch`: the one it asks for."""

    partition: Annotated[int, INT32]
    current_leader_epoch: Annotated[int, INT32] = -1
    leader_epoch: Annotated[int, INT32]


class EpochTopic(Part):
    topic: Annotated[str, STRING]
    partitions: Annotated[tuple[EpochPartition, ...], array(EpochPartition)]


class OffsetForLeaderEpochRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    replica_id: Annotated[int, INT32, Versions(since=3)] = -2
    topics: Annotated[tuple[EpochTopic, ...], array(EpochTopic)]


class EpochEnd(Part):
    error_code: Annotated[int, ERROR_CODE] = 0
    partition: Annotated[int, INT32]
    leader_epoch: Annotated[int, INT32] = -1
    end_offset: Annotated[int, INT64] = -1


class EpochEndTopic(Part):
    topic: Annotated[str, STRING]
    partitions: Annotated[tuple[EpochEnd, ...], array(EpochEnd)]


class OffsetForLeaderEpochResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[EpochEndTopic, ...], array(EpochEndTopic)]

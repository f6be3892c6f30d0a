"""DeleteRecords (key 21): log start offsets move forward. Versions 0-2."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    array,
)


class DeleteRecordsPartition(Part):
    """Records before `offset` go; -1 stands for the high watermark."""

    partition_index: Annotated[int, INT32]
    offset: Annotated[int, INT64]


class DeleteRecordsTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[DeleteRecordsPartition, ...], array(DeleteRecordsPartition)]


class DeleteRecordsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    topics: Annotated[tuple[DeleteRecordsTopic, ...], array(DeleteRecordsTopic)]
    timeout_ms: Annotated[int, INT32]


class TrimmedPartition(Part):
    partition_index: Annotated[int, INT32]
    low_watermark: Annotated[int, INT64]
    error_code: Annotated[int, ERROR_CODE]


class TrimmedTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[TrimmedPartition, ...], array(TrimmedPartition)]


class DeleteRecordsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[TrimmedTopic, ...], array(TrimmedTopic)]

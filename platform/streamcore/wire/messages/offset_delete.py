"""OffsetDelete (key 47): forget committed offsets of single partitions (KIP-496). Version 0."""

from typing import Annotated

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    STRING,
    Message,
    Part,
    array,
)


class OffsetDeletePartition(Part):
    partition_index: Annotated[int, INT32]


class OffsetDeleteTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[OffsetDeletePartition, ...], array(OffsetDeletePartition)]


class OffsetDeleteRequest(Message):
    group_id: Annotated[str, STRING]
    topics: Annotated[tuple[OffsetDeleteTopic, ...], array(OffsetDeleteTopic)]


class DeletedOffset(Part):
    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE]


class DeletedOffsetTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[DeletedOffset, ...], array(DeletedOffset)]


class OffsetDeleteResponse(Message):
    error_code: Annotated[int, ERROR_CODE] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[DeletedOffsetTopic, ...], array(DeletedOffsetTopic)] = ()

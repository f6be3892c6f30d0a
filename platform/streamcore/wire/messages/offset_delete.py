"""OffsetDelete (key 47): forget committed offsets of single partitions (KIP-496). Version 0."""

from dataclasses import dataclass
from typing import Annotated

from streamcore.wire.cold import INT16, INT32, STRING, Message, array


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetDeletePartition:
    partition_index: Annotated[int, INT32]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetDeleteTopic:
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[OffsetDeletePartition, ...], array(OffsetDeletePartition)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetDeleteRequest(Message):
    group_id: Annotated[str, STRING]
    topics: Annotated[tuple[OffsetDeleteTopic, ...], array(OffsetDeleteTopic)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedOffset:
    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, INT16]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedOffsetTopic:
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[DeletedOffset, ...], array(DeletedOffset)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetDeleteResponse(Message):
    error_code: Annotated[int, INT16] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[DeletedOffsetTopic, ...], array(DeletedOffsetTopic)] = ()

"""OffsetFetch (key 9): where groups will read next. Versions 1-10.

Several groups since 8; topics are named by their ids since 10.
"""

from typing import Annotated, ClassVar
from uuid import UUID

from streamcore.wire.cold import (
    BOOL,
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


class OffsetFetchTopic(Part):
    name: Annotated[str, STRING, Versions(until=9)] = ""
    topic_id: Annotated[UUID, UUID16, Versions(since=10)] = NO_TOPIC_ID
    partition_indexes: Annotated[tuple[int, ...], array(INT32)]


class OffsetFetchGroup(Part):
    """`topics` null: all that the group has committed."""

    group_id: Annotated[str, STRING]
    member_id: Annotated[str | None, NULLABLE_STRING, Versions(since=9)] = None
    member_epoch: Annotated[int, INT32, Versions(since=9)] = -1
    topics: Annotated[tuple[OffsetFetchTopic, ...] | None, array(OffsetFetchTopic, nullable=True)]


class OffsetFetchRequest(Message):
    """`topics` null (versions 2-7): all that the group has committed."""

    FLEXIBLE_FROM: ClassVar[int] = 6
    group_id: Annotated[str, STRING, Versions(until=7)] = ""
    topics: Annotated[
        tuple[OffsetFetchTopic, ...] | None,
        array(OffsetFetchTopic, nullable_since=2),
        Versions(until=7),
    ] = None
    groups: Annotated[tuple[OffsetFetchGroup, ...], array(OffsetFetchGroup), Versions(since=8)] = ()
    require_stable: Annotated[bool, BOOL, Versions(since=7)] = False


class FetchedOffset(Part):
    """`committed_offset` -1: nothing committed."""

    partition_index: Annotated[int, INT32]
    committed_offset: Annotated[int, INT64]
    committed_leader_epoch: Annotated[int, INT32, Versions(since=5)] = -1
    metadata: Annotated[str | None, NULLABLE_STRING] = ""
    error_code: Annotated[int, ERROR_CODE] = 0


class FetchedTopic(Part):
    name: Annotated[str, STRING, Versions(until=9)] = ""
    topic_id: Annotated[UUID, UUID16, Versions(since=10)] = NO_TOPIC_ID
    partitions: Annotated[tuple[FetchedOffset, ...], array(FetchedOffset)]


class FetchedGroup(Part):
    group_id: Annotated[str, STRING]
    topics: Annotated[tuple[FetchedTopic, ...], array(FetchedTopic)]
    error_code: Annotated[int, ERROR_CODE] = 0


class OffsetFetchResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 6
    throttle_time_ms: Annotated[int, INT32, Versions(since=3)] = 0
    topics: Annotated[tuple[FetchedTopic, ...], array(FetchedTopic), Versions(until=7)] = ()
    error_code: Annotated[int, ERROR_CODE, Versions(since=2, until=7)] = 0
    groups: Annotated[tuple[FetchedGroup, ...], array(FetchedGroup), Versions(since=8)] = ()

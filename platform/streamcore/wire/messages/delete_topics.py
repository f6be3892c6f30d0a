"""DeleteTopics (key 20): topics go, by name or (version 6 on) by id. Versions 1-6."""

from typing import Annotated, ClassVar
from uuid import UUID

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT32,
    NULLABLE_STRING,
    STRING,
    UUID16,
    Message,
    Part,
    Versions,
    array,
    nullable_string,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID


class DoomedTopic(Part):
    name: Annotated[str | None, NULLABLE_STRING] = None
    topic_id: Annotated[UUID, UUID16] = NO_TOPIC_ID


class DeleteTopicsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    topics: Annotated[tuple[DoomedTopic, ...], array(DoomedTopic), Versions(since=6)] = ()
    topic_names: Annotated[tuple[str, ...], array(STRING), Versions(until=5)] = ()
    timeout_ms: Annotated[int, INT32]


class DeletedTopic(Part):
    name: Annotated[str | None, nullable_string(since=6)]
    topic_id: Annotated[UUID, UUID16, Versions(since=6)] = NO_TOPIC_ID
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE, Versions(since=5)] = None


class DeleteTopicsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    throttle_time_ms: Annotated[int, INT32] = 0
    responses: Annotated[tuple[DeletedTopic, ...], array(DeletedTopic)]

"""CreateTopics (key 19): topics are made, with settings of their own. Versions 2-7."""

from typing import Annotated, ClassVar
from uuid import UUID

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT16,
    INT32,
    NULLABLE_STRING,
    STRING,
    UUID16,
    Message,
    Part,
    Tag,
    Versions,
    array,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID


class ReplicaAssignment(Part):
    partition_index: Annotated[int, INT32]
    broker_ids: Annotated[tuple[int, ...], array(INT32)]


class TopicConfig(Part):
    name: Annotated[str, STRING]
    value: Annotated[str | None, NULLABLE_STRING]


class NewTopic(Part):
    name: Annotated[str, STRING]
    num_partitions: Annotated[int, INT32]
    replication_factor: Annotated[int, INT16]
    assignments: Annotated[tuple[ReplicaAssignment, ...], array(ReplicaAssignment)] = ()
    configs: Annotated[tuple[TopicConfig, ...], array(TopicConfig)] = ()


class CreateTopicsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 5
    topics: Annotated[tuple[NewTopic, ...], array(NewTopic)]
    timeout_ms: Annotated[int, INT32]
    validate_only: Annotated[bool, BOOL] = False


class CreatedTopicConfig(Part):
    name: Annotated[str, STRING]
    value: Annotated[str | None, NULLABLE_STRING]
    read_only: Annotated[bool, BOOL] = False
    config_source: Annotated[int, INT8]
    is_sensitive: Annotated[bool, BOOL] = False


class CreatedTopic(Part):
    """`topic_config_error_code` says why `configs` is not told to this client."""

    name: Annotated[str, STRING]
    topic_id: Annotated[UUID, UUID16, Versions(since=7)] = NO_TOPIC_ID
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    topic_config_error_code: Annotated[int, ERROR_CODE, Versions(since=5), Tag(0)] = 0
    num_partitions: Annotated[int, INT32, Versions(since=5)] = -1
    replication_factor: Annotated[int, INT16, Versions(since=5)] = -1
    configs: Annotated[
        tuple[CreatedTopicConfig, ...] | None,
        array(CreatedTopicConfig, nullable=True),
        Versions(since=5),
    ] = ()


class CreateTopicsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 5
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[CreatedTopic, ...], array(CreatedTopic)]

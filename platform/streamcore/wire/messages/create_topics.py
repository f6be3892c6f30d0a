"""CreateTopics (key 19) as a client sends it. Versions 2-4."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    INT16,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    array,
)


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


class CreatedTopic(Part):
    name: Annotated[str, STRING]
    error_code: Annotated[int, INT16]
    error_message: Annotated[str | None, NULLABLE_STRING] = None


class CreateTopicsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 5
    throttle_time_ms: Annotated[int, INT32]
    topics: Annotated[tuple[CreatedTopic, ...], array(CreatedTopic)]

"""CreatePartitions (key 37): topics grow. Versions 0-3."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT32,
    STRING,
    Message,
    Part,
    array,
)


class PartitionAssignment(Part):
    broker_ids: Annotated[tuple[int, ...], array(INT32)]


class GrowingTopic(Part):
    """`count` partitions in the end; `assignments` null: the broker places the new ones."""

    name: Annotated[str, STRING]
    count: Annotated[int, INT32]
    assignments: Annotated[
        tuple[PartitionAssignment, ...] | None, array(PartitionAssignment, nullable=True)
    ] = None


class CreatePartitionsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    topics: Annotated[tuple[GrowingTopic, ...], array(GrowingTopic)]
    timeout_ms: Annotated[int, INT32]
    validate_only: Annotated[bool, BOOL]


class GrownTopic(Part):
    name: Annotated[str, STRING]
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE] = None


class CreatePartitionsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    results: Annotated[tuple[GrownTopic, ...], array(GrownTopic)]

"""ListPartitionReassignments (key 46): partitions on their way to other brokers. Version 0."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT32,
    STRING,
    Message,
    Part,
    array,
)


class AskedReassignments(Part):
    name: Annotated[str, STRING]
    partition_indexes: Annotated[tuple[int, ...], array(INT32)]


class ListPartitionReassignmentsRequest(Message):
    """`topics` null: all that there are."""

    FLEXIBLE_FROM: ClassVar[int] = 0
    timeout_ms: Annotated[int, INT32] = 60_000
    topics: Annotated[
        tuple[AskedReassignments, ...] | None, array(AskedReassignments, nullable=True)
    ] = None


class OngoingPartition(Part):
    partition_index: Annotated[int, INT32]
    replicas: Annotated[tuple[int, ...], array(INT32)]
    adding_replicas: Annotated[tuple[int, ...], array(INT32)]
    removing_replicas: Annotated[tuple[int, ...], array(INT32)]


class OngoingTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[OngoingPartition, ...], array(OngoingPartition)]


class ListPartitionReassignmentsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    topics: Annotated[tuple[OngoingTopic, ...], array(OngoingTopic)] = ()

"""ElectLeaders (key 43): have partitions led by whom they should be. Versions 0-2."""

from typing import Annotated, ClassVar, Final

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT32,
    STRING,
    Message,
    Part,
    Versions,
    array,
)

PREFERRED_ELECTION: Final = 0
UNCLEAN_ELECTION: Final = 1


class ElectionTopic(Part):
    topic: Annotated[str, STRING]
    partitions: Annotated[tuple[int, ...], array(INT32)]


class ElectLeadersRequest(Message):
    """`topic_partitions` null: all that there are."""

    FLEXIBLE_FROM: ClassVar[int] = 2
    election_type: Annotated[int, INT8, Versions(since=1)] = PREFERRED_ELECTION
    topic_partitions: Annotated[
        tuple[ElectionTopic, ...] | None, array(ElectionTopic, nullable=True)
    ]
    timeout_ms: Annotated[int, INT32] = 60_000


class ElectionPartition(Part):
    partition_id: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE] = None


class ElectionResult(Part):
    topic: Annotated[str, STRING]
    partition_result: Annotated[tuple[ElectionPartition, ...], array(ElectionPartition)]


class ElectLeadersResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE, Versions(since=1)] = 0
    replica_election_results: Annotated[tuple[ElectionResult, ...], array(ElectionResult)]

"""TxnOffsetCommit (key 28): a group's offsets as part of a transaction. Versions 0-6.

Version 3 says which member commits (KIP-447), 6 gives topic ids for names (KIP-1319).
"""

from typing import Annotated, ClassVar
from uuid import UUID

from streamcore.wire.cold import (
    ERROR_CODE,
    INT16,
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


class TxnOffsetCommitPartition(Part):
    partition_index: Annotated[int, INT32]
    committed_offset: Annotated[int, INT64]
    committed_leader_epoch: Annotated[int, INT32, Versions(since=2)] = -1
    committed_metadata: Annotated[str | None, NULLABLE_STRING]


class TxnOffsetCommitTopic(Part):
    name: Annotated[str, STRING, Versions(until=5)] = ""
    topic_id: Annotated[UUID, UUID16, Versions(since=6)] = NO_TOPIC_ID
    partitions: Annotated[tuple[TxnOffsetCommitPartition, ...], array(TxnOffsetCommitPartition)]


class TxnOffsetCommitRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    transactional_id: Annotated[str, STRING]
    group_id: Annotated[str, STRING]
    producer_id: Annotated[int, INT64]
    producer_epoch: Annotated[int, INT16]
    generation_id: Annotated[int, INT32, Versions(since=3)] = -1
    member_id: Annotated[str, STRING, Versions(since=3)] = ""
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=3)] = None
    topics: Annotated[tuple[TxnOffsetCommitTopic, ...], array(TxnOffsetCommitTopic)]


class TxnCommittedPartition(Part):
    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE]


class TxnCommittedTopic(Part):
    name: Annotated[str, STRING, Versions(until=5)] = ""
    topic_id: Annotated[UUID, UUID16, Versions(since=6)] = NO_TOPIC_ID
    partitions: Annotated[tuple[TxnCommittedPartition, ...], array(TxnCommittedPartition)]


class TxnOffsetCommitResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[TxnCommittedTopic, ...], array(TxnCommittedTopic)]

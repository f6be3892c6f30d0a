"""What a commit request asks for, split into what is taken and what is refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from streamcore.groups.offsets import CommittedOffset, TopicPartition
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.offset_commit import (
    CommittedPartition,
    CommittedTopic,
    OffsetCommitPartition,
    OffsetCommitRequest,
    OffsetCommitResponse,
)

PartitionCount: TypeAlias = Callable[[str], int]
"""How many partitions a topic has; 0 where there is no such topic."""


@dataclass(slots=True)
class CommitPlan:
    """Offsets to write, and an error code for each partition that was asked for."""

    request: OffsetCommitRequest
    accepted: dict[TopicPartition, CommittedOffset] = field(default_factory=dict)
    errors: dict[TopicPartition, ErrorCode] = field(default_factory=dict)

    def placed(self, log_offsets: Sequence[Offset]) -> dict[TopicPartition, CommittedOffset]:
        """The accepted offsets, each with where it stands in the log."""
        return {
            place: replace(committed, log_offset=log_offset)
            for (place, committed), log_offset in zip(
                self.accepted.items(), log_offsets, strict=True
            )
        }

    def response(self, write_error: ErrorCode = ErrorCode.NONE) -> OffsetCommitResponse:
        """Answer; `write_error` is what became of writing the accepted ones."""
        return OffsetCommitResponse(
            topics=tuple(
                CommittedTopic(
                    name=topic.name,
                    partitions=tuple(
                        CommittedPartition(
                            partition_index=asked.partition_index,
                            error_code=self.errors.get(
                                TopicPartition(topic.name, asked.partition_index), write_error
                            ),
                        )
                        for asked in topic.partitions
                    ),
                )
                for topic in self.request.topics
            )
        )


def plan_commit(
    request: OffsetCommitRequest,
    *,
    fault: ErrorCode,
    partition_count: PartitionCount,
    metadata_bytes_max: int,
    commit_ms: int,
    known: Mapping[TopicPartition, CommittedOffset],
    room_bytes: int,
) -> CommitPlan:
    """Decide partition by partition. `fault`, where there is one, refuses all that exist.

    What takes the place of something `known` needs room only for what it is larger.
    """
    plan = CommitPlan(request)
    for topic in request.topics:
        count = partition_count(topic.name)
        for asked in topic.partitions:
            place = TopicPartition(topic.name, asked.partition_index)
            if error := _partition_fault(asked, count, fault, metadata_bytes_max):
                plan.errors[place] = error
                continue
            committed = _committed(asked, commit_ms)
            before = known.get(place)
            more = committed.bytes_held() - (before.bytes_held() if before else 0)
            if more > max(room_bytes, 0):
                # Kafka's word for a commit that its log does not take.
                plan.errors[place] = ErrorCode.INVALID_COMMIT_OFFSET_SIZE
                continue
            room_bytes -= more
            plan.accepted[place] = committed
    return plan


def _committed(asked: OffsetCommitPartition, commit_ms: int) -> CommittedOffset:
    return CommittedOffset(
        offset=Offset(asked.committed_offset),
        leader_epoch=LeaderEpoch(asked.committed_leader_epoch),
        metadata=asked.committed_metadata or "",
        commit_ms=commit_ms,
    )


def _partition_fault(
    asked: OffsetCommitPartition, partition_count: int, fault: ErrorCode, metadata_bytes_max: int
) -> ErrorCode:
    if not 0 <= asked.partition_index < partition_count:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if fault:
        return fault
    if len((asked.committed_metadata or "").encode()) > metadata_bytes_max:
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    return ErrorCode.NONE

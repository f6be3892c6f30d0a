"""Asks a simulated broker about groups and committed offsets, in our own messages."""

from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.messages.join_group import (
    JoinGroupProtocol,
    JoinGroupRequest,
    JoinGroupResponse,
)
from streamcore.wire.messages.offset_commit import (
    OffsetCommitPartition,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitTopic,
)
from streamcore.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
)
from streamcore.wire.messages.sync_group import (
    MemberAssignment,
    SyncGroupRequest,
    SyncGroupResponse,
)
from tests.support.simulated_broker import call

SESSION_MS = 10_000
SUBSCRIPTION = b"\0\1\0\0\0\1\0\5pings"


def make_topic(services: BrokerServices) -> None:
    services.topics.create("pings", partition_count=4, configs={})


def committing(*offsets: int, group: str = "g") -> OffsetCommitRequest:
    """One offset a partition."""
    partitions = tuple(
        OffsetCommitPartition(
            partition_index=number, committed_offset=offset, committed_metadata=f"m{offset}"
        )
        for number, offset in enumerate(offsets)
    )
    return OffsetCommitRequest(
        group_id=group, topics=(OffsetCommitTopic(name="pings", partitions=partitions),)
    )


async def commit(
    services: BrokerServices, *offsets: int, group: str = "g", version: int = 8
) -> set[int]:
    """Commit one offset a partition; return the error codes."""
    request = committing(*offsets, group=group)
    answer = await call(services, ApiKey.OFFSET_COMMIT, version, request, OffsetCommitResponse)
    return {partition.error_code for topic in answer.topics for partition in topic.partitions}


async def committed(
    services: BrokerServices, *, group: str = "g"
) -> dict[int, tuple[int, str | None]]:
    request = OffsetFetchRequest(group_id=group, topics=None)
    answer = await call(services, ApiKey.OFFSET_FETCH, 5, request, OffsetFetchResponse)
    return {
        partition.partition_index: (partition.committed_offset, partition.metadata)
        for topic in answer.topics
        for partition in topic.partitions
    }


def joining(*, member_id: str = "", protocol_type: str = "consumer") -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id="g",
        session_timeout_ms=SESSION_MS,
        member_id=member_id,
        protocol_type=protocol_type,
        protocols=(JoinGroupProtocol(name="range", metadata=SUBSCRIPTION),),
    )


async def enter(services: BrokerServices, *, protocol_type: str = "consumer") -> str:
    """Bring group `g` of one member to Stable; return the member's id."""
    request = joining(protocol_type=protocol_type)
    joined = await call(services, ApiKey.JOIN_GROUP, 2, request, JoinGroupResponse)
    assignment = MemberAssignment(member_id=joined.member_id, assignment=b"all")
    sync = SyncGroupRequest(
        group_id="g",
        generation_id=joined.generation_id,
        member_id=joined.member_id,
        assignments=(assignment,),
    )
    synced = await call(services, ApiKey.SYNC_GROUP, 2, sync, SyncGroupResponse)
    assert synced.assignment == b"all"
    return joined.member_id

"""The coordinator: committed offsets, what is written of groups, and how both come back."""

import random

import pytest

from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.ids import GroupId, Ticket
from streamcore.groups.log_records import (
    GroupKey,
    GroupValue,
    LogEntry,
    OffsetKey,
    decode_entry,
    encode_entry,
    offset_entry,
)
from streamcore.groups.member import JoinContext
from streamcore.groups.offsets import TopicPartition
from streamcore.groups.protocols import subscribed_topics
from streamcore.groups.settings import GroupSettings
from streamcore.groups.states import GroupState
from streamcore.record.java_hash import partition_of_name
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.heartbeat import HeartbeatRequest
from streamcore.wire.messages.join_group import (
    JoinGroupProtocol,
    JoinGroupRequest,
    JoinGroupResponse,
)
from streamcore.wire.messages.leave_group import LeaveGroupRequest, LeavingMember
from streamcore.wire.messages.offset_commit import (
    OffsetCommitPartition,
    OffsetCommitRequest,
    OffsetCommitTopic,
)
from streamcore.wire.messages.sync_group import MemberAssignment, SyncGroupRequest
from streamcore.wire.reading import Malformed

NOW_MS = 50_000
UNIX_MS = 1_750_000_000_000
SESSION_MS = 10_000
RETENTION_MS = 3_600_000
GROUP = GroupId("g")
PARTITIONS = {"pings": 4}


def partition_count(topic: str) -> int:
    return PARTITIONS.get(topic, 0)


@pytest.fixture
def coordinator() -> GroupCoordinator:
    return made()


def made(**settings: int) -> GroupCoordinator:
    return GroupCoordinator(
        GroupSettings(offsets_retention_ms=RETENTION_MS, **settings), random.Random(1)
    )


def joining(
    *, member_id: str = "", session_ms: int = SESSION_MS, group: str = GROUP
) -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=SESSION_MS,
        member_id=member_id,
        protocol_type="consumer",
        protocols=(JoinGroupProtocol(name="range", metadata=b"\0\1\0\0\0\1\0\5pings"),),
    )


def join(coordinator: GroupCoordinator, request: JoinGroupRequest) -> JoinGroupResponse:
    context = JoinContext(
        ticket=Ticket(1),
        client_id="c",
        client_host="127.0.0.1",
        requires_member_id=False,
        can_skip_assignment=False,
    )
    ((_, response),) = coordinator.join(request, context, NOW_MS)
    assert isinstance(response, JoinGroupResponse)
    return response


def enter(coordinator: GroupCoordinator) -> str:
    """Bring a group of one to Stable; return its member's id."""
    member_id = join(coordinator, joining()).member_id
    request = SyncGroupRequest(
        group_id=GROUP,
        generation_id=1,
        member_id=member_id,
        assignments=(MemberAssignment(member_id=member_id, assignment=b"all"),),
    )
    coordinator.sync(request, Ticket(2), NOW_MS)
    return member_id


def leave(coordinator: GroupCoordinator, member_id: str) -> None:
    request = LeaveGroupRequest(group_id=GROUP, member_id=member_id)
    coordinator.leave(request, [LeavingMember(member_id=member_id)], NOW_MS)


def committing(
    offset: int,
    *,
    partition: int = 0,
    topic: str = "pings",
    metadata: str | None = "",
    group: str = GROUP,
    generation: int = -1,
    member_id: str = "",
) -> OffsetCommitRequest:
    asked = OffsetCommitPartition(
        partition_index=partition, committed_offset=offset, committed_metadata=metadata
    )
    return OffsetCommitRequest(
        group_id=group,
        generation_id=generation,
        member_id=member_id,
        topics=(OffsetCommitTopic(name=topic, partitions=(asked,)),),
    )


def commit(
    coordinator: GroupCoordinator, request: OffsetCommitRequest, *, unix_ms: int = UNIX_MS
) -> int:
    """Commit; return the error code of the only partition."""
    plan = coordinator.plan_commit(
        request, partition_count=partition_count, now_ms=NOW_MS, unix_ms=unix_ms
    )
    coordinator.commit(GroupId(request.group_id), plan.accepted)
    return plan.response().topics[0].partitions[0].error_code


def restarted(entries: list[LogEntry]) -> GroupCoordinator:
    """A coordinator that has read `entries`, the way they travel through the log."""
    again = made()
    for entry in entries:
        read = decode_entry(*encode_entry(entry))
        assert read == entry
        again.restore(read, now_ms=NOW_MS)
    return again


def offsets_of(coordinator: GroupCoordinator) -> list[LogEntry]:
    """The group's committed offsets, as they were written."""
    committed = coordinator.offsets.of_group(GROUP)
    return [offset_entry(GROUP, *item) for item in committed.items()]


def test_committed_offsets_and_their_metadata_come_back_after_a_restart(
    coordinator: GroupCoordinator,
) -> None:
    commit(coordinator, committing(42, partition=3, metadata="at noon, in Göteborg"))
    again = restarted(offsets_of(coordinator))
    committed = again.offsets.of_group(GROUP)[TopicPartition("pings", 3)]
    assert (committed.offset, committed.metadata) == (42, "at noon, in Göteborg")
    assert committed.commit_ms == UNIX_MS


def test_nothing_is_committed_before_it_is_written(coordinator: GroupCoordinator) -> None:
    coordinator.plan_commit(
        committing(42), partition_count=partition_count, now_ms=NOW_MS, unix_ms=UNIX_MS
    )
    assert not coordinator.offsets.of_group(GROUP)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (committing(1, topic="none"), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (committing(1, partition=4), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (committing(1, partition=-1), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (committing(1, metadata="x" * 5000), ErrorCode.OFFSET_METADATA_TOO_LARGE),
    ],
    ids=["topic", "partition", "negative-partition", "metadata"],
)
def test_a_commit_that_cannot_be_is_refused_for_its_partition(
    coordinator: GroupCoordinator, request_: OffsetCommitRequest, error: ErrorCode
) -> None:
    assert commit(coordinator, request_) == error
    assert not coordinator.offsets.of_group(GROUP)


def test_what_kafka_takes_is_taken(coordinator: GroupCoordinator) -> None:
    assert commit(coordinator, committing(-1)) is ErrorCode.NONE
    assert commit(coordinator, committing(7, group="")) is ErrorCode.NONE


def test_whoever_is_not_in_a_group_of_offsets_alone_is_no_member(
    coordinator: GroupCoordinator,
) -> None:
    commit(coordinator, committing(1))
    request = committing(2, generation=3, member_id="stranger")
    assert commit(coordinator, request) == ErrorCode.UNKNOWN_MEMBER_ID


def test_an_unknown_partition_is_told_before_a_wrong_generation(
    coordinator: GroupCoordinator,
) -> None:
    request = committing(2, generation=3, member_id="stranger", topic="none")
    assert commit(coordinator, request) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_null_metadata_is_kept_as_empty(coordinator: GroupCoordinator) -> None:
    commit(coordinator, committing(1, metadata=None))
    assert coordinator.offsets.of_group(GROUP)[TopicPartition("pings", 0)].metadata == ""


def test_members_of_a_stable_group_go_on_after_a_restart(coordinator: GroupCoordinator) -> None:
    member_id = enter(coordinator)
    entries = coordinator.changed_groups(unix_ms=UNIX_MS)
    assert coordinator.changed_groups(unix_ms=UNIX_MS) == [], "written once"
    again = restarted(entries)
    heartbeat = HeartbeatRequest(group_id=GROUP, generation_id=1, member_id=member_id)
    assert again.heartbeat(heartbeat, NOW_MS) is ErrorCode.NONE
    group = again.find(GROUP)
    assert group is not None
    assert (group.state, group.roster.leader) == (GroupState.STABLE, member_id)
    again.tick(NOW_MS + SESSION_MS)
    assert group.state is GroupState.EMPTY


def test_an_empty_group_is_written_too_and_keeps_its_generation(
    coordinator: GroupCoordinator,
) -> None:
    member_id = enter(coordinator)
    coordinator.changed_groups(unix_ms=UNIX_MS)
    leave(coordinator, member_id)
    ((_, value),) = coordinator.changed_groups(unix_ms=UNIX_MS)
    assert isinstance(value, GroupValue)
    assert (value.members, value.generation) == ((), 2)
    group = restarted([(GroupKey(group=GROUP), value)]).find(GROUP)
    assert group is not None
    assert group.generation == 2


def test_a_group_with_members_is_not_deleted_and_an_empty_one_leaves_tombstones(
    coordinator: GroupCoordinator,
) -> None:
    member_id = enter(coordinator)
    assert coordinator.plan_deletion(GROUP) == (ErrorCode.NON_EMPTY_GROUP, [])
    leave(coordinator, member_id)
    commit(coordinator, committing(5))
    written = [*coordinator.changed_groups(unix_ms=UNIX_MS), *offsets_of(coordinator)]
    error, tombstones = coordinator.plan_deletion(GROUP)
    assert error is ErrorCode.NONE
    assert coordinator.group_ids() == {GROUP}, "it is there until that is written"
    again = restarted([*written, *tombstones])
    assert again.group_ids() == set()
    coordinator.forget(tombstones)
    assert coordinator.plan_deletion(GROUP) == (ErrorCode.GROUP_ID_NOT_FOUND, [])


def test_a_group_that_is_joined_while_its_deletion_is_written_lives(
    coordinator: GroupCoordinator,
) -> None:
    commit(coordinator, committing(5))
    leave(coordinator, enter(coordinator))
    _, tombstones = coordinator.plan_deletion(GROUP)
    enter(coordinator)
    coordinator.forget(tombstones)
    group = coordinator.find(GROUP)
    assert group is not None
    assert len(group.roster) == 1
    assert not coordinator.offsets.of_group(GROUP)


def test_a_group_of_commits_alone_is_an_empty_group(coordinator: GroupCoordinator) -> None:
    commit(coordinator, committing(5))
    group = coordinator.find(GROUP)
    assert group is not None
    assert group.state is GroupState.EMPTY
    error, tombstones = coordinator.plan_deletion(GROUP)
    assert error is ErrorCode.NONE
    coordinator.forget(tombstones)
    assert coordinator.find(GROUP) is None


def expired(coordinator: GroupCoordinator, *, unix_ms: int) -> list[LogEntry]:
    entries = coordinator.expired(unix_ms=unix_ms, partition_count=partition_count)
    coordinator.forget(entries)
    return entries


def test_offsets_of_an_empty_group_expire_and_the_group_with_them(
    coordinator: GroupCoordinator,
) -> None:
    commit(coordinator, committing(5))
    assert expired(coordinator, unix_ms=UNIX_MS + RETENTION_MS - 1) == []
    ((key, value),) = expired(coordinator, unix_ms=UNIX_MS + RETENTION_MS)
    assert isinstance(key, OffsetKey)
    assert value is None
    assert coordinator.group_ids() == set()


def test_offsets_are_kept_while_there_are_members_and_counted_from_when_they_left(
    coordinator: GroupCoordinator,
) -> None:
    commit(coordinator, committing(5))
    member_id = enter(coordinator)
    coordinator.changed_groups(unix_ms=UNIX_MS)
    assert expired(coordinator, unix_ms=UNIX_MS + 10 * RETENTION_MS) == []
    leave(coordinator, member_id)
    left_ms = UNIX_MS + 10 * RETENTION_MS
    coordinator.changed_groups(unix_ms=left_ms)
    assert expired(coordinator, unix_ms=left_ms + RETENTION_MS - 1) == []
    assert len(expired(coordinator, unix_ms=left_ms + RETENTION_MS)) == 2


def test_offsets_of_a_deleted_topic_go(
    coordinator: GroupCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(coordinator, committing(5))
    monkeypatch.delitem(PARTITIONS, "pings")
    assert len(expired(coordinator, unix_ms=UNIX_MS)) == 1


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (joining(group=""), ErrorCode.INVALID_GROUP_ID),
        (joining(session_ms=1), ErrorCode.INVALID_SESSION_TIMEOUT),
        (joining(session_ms=10**9), ErrorCode.INVALID_SESSION_TIMEOUT),
        (joining(member_id="stranger"), ErrorCode.UNKNOWN_MEMBER_ID),
    ],
    ids=["group", "session-too-short", "session-too-long", "stranger"],
)
def test_a_join_that_cannot_be_is_refused_and_makes_no_group(
    coordinator: GroupCoordinator, request_: JoinGroupRequest, error: ErrorCode
) -> None:
    assert join(coordinator, request_).error_code == error
    assert coordinator.group_ids() == set()


def test_no_more_groups_than_the_limit() -> None:
    coordinator = made(groups_max=1)
    enter(coordinator)
    assert join(coordinator, joining(group="other")).error_code == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert commit(coordinator, committing(1, group="x")) == ErrorCode.GROUP_MAX_SIZE_REACHED


def test_metadata_over_the_limit_is_refused() -> None:
    coordinator = made(member_metadata_bytes_max=5)
    assert join(coordinator, joining()).error_code == ErrorCode.INVALID_REQUEST


def test_a_group_nobody_knows_is_told_so(coordinator: GroupCoordinator) -> None:
    heartbeat = HeartbeatRequest(group_id="none", generation_id=1, member_id="m")
    assert coordinator.heartbeat(heartbeat, NOW_MS) is ErrorCode.UNKNOWN_MEMBER_ID
    stale = OffsetCommitRequest(group_id="none", generation_id=3, member_id="m", topics=())
    plan = coordinator.plan_commit(
        stale, partition_count=partition_count, now_ms=NOW_MS, unix_ms=UNIX_MS
    )
    assert plan.accepted == {}


def test_entries_of_other_kinds_and_versions_are_passed_over_and_torn_ones_named() -> None:
    assert decode_entry(b"\0\7whatever", b"x") is None
    key, _ = encode_entry((GroupKey(group="g"), None))
    assert decode_entry(key, b"\0\x09new") is None
    with pytest.raises(Malformed):
        decode_entry(key[:-1], None)
    with pytest.raises(Malformed):
        decode_entry(b"", None)


@pytest.mark.parametrize(
    ("group", "partition"),
    [("g", 3), ("test-group", 12), ("positions", 24), ("polygenelubricants", 0)],
)
def test_a_groups_partition_is_the_one_that_kafka_computes(group: str, partition: int) -> None:
    # Math.abs(group.hashCode()) % 50, computed by a Java virtual machine.
    assert partition_of_name(group, 50) == partition


def test_subscriptions_are_read_and_anything_else_subscribes_to_nothing() -> None:
    assert subscribed_topics(b"\0\1\0\0\0\1\0\5pings") == {"pings"}
    assert subscribed_topics(b"what?") == frozenset()

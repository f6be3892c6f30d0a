"""What members make the broker remember is counted and bounded: of one, of a group and of all."""

import random
from typing import Final

import pytest

from streamcore.groups.coordinator import MEMBER_ID_PREFIX_MAX, GroupCoordinator
from streamcore.groups.group import Group
from streamcore.groups.ids import GroupId, Ticket
from streamcore.groups.log_records import GroupKey, offset_entry
from streamcore.groups.member import OVERHEAD_BYTES, JoinContext
from streamcore.groups.offsets import OVERHEAD_BYTES as OFFSET_BYTES
from streamcore.groups.pending import TransactionPart
from streamcore.groups.settings import GroupSettings
from streamcore.record.places import Offset
from streamcore.wire.error_codes import ErrorCode
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
from tests.support.group_scene import SESSION_MS, GroupScene

NOW_MS: Final = 50_000
KIB: Final = 1024


def made(**settings: int) -> GroupCoordinator:
    return GroupCoordinator(GroupSettings(**settings), random.Random(1))


def join(
    coordinator: GroupCoordinator,
    metadata: bytes = b"m",
    *,
    group: str = "g",
    member_id: str = "",
    client_id: str = "c",
    gives_id_first: bool = False,
) -> JoinGroupResponse | None:
    """Join; None where others are waited for."""
    request = JoinGroupRequest(
        group_id=group,
        session_timeout_ms=SESSION_MS,
        rebalance_timeout_ms=SESSION_MS,
        member_id=member_id,
        protocol_type="consumer",
        protocols=(JoinGroupProtocol(name="range", metadata=metadata),),
    )
    context = JoinContext(
        ticket=Ticket(1),
        client_id=client_id,
        client_host="127.0.0.1",
        requires_member_id=gives_id_first,
        can_skip_assignment=False,
    )
    answers = coordinator.join(request, context, NOW_MS)
    assert all(isinstance(response, JoinGroupResponse) for _, response in answers)
    found = [response for _, response in answers if isinstance(response, JoinGroupResponse)]
    return found[0] if found else None


def entered(coordinator: GroupCoordinator, metadata: bytes = b"m", *, group: str = "g") -> str:
    """The id of a member that was let in."""
    answer = join(coordinator, metadata, group=group)
    assert answer is not None
    assert answer.error_code == ErrorCode.NONE
    return answer.member_id


def refusal(answer: JoinGroupResponse | None) -> int:
    assert answer is not None
    return answer.error_code


def leave(coordinator: GroupCoordinator, member_id: str, *, group: str = "g") -> None:
    request = LeaveGroupRequest(group_id=group, member_id=member_id)
    coordinator.leave(request, [LeavingMember(member_id=member_id)], NOW_MS)


def assign(coordinator: GroupCoordinator, member_id: str, assignment: bytes) -> int:
    """Sync as the leader of a group of one; return the error."""
    request = SyncGroupRequest(
        group_id="g",
        generation_id=1,
        member_id=member_id,
        assignments=(MemberAssignment(member_id=member_id, assignment=assignment),),
    )
    ((_, answer),) = coordinator.sync(request, Ticket(2), NOW_MS)
    return answer.error_code


def find(coordinator: GroupCoordinator, group: str = "g") -> Group:
    found = coordinator.find(GroupId(group))
    assert found is not None
    return found


def test_what_members_of_all_groups_tell_is_bounded_and_room_is_given_back() -> None:
    coordinator = made(groups_bytes_max=100 * KIB)
    first = entered(coordinator, bytes(60 * KIB), group="one")
    assert refusal(join(coordinator, bytes(60 * KIB), group="two")) == (
        ErrorCode.GROUP_MAX_SIZE_REACHED
    )
    entered(coordinator, bytes(20 * KIB), group="two")
    leave(coordinator, first, group="one")
    entered(coordinator, bytes(60 * KIB), group="three")


def test_what_members_of_one_group_tell_is_bounded() -> None:
    coordinator = made(group_bytes_max=100 * KIB)
    entered(coordinator, bytes(60 * KIB))
    assert refusal(join(coordinator, bytes(60 * KIB))) == ErrorCode.GROUP_MAX_SIZE_REACHED
    entered(coordinator, bytes(60 * KIB), group="other")


def test_a_member_that_joins_again_needs_only_what_it_tells_more() -> None:
    coordinator = made(group_bytes_max=100 * KIB)
    member_id = entered(coordinator, bytes(60 * KIB))
    for size in (60 * KIB, 90 * KIB, KIB):
        again = join(coordinator, bytes(size), member_id=member_id)
        assert refusal(again) == ErrorCode.NONE
    assert find(coordinator).roster.held_bytes < 4 * KIB, "it tells less now"
    more = join(coordinator, bytes(110 * KIB), member_id=member_id)
    assert refusal(more) == ErrorCode.GROUP_MAX_SIZE_REACHED


def test_many_protocols_of_few_bytes_are_no_way_round_the_bound() -> None:
    coordinator = made(member_metadata_bytes_max=100 * KIB)
    protocols = tuple(JoinGroupProtocol(name="", metadata=b"") for _ in range(300))
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=SESSION_MS,
        member_id="",
        protocol_type="consumer",
        protocols=protocols,
    )
    context = JoinContext(
        ticket=Ticket(1),
        client_id="c",
        client_host="",
        requires_member_id=False,
        can_skip_assignment=False,
    )
    ((_, answer),) = coordinator.join(request, context, NOW_MS)
    assert answer.error_code == ErrorCode.INVALID_REQUEST


def test_an_assignment_beyond_what_a_group_may_hold_is_refused_as_by_kafkas_log() -> None:
    coordinator = made(group_bytes_max=100 * KIB)
    member_id = entered(coordinator)
    assert assign(coordinator, member_id, bytes(110 * KIB)) == ErrorCode.UNKNOWN_SERVER_ERROR
    assert assign(coordinator, member_id, bytes(90 * KIB)) == ErrorCode.NONE
    assert find(coordinator).roster.held_bytes > 90 * KIB
    join(coordinator, b"other", member_id=member_id)
    assert find(coordinator).roster.held_bytes < 4 * KIB, "it counts no longer with its generation"


def test_ids_that_were_given_out_take_room_until_they_lapse() -> None:
    coordinator = made(groups_bytes_max=10 * OVERHEAD_BYTES)
    codes = [refusal(join(coordinator, gives_id_first=True)) for _ in range(20)]
    given = codes.count(ErrorCode.MEMBER_ID_REQUIRED)
    assert 5 <= given <= 10
    assert codes[given:] == [ErrorCode.GROUP_MAX_SIZE_REACHED] * (20 - given)
    coordinator.tick(NOW_MS + SESSION_MS)
    assert find(coordinator).roster.held_bytes == 0
    assert refusal(join(coordinator, gives_id_first=True)) == ErrorCode.MEMBER_ID_REQUIRED


def test_what_a_member_tells_anew_counts_before_the_others_have_joined_again() -> None:
    scene = GroupScene()
    leader, _ = scene.stable("a", "b")
    before = scene.group.roster.held_bytes
    scene.join(leader, protocols=(("range", bytes(50 * KIB)),))
    assert scene.group.roster.held_bytes > before + 49 * KIB


def test_a_group_that_is_read_again_from_the_log_counts_once() -> None:
    coordinator = made()
    assign(coordinator, entered(coordinator, bytes(60 * KIB)), b"all")
    (entry,) = coordinator.changed_groups(unix_ms=0)
    again = made(groups_bytes_max=200 * KIB)
    for _ in range(10):
        again.restore(entry, now_ms=NOW_MS)
    entered(again, bytes(90 * KIB), group="other")
    again.restore((GroupKey(group="g"), None), now_ms=NOW_MS)
    entered(again, bytes(90 * KIB), group="third")


def test_a_deleted_group_gives_its_room_back() -> None:
    coordinator = made(groups_bytes_max=100 * KIB)
    member_id = entered(coordinator, bytes(90 * KIB))
    leave(coordinator, member_id)
    error, tombstones = coordinator.plan_deletion(GroupId("g"))
    assert error is ErrorCode.NONE
    coordinator.forget(tombstones)
    entered(coordinator, bytes(90 * KIB))


@pytest.mark.parametrize("version", [3, 5])
def test_all_that_is_counted_is_given_back_when_everybody_is_gone(version: int) -> None:
    scene = GroupScene()
    members = scene.stable("a", "b", "c")
    scene.join("", version=version, instance="static")
    scene.join("", version=version, client="late")
    assert scene.group.roster.held_bytes > 4 * OVERHEAD_BYTES
    scene.leave(*members)
    scene.pass_time(10 * SESSION_MS)
    scene.pass_time(100 * SESSION_MS)
    for member in scene.group.roster:
        scene.leave(member.member_id)
    assert scene.group.is_vacant
    assert scene.group.roster.held_bytes == 0


def test_a_member_id_repeats_only_the_start_of_a_very_long_client_id() -> None:
    coordinator = made()
    long = join(coordinator, client_id="x" * 30_000)
    assert long is not None
    assert len(long.member_id) < MEMBER_ID_PREFIX_MAX + 40
    usual = join(coordinator, group="other", client_id="rdkafka")
    assert usual is not None
    assert usual.member_id.startswith("rdkafka-")


# -- committed offsets --


def committed(
    coordinator: GroupCoordinator,
    *partitions: int,
    group: str = "g",
    metadata: str = "",
    producer_id: int | None = None,
) -> list[int]:
    """Commit an offset for each partition, within a transaction where there is a producer."""
    asked = tuple(
        OffsetCommitPartition(
            partition_index=number, committed_offset=7, committed_metadata=metadata
        )
        for number in partitions
    )
    request = OffsetCommitRequest(
        group_id=group,
        generation_id=-1,
        member_id="",
        topics=(OffsetCommitTopic(name="t", partitions=asked),),
    )
    plan = coordinator.plan_commit(
        request,
        partition_count=lambda _: 100,
        now_ms=NOW_MS,
        unix_ms=0,
        is_transactional=producer_id is not None,
    )
    if producer_id is None:
        coordinator.commit(GroupId(group), plan.accepted)
    else:
        coordinator.pending.put(TransactionPart(producer_id, 0), GroupId(group), plan.accepted)
    return [partition.error_code for partition in plan.response().topics[0].partitions]


OK: Final = ErrorCode.NONE
TOO_MUCH: Final = ErrorCode.INVALID_COMMIT_OFFSET_SIZE
ROOM: Final = 10 * OFFSET_BYTES  # for nine offsets, as the group itself takes some


def test_what_all_groups_have_committed_is_bounded_together() -> None:
    coordinator = made(offsets_bytes_max=ROOM)
    assert committed(coordinator, *range(5), group="one") == [OK] * 5
    assert committed(coordinator, *range(5), group="two") == [OK] * 3 + [TOO_MUCH] * 2
    assert committed(coordinator, 0, group="three") == [TOO_MUCH]


def test_who_commits_again_needs_no_more_room() -> None:
    coordinator = made(offsets_bytes_max=ROOM)
    committed(coordinator, *range(20))
    held = coordinator.offsets.held_bytes
    for _ in range(3):
        assert committed(coordinator, *range(9)) == [OK] * 9
    assert coordinator.offsets.held_bytes == held
    assert committed(coordinator, 0, metadata="x" * 4_000) == [TOO_MUCH]


def test_the_metadata_of_offsets_counts_too() -> None:
    coordinator = made(offsets_bytes_max=ROOM)
    assert committed(coordinator, *range(3), metadata="x" * 3_000) == [OK, TOO_MUCH, TOO_MUCH]


def test_offsets_that_are_deleted_give_their_room_back() -> None:
    coordinator = made(offsets_bytes_max=ROOM)
    committed(coordinator, *range(9), metadata="x")
    _, tombstones = coordinator.plan_deletion(GroupId("g"))
    coordinator.forget(tombstones)
    assert coordinator.offsets.held_bytes == 0
    assert committed(coordinator, *range(9)) == [OK] * 9


def test_offsets_in_open_transactions_count_and_become_or_give_back_what_they_take() -> None:
    coordinator = made(offsets_bytes_max=ROOM)
    assert committed(coordinator, *range(5), producer_id=1) == [OK] * 5
    assert committed(coordinator, *range(10), producer_id=2) == [OK] * 5 + [TOO_MUCH] * 5
    assert committed(coordinator, 0, group="other") == [TOO_MUCH]
    coordinator.end_transaction(TransactionPart(1, 0), is_commit=False)
    coordinator.end_transaction(TransactionPart(2, 0), is_commit=True)
    assert coordinator.pending.held_bytes == 0
    assert committed(coordinator, *range(5, 10)) == [OK] * 3 + [TOO_MUCH] * 2


def test_an_offset_in_a_transaction_takes_room_beside_the_one_that_it_may_replace() -> None:
    coordinator = made(offsets_bytes_max=ROOM)
    committed(coordinator, *range(7))
    assert committed(coordinator, *range(7), producer_id=1) == [OK] + [TOO_MUCH] * 6


def test_offsets_that_are_read_again_from_the_log_count_once() -> None:
    coordinator = made()
    committed(coordinator, 0)
    (entry,) = (
        offset_entry(GroupId("g"), place, offset)
        for place, offset in coordinator.offsets.of_group(GroupId("g")).items()
    )
    again = made()
    for number in range(3):
        again.restore(entry, now_ms=NOW_MS, log_offset=Offset(number))
    assert again.offsets.held_bytes == coordinator.offsets.held_bytes
    again.restore((entry[0], None), now_ms=NOW_MS)
    assert again.offsets.held_bytes == 0

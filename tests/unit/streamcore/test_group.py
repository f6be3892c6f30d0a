"""The classic group: joining, rebalancing, leaving, lapsing."""

import itertools

import pytest

from streamcore.groups.group import Group
from streamcore.groups.states import (
    GROUP_TRANSITIONS,
    GroupEvent,
    GroupState,
    IllegalGroupTransition,
    advance,
)
from streamcore.wire.error_codes import ErrorCode
from tests.support.group_scene import REBALANCE_MS, SESSION_MS, GroupScene


@pytest.mark.parametrize(("state", "event"), list(itertools.product(GroupState, GroupEvent)))
def test_a_listed_transition_moves_and_any_other_is_refused(
    state: GroupState, event: GroupEvent
) -> None:
    if (state, event) in GROUP_TRANSITIONS:
        assert advance(state, event) is GROUP_TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalGroupTransition):
            advance(state, event)


def test_a_first_member_is_given_an_id_before_a_place_and_then_leads() -> None:
    scene = GroupScene()
    member_id, ticket = scene.enter(client="app")
    answer = scene.joined[ticket]
    assert member_id.startswith("app-")
    assert (answer.error_code, answer.generation_id, answer.leader) == (0, 1, member_id)
    assert [member.member_id for member in answer.members] == [member_id]
    assert answer.protocol_name == "range"
    assert scene.group.state is GroupState.COMPLETING_REBALANCE


def test_a_client_below_version_4_gets_id_and_place_at_once() -> None:
    scene = GroupScene()
    answer = scene.joined[scene.join(version=1)]
    assert answer.error_code == 0
    assert answer.member_id == "c-1"


def test_followers_wait_for_the_leaders_assignment_and_get_their_own_part() -> None:
    scene = GroupScene()
    first, _ = scene.enter(client="a")
    second, waiting = scene.enter(client="b")
    assert waiting not in scene.joined, "waits until the first has joined again"
    assert scene.heartbeat(first) is ErrorCode.REBALANCE_IN_PROGRESS
    again = scene.joined[scene.join(first)]
    assert scene.joined[waiting].members == ()
    assert {m.member_id for m in again.members} == {first, second}
    follower = scene.sync(second)
    assert follower not in scene.synced
    leader = scene.sync(first, assignments={first: b"0,1", second: b"2,3"})
    assert scene.synced[leader].assignment == b"0,1"
    assert scene.synced[follower].assignment == b"2,3"
    assert scene.group.state is GroupState.STABLE
    assert scene.heartbeat(second) is ErrorCode.NONE


def test_a_sync_after_the_assignment_is_answered_at_once() -> None:
    scene = GroupScene()
    _first, second = scene.stable("a", "b")
    assert scene.synced[scene.sync(second)].assignment == second.encode()


def test_a_member_the_leader_forgot_gets_an_empty_assignment() -> None:
    scene = GroupScene()
    member_id, _ = scene.enter()
    assert scene.synced[scene.sync(member_id, assignments={})].assignment == b""


def test_a_silent_member_is_dropped_after_its_session_and_the_others_rebalance() -> None:
    scene = GroupScene()
    first, second = scene.stable("a", "b")
    scene.pass_time(SESSION_MS - 1)
    assert scene.heartbeat(first) is ErrorCode.NONE
    scene.pass_time(1)
    assert scene.heartbeat(second) is ErrorCode.UNKNOWN_MEMBER_ID
    assert scene.heartbeat(first) is ErrorCode.REBALANCE_IN_PROGRESS
    answer = scene.joined[scene.join(first)]
    assert [member.member_id for member in answer.members] == [first]


def test_a_member_that_does_not_rejoin_in_time_is_left_behind() -> None:
    scene = GroupScene()
    first, second = scene.stable("a", "b")
    third, waiting = scene.enter(client="c")
    rejoined = scene.join(first)
    for _ in range(REBALANCE_MS // SESSION_MS):
        scene.heartbeat(second)
        scene.pass_time(SESSION_MS - 1)
    scene.heartbeat(second)
    assert waiting not in scene.joined
    scene.pass_time(3)
    assert scene.joined[waiting].error_code == scene.joined[rejoined].error_code == 0
    assert {m.member_id for m in scene.joined[rejoined].members} == {first, third}


def test_a_member_that_joined_but_never_syncs_is_dropped() -> None:
    scene = GroupScene()
    first, _ = scene.enter(client="a")
    second, _ = scene.enter(client="b")
    scene.join(first)
    waiting = scene.sync(second)
    for _ in range(REBALANCE_MS // 5_000):
        scene.heartbeat(first)
        scene.pass_time(5_000)
    assert scene.synced[waiting].error_code == ErrorCode.REBALANCE_IN_PROGRESS
    assert scene.heartbeat(first) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_leaver_is_gone_at_once_and_unknown_leavers_are_named() -> None:
    scene = GroupScene()
    first, second = scene.stable("a", "b")
    assert scene.leave(second, "stranger") == [ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID]
    assert scene.heartbeat(first) is ErrorCode.REBALANCE_IN_PROGRESS
    assert scene.leave(first) == [ErrorCode.NONE]
    assert scene.group.state is GroupState.EMPTY
    assert scene.group.protocol_name is None


def test_a_leaver_with_an_id_but_no_place_lets_the_others_go_on() -> None:
    scene = GroupScene()
    first, _ = scene.enter(client="a")
    asked = scene.joined[scene.join(client="b")].member_id
    again = scene.join(first, protocols=(("range", b"changed"),))
    assert again not in scene.joined, "the id given out is waited for"
    assert scene.leave(asked) == [ErrorCode.NONE]
    assert scene.joined[again].error_code == 0


def test_an_id_that_nobody_comes_back_with_lapses() -> None:
    scene = GroupScene()
    first, _ = scene.enter(client="a")
    scene.join(client="b")
    again = scene.join(first, protocols=(("range", b"changed"),))
    scene.pass_time(SESSION_MS)
    assert scene.joined[again].error_code == 0


def test_an_old_generation_is_fenced() -> None:
    scene = GroupScene()
    (member_id,) = scene.stable("a")
    scene.join(member_id)
    assert scene.group.generation == 2
    assert scene.heartbeat(member_id, generation=1) is ErrorCode.ILLEGAL_GENERATION
    stale = scene.sync(member_id, generation=1)
    assert scene.synced[stale].error_code == ErrorCode.ILLEGAL_GENERATION
    assert scene.commit_fault(member_id, 1) is ErrorCode.ILLEGAL_GENERATION


def test_a_stranger_is_refused_everywhere() -> None:
    scene = GroupScene()
    scene.stable("a")
    assert scene.joined[scene.join("stranger")].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert scene.synced[scene.sync("stranger")].error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert scene.heartbeat("stranger") is ErrorCode.UNKNOWN_MEMBER_ID
    assert scene.commit_fault("stranger", 1) is ErrorCode.UNKNOWN_MEMBER_ID
    assert scene.commit_fault("", -1) is ErrorCode.UNKNOWN_MEMBER_ID


def test_the_protocol_that_most_members_prefer_is_chosen_among_the_common_ones() -> None:
    scene = GroupScene()
    liked = (("sticky", b"s"), ("range", b"r"))
    first, _ = scene.enter(protocols=(("roundrobin", b"x"), *liked))
    _second, waiting = scene.enter(protocols=liked)
    scene.join(first, protocols=(("roundrobin", b"x"), *liked))
    answer = scene.joined[waiting]
    assert answer.protocol_name == "sticky"


@pytest.mark.parametrize(
    ("protocol_type", "protocols"),
    [("connect", (("range", b""),)), ("consumer", (("mine", b""),)), ("consumer", ()), ("", ())],
)
def test_a_member_that_speaks_nothing_common_is_refused(
    protocol_type: str, protocols: tuple[tuple[str, bytes], ...]
) -> None:
    scene = GroupScene()
    scene.stable("a")
    ticket = scene.join(protocol_type=protocol_type, protocols=protocols)
    assert scene.joined[ticket].error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert scene.group.state is GroupState.STABLE


def test_the_only_member_changes_its_protocols_one_step_at_a_time() -> None:
    scene = GroupScene()
    (member_id,) = scene.stable("a")
    at_once = scene.joined[scene.join(member_id, protocols=(("other", b""),))]
    assert at_once.error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert at_once.protocol_name is None
    for protocols in ((("other", b""), ("range", b"")), (("other", b""),)):
        answer = scene.joined[scene.join(member_id, protocols=protocols)]
        assert (answer.error_code, answer.protocol_name) == (0, "other")


def test_a_full_group_refuses_one_more_and_counts_ids_given_out() -> None:
    scene = GroupScene(members_max=2)
    scene.enter(client="a")
    scene.join(client="b")
    assert scene.joined[scene.join()].error_code == ErrorCode.GROUP_MAX_SIZE_REACHED


def test_a_follower_that_missed_its_answer_is_told_again_without_a_rebalance() -> None:
    scene = GroupScene()
    _, second = scene.stable("a", "b")
    answer = scene.joined[scene.join(second)]
    assert (answer.error_code, answer.generation_id) == (0, scene.group.generation)
    assert scene.group.state is GroupState.STABLE


def test_a_leader_that_rejoins_a_stable_group_wants_a_new_assignment() -> None:
    scene = GroupScene()
    first, second = scene.stable("a", "b")
    waiting = scene.join(first)
    assert waiting not in scene.joined
    assert scene.heartbeat(second) is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_rebalance_during_the_sync_sends_the_waiting_back_to_join() -> None:
    scene = GroupScene()
    first, _ = scene.enter(client="a")
    second, _ = scene.enter(client="b")
    scene.join(first)
    waiting = scene.sync(second)
    scene.leave(first)
    assert scene.synced[waiting].error_code == ErrorCode.REBALANCE_IN_PROGRESS


def test_commits_wait_for_the_assignment() -> None:
    scene = GroupScene()
    member_id, _ = scene.enter()
    assert scene.commit_fault(member_id, 1) is ErrorCode.REBALANCE_IN_PROGRESS
    scene.sync(member_id, assignments={member_id: b""})
    assert scene.commit_fault(member_id, 1) is ErrorCode.NONE


def test_a_consumer_without_a_group_may_commit_while_it_is_empty() -> None:
    scene = GroupScene()
    assert scene.commit_fault("", -1) is ErrorCode.NONE


def test_a_static_member_comes_back_without_a_rebalance_and_fences_its_former_self() -> None:
    scene = GroupScene()
    first = scene.joined[scene.join(instance="pod-0")].member_id
    scene.sync(first, assignments={first: b"all"})
    answer = scene.joined[scene.join(instance="pod-0")]
    assert answer.error_code == 0
    assert answer.member_id != first
    assert answer.leader == first, "below v9 it must not take itself for the leader"
    assert scene.group.state is GroupState.STABLE
    assert scene.synced[scene.sync(answer.member_id)].assignment == b"all"
    fenced = scene.joined[scene.join(first, instance="pod-0")]
    assert fenced.error_code == ErrorCode.FENCED_INSTANCE_ID


def test_an_id_given_to_one_without_an_instance_makes_no_second_holder_of_one() -> None:
    scene = GroupScene()
    holder = scene.joined[scene.join(instance="pod-0")].member_id
    given = scene.joined[scene.join()].member_id
    refused = scene.joined[scene.join(given, instance="pod-0")]
    assert refused.error_code == ErrorCode.FENCED_INSTANCE_ID
    unknown = scene.joined[scene.join(given, instance="pod-1")]
    assert unknown.error_code == ErrorCode.UNKNOWN_MEMBER_ID
    assert [member.member_id for member in scene.group.roster] == [holder]


def test_a_static_leader_since_version_9_is_told_to_skip_the_assignment() -> None:
    scene = GroupScene()
    first = scene.joined[scene.join(instance="pod-0", version=9)].member_id
    scene.sync(first, assignments={first: b"all"})
    answer = scene.joined[scene.join(instance="pod-0", version=9)]
    assert answer.skip_assignment
    assert answer.leader == answer.member_id
    assert [member.group_instance_id for member in answer.members] == ["pod-0"]


def test_a_static_member_is_kept_over_a_rebalance_it_misses() -> None:
    scene = GroupScene()
    static = scene.joined[scene.join(instance="pod-0")].member_id
    scene.sync(static, assignments={static: b"all"})
    _, waiting = scene.enter(client="b")
    for _ in range(REBALANCE_MS // 5_000):
        scene.heartbeat(static)
        scene.pass_time(5_000)
    answer = scene.joined[waiting]
    assert answer.leader == answer.member_id
    assert len(answer.members) == 2


def test_a_lost_connection_starts_the_session_of_a_waiting_member() -> None:
    scene = GroupScene()
    first, _ = scene.stable("a", "b")
    waiting = scene.join(first)
    scene.note(scene.group.abandon(waiting, scene.now_ms))
    scene.pass_time(SESSION_MS)
    assert waiting not in scene.joined
    assert scene.heartbeat(first) is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_member_whose_id_was_never_told_goes_with_its_connection() -> None:
    scene = GroupScene()
    scene.stable("a")
    waiting = scene.join(version=1, client="old")
    scene.note(scene.group.abandon(waiting, scene.now_ms))
    assert len(scene.group.roster) == 1


def test_a_second_request_of_a_waiting_member_ends_the_first() -> None:
    scene = GroupScene()
    first, _ = scene.stable("a", "b")
    waiting = scene.join(first)
    scene.join(first)
    assert scene.joined[waiting].error_code == ErrorCode.REBALANCE_IN_PROGRESS


def test_members_that_arrive_within_the_initial_delay_share_one_generation() -> None:
    scene = GroupScene(initial_delay_ms=3_000)
    tickets = [scene.enter(client=name)[1] for name in "abc"]
    assert not any(ticket in scene.joined for ticket in tickets)
    scene.pass_time(3_000)
    assert {scene.joined[ticket].generation_id for ticket in tickets} == {1}


def test_an_empty_group_can_be_forgotten_and_one_with_members_cannot() -> None:
    scene = GroupScene()
    (member_id,) = scene.stable("a")
    with pytest.raises(IllegalGroupTransition):
        scene.group.forget()
    scene.leave(member_id)
    scene.group.forget()
    group: Group = scene.group
    assert group.state is GroupState.DEAD

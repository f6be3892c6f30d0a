"""A group member's life, as its table says."""

import pytest

from streamcore.client.columnar.membership import (
    MEMBER_TRANSITIONS,
    IllegalTransition,
    MemberEvent,
    Membership,
    MemberState,
)
from streamcore.wire.error_codes import ErrorCode


@pytest.mark.parametrize("event", MemberEvent)
@pytest.mark.parametrize("state", MemberState)
def test_listed_events_move_a_member_and_the_rest_change_nothing(
    state: MemberState, event: MemberEvent
) -> None:
    member = Membership(state=state)
    if (state, event) in MEMBER_TRANSITIONS:
        member.on(event)
        assert member.state is MEMBER_TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransition, match=f"{event} while {state}"):
            member.on(event)
        assert member.state is state


def test_a_member_takes_the_id_it_is_given_and_joins_again() -> None:
    member = Membership(state=MemberState.JOINING)
    assert member.on_refused(ErrorCode.MEMBER_ID_REQUIRED, member_id="m-1")
    assert (member.state, member.member_id) == (MemberState.OUTSIDE, "m-1")


def test_an_unknown_member_comes_back_as_somebody_new() -> None:
    member = Membership(state=MemberState.STABLE, member_id="m-1", generation_id=4)
    assert member.on_refused(ErrorCode.UNKNOWN_MEMBER_ID)
    assert (member.state, member.member_id, member.generation_id) == (
        MemberState.DISTURBED,
        "",
        -1,
    )


def test_an_old_generation_keeps_its_id() -> None:
    member = Membership(state=MemberState.STABLE, member_id="m-1", generation_id=4)
    assert member.on_refused(ErrorCode.ILLEGAL_GENERATION)
    assert member.member_id == "m-1"


def test_a_group_that_will_not_have_us_is_final() -> None:
    member = Membership(state=MemberState.JOINING)
    assert not member.on_refused(ErrorCode.INVALID_GROUP_ID)

"""A member's life in a consumer group (classic protocol, KIP-62, KIP-394), as one table. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streamcore.wire.error_codes import ErrorCode


class MemberState(StrEnum):
    """Where a member stands."""

    OUTSIDE = "outside"  # about to join: for the first time, or as somebody new
    JOINING = "joining"
    SYNCING = "syncing"
    STABLE = "stable"
    DISTURBED = "disturbed"  # a rebalance waits for us: we rejoin when the caller polls next
    LEFT = "left"


class MemberEvent(StrEnum):
    """What happens to a member."""

    JOIN_ASKED = "join_asked"
    ID_GIVEN = "id_given"
    JOINED = "joined"
    ASSIGNED = "assigned"
    REBALANCE_BEGAN = "rebalance_began"
    EVICTED = "evicted"  # the coordinator knows us no more, or not in this generation
    COORDINATOR_LOST = "coordinator_lost"
    CLOSED = "closed"


_S, _E = MemberState, MemberEvent
MEMBER_TRANSITIONS: Final[Mapping[tuple[MemberState, MemberEvent], MemberState]] = {
    (_S.OUTSIDE, _E.JOIN_ASKED): _S.JOINING,
    (_S.JOINING, _E.ID_GIVEN): _S.OUTSIDE,
    (_S.JOINING, _E.JOINED): _S.SYNCING,
    (_S.JOINING, _E.REBALANCE_BEGAN): _S.OUTSIDE,
    (_S.JOINING, _E.EVICTED): _S.OUTSIDE,
    (_S.JOINING, _E.COORDINATOR_LOST): _S.OUTSIDE,
    (_S.SYNCING, _E.ASSIGNED): _S.STABLE,
    (_S.SYNCING, _E.REBALANCE_BEGAN): _S.OUTSIDE,
    (_S.SYNCING, _E.EVICTED): _S.OUTSIDE,
    (_S.SYNCING, _E.COORDINATOR_LOST): _S.OUTSIDE,
    (_S.STABLE, _E.REBALANCE_BEGAN): _S.DISTURBED,
    (_S.STABLE, _E.EVICTED): _S.DISTURBED,
    (_S.STABLE, _E.COORDINATOR_LOST): _S.STABLE,  # the next coordinator knows us as well
    (_S.DISTURBED, _E.JOIN_ASKED): _S.JOINING,
    (_S.DISTURBED, _E.REBALANCE_BEGAN): _S.DISTURBED,
    (_S.DISTURBED, _E.EVICTED): _S.DISTURBED,
    (_S.DISTURBED, _E.COORDINATOR_LOST): _S.DISTURBED,
    **{(state, _E.CLOSED): _S.LEFT for state in _S},
}

_EVENTS: Final[Mapping[int, MemberEvent]] = {
    ErrorCode.MEMBER_ID_REQUIRED: _E.ID_GIVEN,
    ErrorCode.REBALANCE_IN_PROGRESS: _E.REBALANCE_BEGAN,
    ErrorCode.UNKNOWN_MEMBER_ID: _E.EVICTED,
    ErrorCode.ILLEGAL_GENERATION: _E.EVICTED,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS: _E.COORDINATOR_LOST,
    ErrorCode.COORDINATOR_NOT_AVAILABLE: _E.COORDINATOR_LOST,
    ErrorCode.NOT_COORDINATOR: _E.COORDINATOR_LOST,
}


class IllegalTransition(Exception):
    """The event cannot happen to a member in this state."""


@dataclass(slots=True)
class Membership:
    """The state of one member, its id and its generation."""

    state: MemberState = MemberState.OUTSIDE
    member_id: str = ""
    generation_id: int = -1

    def on(self, event: MemberEvent) -> None:
        """Move. Raises `IllegalTransition` and changes nothing where the table has no entry."""
        try:
            self.state = MEMBER_TRANSITIONS[self.state, event]
        except KeyError:
            raise IllegalTransition(f"{event} while {self.state}") from None

    def on_joined(self, *, member_id: str, generation_id: int) -> None:
        self.on(MemberEvent.JOINED)
        self.member_id = member_id
        self.generation_id = generation_id

    def on_refused(self, code: int, *, member_id: str = "") -> bool:
        """Take an error code of the coordinator. Returns whether life can go on."""
        event = _EVENTS.get(code)
        if event is None:
            return False
        self.on(event)
        if event is MemberEvent.ID_GIVEN:
            self.member_id = member_id
        elif code == ErrorCode.UNKNOWN_MEMBER_ID:
            self.member_id = ""
        if event is MemberEvent.EVICTED:
            self.generation_id = -1
        return True

"""The answers that a group has decided on, until the shell takes and sends them."""

from dataclasses import dataclass, field
from typing import TypeAlias

from streamcore.groups.ids import NO_GENERATION, Generation, MemberId, Ticket
from streamcore.groups.member import Member
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.join_group import (
    JoinGroupMember,
    JoinGroupRequest,
    JoinGroupResponse,
)
from streamcore.wire.messages.sync_group import SyncGroupResponse

Answer: TypeAlias = tuple[Ticket, JoinGroupResponse | SyncGroupResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a member is told of the generation that it is in."""

    generation: Generation
    protocol_type: str
    protocol_name: str | None
    leader: MemberId | None
    members: tuple[JoinGroupMember, ...] = ()  # for the leader alone
    skips_assignment: bool = False


@dataclass(slots=True)
class Answers:
    """Answers in the order in which they were decided; a waiting member is answered once."""

    _decided: list[Answer] = field(default_factory=list)

    def take(self) -> list[Answer]:
        taken, self._decided = self._decided, []
        return taken

    def add(self, ticket: Ticket, response: JoinGroupResponse | SyncGroupResponse) -> None:
        self._decided.append((ticket, response))

    def end_join(self, member: Member, current: Round, now_ms: int) -> None:
        """Let a member that waits in JoinGroup into the generation."""
        assert member.parked_join is not None
        is_leader = current.leader == member.member_id
        response = JoinGroupResponse(
            generation_id=current.generation,
            protocol_type=current.protocol_type,
            protocol_name=current.protocol_name,
            leader=current.leader or "",
            skip_assignment=current.skips_assignment and is_leader,
            member_id=member.member_id,
            members=current.members if is_leader else (),
        )
        self.add(member.parked_join, response)
        member.parked_join = None
        member.knows_its_id = True
        member.prolong(now_ms)

    def end_sync(self, member: Member, current: Round, now_ms: int) -> None:
        """Give a member that waits in SyncGroup its assignment."""
        assert member.parked_sync is not None
        response = SyncGroupResponse(
            protocol_type=current.protocol_type,
            protocol_name=current.protocol_name,
            assignment=member.assignment,
        )
        self.add(member.parked_sync, response)
        member.parked_sync = None
        member.prolong(now_ms)

    def refuse_waiting(self, member: Member, error: ErrorCode) -> None:
        """End whatever a member waits in with an error."""
        if member.parked_join is not None:
            refusal = JoinGroupResponse(error_code=error, member_id=member.member_id)
            self.add(member.parked_join, refusal)
        if member.parked_sync is not None:
            self.add(member.parked_sync, SyncGroupResponse(error_code=error))
        member.parked_join = member.parked_sync = None


def refused_join(
    error: ErrorCode, request: JoinGroupRequest, *, member_id: str | None = None
) -> JoinGroupResponse:
    return JoinGroupResponse(
        error_code=error,
        generation_id=NO_GENERATION,
        member_id=request.member_id if member_id is None else member_id,
    )

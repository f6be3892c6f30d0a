"""A group and a clock in hand: lets tests say what members do, and see what they are answered."""

from collections.abc import Sequence

from streamcore.groups.answers import Answer
from streamcore.groups.group import Group
from streamcore.groups.ids import Generation, GroupId, MemberId, Ticket
from streamcore.groups.member import JoinContext
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.heartbeat import HeartbeatRequest
from streamcore.wire.messages.join_group import (
    JoinGroupProtocol,
    JoinGroupRequest,
    JoinGroupResponse,
)
from streamcore.wire.messages.leave_group import LeavingMember
from streamcore.wire.messages.sync_group import (
    MemberAssignment,
    SyncGroupRequest,
    SyncGroupResponse,
)

SESSION_MS = 10_000
REBALANCE_MS = 30_000


class GroupScene:
    """Requests get tickets 1, 2, …; `joined` and `synced` hold the answers by ticket."""

    def __init__(self, *, members_max: int = 10, initial_delay_ms: int = 0) -> None:
        self.group = Group(
            GroupId("g"),
            new_member_id=self._new_member_id,
            members_max=members_max,
            initial_delay_ms=initial_delay_ms,
        )
        self.now_ms = 1_000_000
        self.joined: dict[Ticket, JoinGroupResponse] = {}
        self.synced: dict[Ticket, SyncGroupResponse] = {}
        self._tickets = 0
        self._ids = 0

    def _new_member_id(self, prefix: str) -> MemberId:
        self._ids += 1
        return MemberId(f"{prefix}-{self._ids}")

    def _ticket(self) -> Ticket:
        self._tickets += 1
        return Ticket(self._tickets)

    def note(self, answers: Sequence[Answer]) -> None:
        for ticket, response in answers:
            assert ticket not in self.joined | self.synced, "answered twice"
            if isinstance(response, JoinGroupResponse):
                self.joined[ticket] = response
            else:
                self.synced[ticket] = response

    def join(
        self,
        member_id: str = "",
        *,
        version: int = 5,
        instance: str | None = None,
        protocols: Sequence[tuple[str, bytes]] = (("range", b"m"),),
        protocol_type: str = "consumer",
        client: str = "c",
    ) -> Ticket:
        ticket = self._ticket()
        request = JoinGroupRequest(
            group_id="g",
            session_timeout_ms=SESSION_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=protocol_type,
            protocols=tuple(JoinGroupProtocol(name=n, metadata=m) for n, m in protocols),
        )
        context = JoinContext(
            ticket=ticket,
            client_id=client,
            client_host="127.0.0.1",
            requires_member_id=version >= 4,
            can_skip_assignment=version >= 9,
        )
        self.note(self.group.join(request, context, self.now_ms))
        return ticket

    def enter(
        self, *, client: str = "c", protocols: Sequence[tuple[str, bytes]] = (("range", b"m"),)
    ) -> tuple[str, Ticket]:
        """Join as clients since KIP-394 do: ask for an id, come back with it."""
        asked = self.joined[self.join(client=client, protocols=protocols)]
        assert asked.error_code == ErrorCode.MEMBER_ID_REQUIRED
        return asked.member_id, self.join(asked.member_id, client=client, protocols=protocols)

    def sync(
        self, member_id: str, *, assignments: dict[str, bytes] | None = None, generation: int = -1
    ) -> Ticket:
        ticket = self._ticket()
        request = SyncGroupRequest(
            group_id="g",
            generation_id=self.group.generation if generation < 0 else generation,
            member_id=member_id,
            assignments=tuple(
                MemberAssignment(member_id=m, assignment=a) for m, a in (assignments or {}).items()
            ),
        )
        self.note(self.group.sync(request, ticket, self.now_ms))
        return ticket

    def heartbeat(self, member_id: str, *, generation: int = -1) -> ErrorCode:
        given = self.group.generation if generation < 0 else generation
        request = HeartbeatRequest(group_id="g", generation_id=given, member_id=member_id)
        return self.group.heartbeat(request, self.now_ms)

    def leave(self, *member_ids: str) -> list[ErrorCode]:
        errors, answers = self.group.leave(
            [LeavingMember(member_id=member_id) for member_id in member_ids], self.now_ms
        )
        self.note(answers)
        return errors

    def pass_time(self, ms: int) -> None:
        self.now_ms += ms
        self.note(self.group.tick(self.now_ms))

    def stable(self, *clients: str) -> list[str]:
        """Bring a group of these clients to Stable; return their member ids, leader first."""
        entered = [self.enter(client=client) for client in clients]
        members = [member_id for member_id, _ in entered]
        if entered[-1][1] not in self.joined:
            for member_id in members[:-1]:
                self.join(member_id)
        leader = members[0]
        self.sync(leader, assignments={m: m.encode() for m in members})
        for member_id in members[1:]:
            self.sync(member_id)
        return members

    def commit_fault(self, member_id: str, generation: int) -> ErrorCode:
        return self.group.commit_fault(member_id, None, Generation(generation), self.now_ms)

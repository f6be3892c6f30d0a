"""One group of the classic rebalance protocol, as a machine that only decides.

Requests go in with a ticket; answers come out as (ticket, response), at once or from
a later call: a JoinGroup waits until all members have joined, a SyncGroup until the
leader has handed in the assignment. Time comes in as `now_ms` (monotonic); `tick` does
what time alone decides. Sources: KIP-62, KIP-345 (static members), KIP-394 (member ids),
KIP-814 (skipped assignment), and Kafka's group coordinator.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from streamcore.groups.answers import Answer, Answers, Round, refused_join
from streamcore.groups.ids import (
    Generation,
    GroupId,
    InstanceId,
    MemberId,
    Ticket,
)
from streamcore.groups.member import JoinContext, Member, member_from
from streamcore.groups.protocols import chosen_protocol, common_protocols
from streamcore.groups.roster import Holding, Roster
from streamcore.groups.states import GroupEvent, GroupState, advance
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.heartbeat import HeartbeatRequest
from streamcore.wire.messages.join_group import (
    JoinGroupMember,
    JoinGroupRequest,
)
from streamcore.wire.messages.leave_group import LeavingMember
from streamcore.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse


class Group:
    """Membership, generation and state of one group."""

    def __init__(
        self,
        group_id: GroupId,
        *,
        new_member_id: Callable[[str], MemberId],
        members_max: int,
        initial_delay_ms: int = 0,
        everybody: Holding | None = None,
    ) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.generation = Generation(0)
        self.protocol_type = ""
        self.protocol_name: str | None = None
        self.rest_count = 0  # how often it came to rest: each time it is worth writing down
        self.roster = Roster(everybody or Holding())
        self._new_member_id = new_member_id
        self._members_max = members_max
        self._initial_delay_ms = initial_delay_ms
        self._is_first_join = False
        self._join_opens_ms = 0
        self._join_deadline_ms = 0
        self._sync_deadline_ms = 0
        self._answers = Answers()

    # Requests

    def join(self, request: JoinGroupRequest, context: JoinContext, now_ms: int) -> list[Answer]:
        """Let a member in, or into the next generation."""
        if fault := self._join_fault(request):
            self._answers.add(context.ticket, refused_join(fault, request))
        elif request.member_id:
            self._join_with_id(request, context, now_ms)
        else:
            self._join_without_id(request, context, now_ms)
        return self._answers.take()

    def sync(self, request: SyncGroupRequest, ticket: Ticket, now_ms: int) -> list[Answer]:
        """Give a member its assignment; from the leader, take everybody's."""
        if fault := self._sync_fault(request):
            self._answers.add(ticket, SyncGroupResponse(error_code=fault))
            return self._answers.take()
        member = self.roster.get(MemberId(request.member_id))
        assert member is not None, "the fault check has found it"
        self._supersede(member)
        member.parked_sync = ticket
        if self.state is GroupState.STABLE:
            self._answers.end_sync(member, self._round, now_ms)
        elif self.roster.leader == member.member_id:
            self._assign(request, now_ms)
        return self._answers.take()

    def heartbeat(self, request: HeartbeatRequest, now_ms: int) -> ErrorCode:
        """Note that a member lives; say REBALANCE_IN_PROGRESS when it has to join again."""
        fault = self.fault(
            request.member_id, request.group_instance_id, Generation(request.generation_id)
        )
        if fault:
            return fault
        self._prolong(request.member_id, now_ms)
        if self.state is GroupState.PREPARING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def leave(
        self, leaving: Sequence[LeavingMember], now_ms: int
    ) -> tuple[list[ErrorCode], list[Answer]]:
        """Let members go; one error code each, in their order."""
        errors = [self._leave_one(one, now_ms) for one in leaving]
        return errors, self._answers.take()

    def abandon(self, ticket: Ticket, now_ms: int) -> list[Answer]:
        """The connection of a waiting request has gone: its member's session runs again."""
        member = self.roster.waiting_in(ticket)
        if member is not None:
            member.parked_join = member.parked_sync = None
            member.prolong(now_ms)
            if not member.knows_its_id and member.instance_id is None:
                self._drop([member], now_ms)  # nobody could ever speak for it
        return self._answers.take()

    def tick(self, now_ms: int) -> list[Answer]:
        """Do what time alone decides: lapsed sessions, lapsed ids, ended waits."""
        self.roster.lapse_expected(now_ms)
        if lapsed := [member for member in self.roster if member.has_lapsed(now_ms)]:
            self._drop(lapsed, now_ms)
        if self.state is GroupState.PREPARING_REBALANCE:
            if now_ms >= self._join_deadline_ms:
                self._complete_join(now_ms)
            else:
                self._try_complete_join(now_ms)
        elif self.state is GroupState.COMPLETING_REBALANCE and now_ms >= self._sync_deadline_ms:
            self._drop([m for m in self.roster if m.parked_sync is None], now_ms)
        return self._answers.take()

    def commit_fault(
        self, member_id: str, instance_id: str | None, generation: Generation, now_ms: int
    ) -> ErrorCode:
        """Say whether somebody may commit offsets now; a member's commit is a sign of life."""
        if generation < 0 and self.state is GroupState.EMPTY:
            return ErrorCode.NONE  # a consumer that assigns partitions to itself
        fault = self.fault(member_id, instance_id, generation)
        if fault is ErrorCode.NONE:
            self._prolong(member_id, now_ms)
            if self.state is GroupState.COMPLETING_REBALANCE:
                return ErrorCode.REBALANCE_IN_PROGRESS
        return fault

    def fault(self, member_id: str, instance_id: str | None, generation: Generation) -> ErrorCode:
        """Say what is wrong with someone who claims to be a member of a generation."""
        instance = None if instance_id is None else InstanceId(instance_id)
        if fault := self.roster.fault(MemberId(member_id), instance):
            return fault
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        return ErrorCode.NONE

    @property
    def is_vacant(self) -> bool:
        """Nobody is in it, and nobody was given an id to come in with."""
        return not self.roster.places_taken

    def forget(self) -> None:
        """The group is deleted. It must be empty."""
        self.state = advance(self.state, GroupEvent.FORGOTTEN)

    # Joining

    def _join_fault(self, request: JoinGroupRequest) -> ErrorCode:
        if not request.protocol_type or not request.protocols:
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if self.roster:
            # One that joins again is held to what it spoke before, as by Kafka.
            common = common_protocols(list(self.roster))
            names = {protocol.name for protocol in request.protocols}
            if request.protocol_type != self.protocol_type or not names & common:
                return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        return ErrorCode.NONE

    def _join_without_id(
        self, request: JoinGroupRequest, context: JoinContext, now_ms: int
    ) -> None:
        instance = request.group_instance_id
        old = None if instance is None else self.roster.static(InstanceId(instance))
        if old is not None:
            self._replace(old, request, context, now_ms)
            return
        if self.roster.places_taken >= self._members_max:
            refusal = refused_join(ErrorCode.GROUP_MAX_SIZE_REACHED, request)
            self._answers.add(context.ticket, refusal)
            return
        member_id = self._new_member_id(instance or context.client_id)
        if instance is None and context.requires_member_id:
            self.roster.expect(member_id, deadline_ms=now_ms + request.session_timeout_ms)
            refusal = refused_join(ErrorCode.MEMBER_ID_REQUIRED, request, member_id=member_id)
            self._answers.add(context.ticket, refusal)
            return
        self._add(request, context, member_id, now_ms)

    def _join_with_id(self, request: JoinGroupRequest, context: JoinContext, now_ms: int) -> None:
        member_id = MemberId(request.member_id)
        instance = request.group_instance_id
        if instance is None and self.roster.is_expected(member_id):
            self._add(request, context, member_id, now_ms)
            return
        fault = self.roster.fault(member_id, None if instance is None else InstanceId(instance))
        member = self.roster.get(member_id)
        if fault or member is None:
            self._answers.add(context.ticket, refused_join(fault, request))
            return
        self._supersede(member)
        member.parked_join = context.ticket
        member.can_skip_assignment = context.can_skip_assignment
        if self._needs_rebalance(member, request):
            member.ask(request)
            self.roster.weigh(member)
            self._rebalance(now_ms)
        else:
            self._answer_join(member, now_ms)

    def _needs_rebalance(self, member: Member, request: JoinGroupRequest) -> bool:
        """A member that asks for nothing new only missed an answer; a leader that joins a
        stable group wants a new assignment, because its topics have changed."""
        if self.state is GroupState.PREPARING_REBALANCE or member.protocols != request.protocols:
            return True
        return self.state is GroupState.STABLE and self.roster.leader == member.member_id

    def _add(
        self, request: JoinGroupRequest, context: JoinContext, member_id: MemberId, now_ms: int
    ) -> None:
        member = member_from(request, context, member_id=member_id, now_ms=now_ms)
        member.parked_join = context.ticket
        if not self.roster:
            self.protocol_type = request.protocol_type
        self.roster.add(member)
        self.roster.leader = self.roster.leader or member_id
        if self._is_first_join:
            # Each new face prolongs the initial wait, so that a fleet starts in one generation.
            self._join_opens_ms = min(now_ms + self._initial_delay_ms, self._join_deadline_ms)
        self._rebalance(now_ms)

    def _replace(
        self, old: Member, request: JoinGroupRequest, context: JoinContext, now_ms: int
    ) -> None:
        """A static member came back: its place and its assignment go to the new id."""
        member_id = self._new_member_id(request.group_instance_id or context.client_id)
        member = member_from(request, context, member_id=member_id, now_ms=now_ms)
        member.assignment, member.parked_join = old.assignment, context.ticket
        old_leader = self.roster.leader
        self._answers.refuse_waiting(old, ErrorCode.FENCED_INSTANCE_ID)
        self.roster.remove(old)
        self.roster.add(member)
        if old_leader == old.member_id:
            self.roster.leader = member_id
        stays = chosen_protocol(list(self.roster)) == self.protocol_name
        if self.state is GroupState.STABLE and stays:
            self.rest_count += 1
            self._answer_returned(member, old_leader, now_ms)
        else:
            self._rebalance(now_ms)

    def _answer_returned(self, member: Member, old_leader: MemberId | None, now_ms: int) -> None:
        """Below version 9 a returned leader is told the old leader's id, so that it does not
        compute an assignment which a stable group would ignore (KIP-814)."""
        if member.can_skip_assignment or old_leader is None:
            self._answer_join(member, now_ms, skips_assignment=True)
        else:
            self._answer_join(member, now_ms, leader=old_leader)

    # Rebalancing

    def _rebalance(self, now_ms: int) -> None:
        if self.state is not GroupState.PREPARING_REBALANCE:
            for member in self.roster:
                if member.parked_sync is not None:
                    self._answers.refuse_waiting(member, ErrorCode.REBALANCE_IN_PROGRESS)
                    member.prolong(now_ms)
            self._is_first_join = self.state is GroupState.EMPTY
            self.state = advance(self.state, GroupEvent.REBALANCE_NEEDED)
            self._join_deadline_ms = now_ms + self.roster.rebalance_timeout_ms
            self._join_opens_ms = now_ms + (self._initial_delay_ms if self._is_first_join else 0)
        self._try_complete_join(now_ms)

    def _try_complete_join(self, now_ms: int) -> None:
        if self.state is not GroupState.PREPARING_REBALANCE or self.roster.has_pending:
            return
        if now_ms >= self._join_opens_ms and all(m.parked_join is not None for m in self.roster):
            self._complete_join(now_ms)

    def _complete_join(self, now_ms: int) -> None:
        for member in self.roster:
            if member.parked_join is None and member.instance_id is None:
                self.roster.remove(member)
        self._is_first_join = False
        if not self.roster:
            self.generation = Generation(self.generation + 1)
            self.protocol_name = None
            self.state = advance(self.state, GroupEvent.LAST_MEMBER_LEFT)
            self.rest_count += 1
        elif self.roster.elect():
            self._begin_generation(now_ms)
        else:
            # Static members alone, and none is back: they have until their sessions lapse.
            self._join_deadline_ms = now_ms + self.roster.rebalance_timeout_ms

    def _begin_generation(self, now_ms: int) -> None:
        self.generation = Generation(self.generation + 1)
        self.protocol_name = chosen_protocol(list(self.roster))
        self.state = advance(self.state, GroupEvent.MEMBERS_JOINED)
        self._sync_deadline_ms = now_ms + self.roster.rebalance_timeout_ms
        for member in self.roster:
            member.assignment = b""
            self.roster.weigh(member)
            if member.parked_join is not None:
                self._answer_join(member, now_ms)

    def _assign(self, request: SyncGroupRequest, now_ms: int) -> None:
        given = {MemberId(a.member_id): a.assignment for a in request.assignments}
        self.state = advance(self.state, GroupEvent.ASSIGNED)
        self.rest_count += 1
        for member in self.roster:
            member.assignment = given.get(member.member_id, b"")
            self.roster.weigh(member)
            if member.parked_sync is not None:
                self._answers.end_sync(member, self._round, now_ms)

    # Leaving

    def _leave_one(self, leaving: LeavingMember, now_ms: int) -> ErrorCode:
        member_id = MemberId(leaving.member_id)
        if self.roster.forget_expected(member_id):
            self._try_complete_join(now_ms)
            return ErrorCode.NONE
        instance = leaving.group_instance_id
        if instance is not None and not member_id:
            known = self.roster.static(InstanceId(instance))
            member_id = member_id if known is None else known.member_id
        fault = self.roster.fault(member_id, None if instance is None else InstanceId(instance))
        member = self.roster.get(member_id)
        if fault or member is None:
            return fault
        self._drop([member], now_ms)
        return ErrorCode.NONE

    def _drop(self, members: Iterable[Member], now_ms: int) -> None:
        for member in members:
            self._answers.refuse_waiting(member, ErrorCode.UNKNOWN_MEMBER_ID)
            self.roster.remove(member)
        self._rebalance(now_ms)

    # Answers

    def _sync_fault(self, request: SyncGroupRequest) -> ErrorCode:
        fault = self.fault(
            request.member_id, request.group_instance_id, Generation(request.generation_id)
        )
        if fault:
            return fault
        if request.protocol_type not in (None, self.protocol_type):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if request.protocol_name not in (None, self.protocol_name):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if self.state is GroupState.PREPARING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def _answer_join(
        self,
        member: Member,
        now_ms: int,
        *,
        leader: MemberId | None = None,
        skips_assignment: bool = False,
    ) -> None:
        leader = leader or self.roster.leader
        members = self._metadata_of_all() if leader == member.member_id else ()
        current = replace(
            self._round, leader=leader, members=members, skips_assignment=skips_assignment
        )
        self._answers.end_join(member, current, now_ms)

    @property
    def _round(self) -> Round:
        return Round(
            generation=self.generation,
            protocol_type=self.protocol_type,
            protocol_name=self.protocol_name,
            leader=self.roster.leader,
        )

    def _metadata_of_all(self) -> tuple[JoinGroupMember, ...]:
        assert self.protocol_name is not None
        return tuple(
            JoinGroupMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                metadata=member.metadata(self.protocol_name),
            )
            for member in self.roster
        )

    def _supersede(self, member: Member) -> None:
        """The member asked again, on another connection perhaps: the older wait is over."""
        self._answers.refuse_waiting(member, ErrorCode.REBALANCE_IN_PROGRESS)

    def _prolong(self, member_id: str, now_ms: int) -> None:
        member = self.roster.get(MemberId(member_id))
        assert member is not None, "called for members only"
        member.prolong(now_ms)

"""Who joins a modelled group, comes again, and comes back."""

from dataclasses import dataclass
from typing import Any

from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.models.group_facts import (
    COMPLETING,
    PREPARING,
    STABLE,
    GroupFacts,
    Member,
    Protocols,
)
from tests.support.models.group_looks import GroupLooks
from tests.support.whole_broker import Asked

IDS_REQUIRED_FROM, INSTANCES_FROM, SKIPPING_FROM = 4, 5, 9  # of JoinGroup
SEVERAL_LEAVE_FROM, INSTANCES_LIVE_FROM = 3, 3  # of LeaveGroup; of Heartbeat and SyncGroup
NAMED_FROM = 5  # of SyncGroup
SESSION_MS_MIN, SESSION_MS_MAX = 1_000, 1_800_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """What somebody says who wants to be a member."""

    version: int
    member_id: str
    instance: str | None
    protocols: Protocols
    session_ms: int = 10_000
    rebalance_ms: int = 5_000
    protocol_type: str = "consumer"

    @property
    def said_instance(self) -> str | None:
        return self.instance if self.version >= INSTANCES_FROM else None

    def member(self, asked: Asked, now_ms: int) -> Member:
        return Member(
            instance=self.said_instance,
            session_ms=self.session_ms,
            rebalance_ms=self.rebalance_ms if self.version >= 1 else self.session_ms,
            protocols=self.protocols,
            deadline_ms=now_ms + self.session_ms,
            joining=asked,
            knows_its_id=bool(self.member_id),
        )


class GroupJoining(GroupLooks):
    """The world, and who wants to be in its groups."""

    def join(self, group: GroupFacts, joining: Joining) -> None:
        """Ask to be let in, or into the next generation."""
        faults = self._join_faults(group, joining)
        old_id = None if joining.member_id else group.static(joining.said_instance)
        member = group.members.get(joining.member_id)
        is_quiet = self._is_quiet(group, joining)
        asked = self.broker.post(
            ApiKey.JOIN_GROUP,
            joining.version,
            group_id=group.name,
            session_timeout=joining.session_ms,
            rebalance_timeout=joining.rebalance_ms,
            member_id=joining.member_id,
            group_instance_id=joining.instance,
            protocol_type=joining.protocol_type,
            protocols=[{"name": name, "metadata": data} for name, data in joining.protocols],
        )
        self.broker.settle()
        if faults:
            self._refused(group, joining, asked.answer, faults)
        elif member is not None:
            self.supersede(member)
            if is_quiet:
                self._told_again(group, joining, asked)
            else:
                self._comes_again(group, member, joining, asked)
        elif old_id is not None:
            self._comes_back(group, old_id, joining, asked)
        else:
            self._comes(group, joining, asked)

    def _join_faults(self, group: GroupFacts, joining: Joining) -> set[str]:
        """What it is refused for, whatever of that is noticed first."""
        faults = set()
        names = set(dict(joining.protocols))
        if not SESSION_MS_MIN <= joining.session_ms <= SESSION_MS_MAX:
            faults.add("invalid_session_timeout")
        is_strange = bool(group.members) and (
            joining.protocol_type != group.protocol_type or not names & group.common_protocols
        )
        if not names or not joining.protocol_type or is_strange:
            faults.add("inconsistent_group_protocol")
        if joining.member_id in group.expected and joining.said_instance is None:
            pass  # whoever has an instance was never given an id to come back with
        elif joining.member_id:
            faults.add(group.identity_fault(joining.member_id, joining.said_instance))
        elif group.static(joining.said_instance) is None:
            if group.places_taken >= self.members_max:
                faults.add("group_max_size_reached")
            elif joining.said_instance is None and joining.version >= IDS_REQUIRED_FROM:
                return faults or {"member_id_required"}
        return faults - {NONE}

    def _refused(self, group: GroupFacts, joining: Joining, answer: Any, faults: set[str]) -> None:
        assert code(answer) in faults, f"told {code(answer)}, not {faults}"
        if code(answer) == "member_id_required":
            given = answer.member_id
            assert given, "an id is required, and none is given"
            assert given not in (*group.members, *group.expected, *group.gone)
            group.expected[given] = self.now_ms + joining.session_ms
        self.look(group, may_change=False)

    def _is_quiet(self, group: GroupFacts, joining: Joining) -> bool:
        """Whether a member has only missed an answer: it wants nothing new, so nothing begins."""
        member, current = group.members.get(joining.member_id), group.current
        if member is None or current is None or member.protocols != joining.protocols:
            return False
        is_leader = current.leader == joining.member_id
        return group.state == COMPLETING or (group.state == STABLE and not is_leader)

    def _told_again(self, group: GroupFacts, joining: Joining, asked: Asked) -> None:
        current, answer = group.current, asked.answer
        assert current is not None
        assert code(answer) == NONE
        assert answer.generation_id == group.generation
        self.check_joined(
            group,
            joining.member_id,
            joining.version,
            answer,
            current.leader,
            current.protocol,
            group.members,
        )
        assert not getattr(answer, "skip_assignment", False)
        group.members[joining.member_id].prolong(self.now_ms)
        self.look(group, may_change=False)

    def _comes_again(
        self, group: GroupFacts, member: Member, joining: Joining, asked: Asked
    ) -> None:
        asking = joining.member(asked, self.now_ms)
        member.joining, member.protocols = asked, joining.protocols
        member.session_ms, member.rebalance_ms = asking.session_ms, asking.rebalance_ms
        self._rebalances(group)

    def _rebalances(self, group: GroupFacts, *newcomers: str) -> None:
        generation = group.generation
        self.look(group, may_change=True, newcomers=newcomers)
        has_begun = group.state == PREPARING or group.generation > generation
        assert has_begun, "somebody wants in, and nothing happens"

    def _comes(self, group: GroupFacts, joining: Joining, asked: Asked) -> None:
        group.expected.pop(joining.member_id, None)
        member_id = joining.member_id or self._newcomer(group)
        if not group.members:
            group.protocol_type = joining.protocol_type
        group.members[member_id] = joining.member(asked, self.now_ms)
        self._rebalances(group, member_id)

    def _newcomer(self, group: GroupFacts) -> str:
        """The id of somebody who was let in without one: told with the answer, perhaps later."""
        there = {str(member.member_id) for member in self.described(group.name).members}
        (found,) = there - group.members.keys()
        assert found not in group.gone
        return found

    def _comes_back(self, group: GroupFacts, old_id: str, joining: Joining, asked: Asked) -> None:
        """A static member is back: the old one is fenced, and its place has a new id."""
        new_id = self._newcomer(group)
        old = group.members.pop(old_id)
        self._refuse(old, "fenced_instance_id")
        group.gone.append(old_id)
        group.members[new_id] = member = joining.member(asked, self.now_ms)
        was = group.current
        leader = "" if was is None else was.leader
        if was is not None:
            was.replace(old_id, new_id)
        is_stable = group.state == STABLE
        if not (is_stable and asked.is_answered and asked.answer.generation_id == group.generation):
            if is_stable and was is not None:
                favourites = group.favourites(group.members.values())
                assert favourites != {was.protocol}, "a rebalance that nobody needs"
            self._rebalances(group, new_id)
            return
        assert was is not None
        assert was.protocol in group.favourites(group.members.values())
        self._check_returned(group, new_id, joining, asked.answer, old_leader=leader)
        member.joining, member.knows_its_id = None, True
        member.prolong(self.now_ms)
        group.note_rest(self.now_ms)
        self.look(group, may_change=False)

    def _check_returned(
        self, group: GroupFacts, new_id: str, joining: Joining, answer: Any, *, old_leader: str
    ) -> None:
        """Nobody assigns anything anew: a leader is told so, or below version 9 who it was."""
        assert code(answer) == NONE
        assert group.current is not None
        can_skip = joining.version >= SKIPPING_FROM
        leader = group.current.leader if can_skip else old_leader
        protocol = group.current.protocol
        self.check_joined(group, new_id, joining.version, answer, leader, protocol, group.members)
        if can_skip:
            assert answer.skip_assignment == (leader == new_id)

    def supersede(self, member: Member) -> None:
        """It asked again: what it waited in before is over."""
        self._refuse(member, "rebalance_in_progress")

    def _refuse(self, member: Member, *errors: str) -> None:
        for asked in (member.joining, member.syncing):
            assert asked is None or code(asked.answer) in errors
        member.joining = member.syncing = None

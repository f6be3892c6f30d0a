"""Groups are looked at after whatever has happened: what is seen must have come about rightly."""

from collections.abc import Collection, Mapping
from typing import Any

from streamcore.broker.settings import FlushAcks
from streamcore.groups.ids import GroupId
from tests.support.broker_questions import NONE, code
from tests.support.models.group_facts import (
    COMPLETING,
    DEAD,
    EMPTY,
    PREPARING,
    STABLE,
    GroupFacts,
    Member,
    Round,
)
from tests.support.models.group_log import THE_GROUP, Told
from tests.support.models.group_world import RETENTION_MS, TICK_MS, GroupWorld

NAMED_FROM_SYNC, NAMED_FROM_JOIN = 5, 7  # what the group has agreed on is told


class GroupLooks(GroupWorld):
    """The world, watched while time passes and brokers come and go."""

    def look(
        self,
        group: GroupFacts,
        *,
        may_change: bool,
        left: Mapping[str, Member] | None = None,
        newcomers: Collection[str] = (),
        is_expiry_due: bool = False,
    ) -> None:
        """Take in what has become of a group. `left`: who was let go just now."""
        found = self.described(group.name)
        there = {member.member_id for member in found.members}
        assert there <= group.members.keys(), "a member that nobody knows"
        gone = group.members.keys() - there
        assert may_change or not gone, "a member is gone for no reason"
        group.check_gone(gone, self.now_ms)
        for member_id in gone:
            assert not group.members.pop(member_id).is_waiting, "gone without a word"
            group.gone.append(member_id)
        has_bumped = self._take_answers(group, found.group_state, left or {})
        state, group.state = group.state, found.group_state
        is_rebalancing = has_bumped or state != group.state
        assert may_change or not is_rebalancing or {state, group.state} == {DEAD, EMPTY}, (
            f"{state} has become {group.state} for no reason"
        )
        if group.state == PREPARING:
            self._prepare(group, state, left or {}, newcomers, has_bumped=has_bumped)
        elif group.state in (EMPTY, DEAD) and state not in (EMPTY, DEAD):
            group.generation, group.current = group.generation + 1, None
            group.note_rest(self.now_ms)
        elif group.state == STABLE and state != STABLE:
            group.note_rest(self.now_ms)
        group.check_rest(self.now_ms)
        if is_expiry_due and group.state in (EMPTY, DEAD) and not group.expected:
            self._expire(group)
        self._check_described(group, found)

    def _prepare(
        self,
        group: GroupFacts,
        state: str,
        left: Mapping[str, Member],
        newcomers: Collection[str],
        *,
        has_bumped: bool,
    ) -> None:
        if state != PREPARING or has_bumped:
            group.prepare(self.now_ms, left.values())
            group.is_first_round = state in (EMPTY, DEAD)
            group.opens_ms = self.now_ms + self.initial_delay_ms
        elif newcomers and group.is_first_round:
            group.opens_ms = min(self.now_ms + self.initial_delay_ms, group.join_due_ms[1])
        elif group.join_due_ms[1] <= self.now_ms and not any(
            member.joining for member in group.members.values()
        ):
            group.prepare(self.now_ms, ())  # static members alone, and none is back

    def _expire(self, group: GroupFacts) -> None:
        """What nobody has used for as long goes, and the group with the last of it."""
        told = group.log.told()
        since_ms = 0 if told.rest is None else told.rest.since_ms
        for place, committed in told.offsets.items():
            is_old = self.now_ms - max(committed.at_ms, since_ms) >= RETENTION_MS
            if is_old and place not in told.unstable:
                group.log.write(place, None)
        left = group.log.told()
        if not left.offsets and not left.unstable:
            group.log.write(THE_GROUP, None)
            is_known = group.state != DEAD and self.flush_acks is FlushAcks.WRITTEN
            assert not is_known, "a group that nobody needs is kept"

    def _take_answers(self, group: GroupFacts, state: str, left: Mapping[str, Member]) -> bool:
        """Whether a new generation has begun, by what its members were told."""
        everybody = {**group.members, **left}
        for member_id, member in everybody.items():
            if member.syncing is not None and member.syncing.is_answered:
                self._take_sync(group, member_id, member, state)
        told = {}
        for member_id, member in everybody.items():
            if member.joining is not None and member.joining.is_answered:
                answer, version = member.joining.answer, member.joining.version
                if member_id in left and code(answer) == "unknown_member_id":
                    continue
                assert code(answer) == NONE, f"who joins was told {code(answer)}"
                assert answer.generation_id == group.generation + 1, "no new generation"
                told[member_id] = (version, answer)
                member.joining, member.knows_its_id = None, True
                member.prolong(self.now_ms)
        if told:
            self._take_round(group, told, everybody)
        return bool(told)

    def _take_sync(self, group: GroupFacts, member_id: str, member: Member, state: str) -> None:
        assert member.syncing is not None
        answer, version = member.syncing.answer, member.syncing.version
        current = group.current
        assert current is not None
        member.syncing = None
        member.prolong(self.now_ms)
        if code(answer) == "rebalance_in_progress":
            assert state not in (COMPLETING, STABLE), "a rebalance that there is not"
            return
        assert code(answer) == NONE or member_id not in group.members
        if code(answer) == NONE:
            assert current.given is not None, "nobody has assigned anything"
            assert answer.assignment == current.given.get(member_id, b""), "another assignment"
            if version >= NAMED_FROM_SYNC:
                assert answer.protocol_type == group.protocol_type
                assert answer.protocol_name == current.protocol

    def _take_round(
        self, group: GroupFacts, told: Mapping[str, Any], everybody: Mapping[str, Member]
    ) -> None:
        (leader,) = {answer.leader for _, answer in told.values()}
        (protocol,) = {answer.protocol_name for _, answer in told.values()}
        assert leader in told, "a leader that has not joined"
        was = group.current
        assert was is None or was.leader not in told or was.leader == leader, "another leader"
        listed = {each.member_id for each in told[leader][1].members}
        assert group.members.keys() <= listed <= everybody.keys(), "another list of members"
        in_it = {member_id: everybody[member_id] for member_id in listed}
        assert protocol in group.favourites(in_it.values()), "a protocol that few like"
        for member_id, (version, answer) in told.items():
            self.check_joined(group, member_id, version, answer, leader, protocol, in_it)
        group.begin_round(Round(protocol=protocol, leader=leader, members=listed), self.now_ms)

    def check_joined(
        self,
        group: GroupFacts,
        member_id: str,
        version: int,
        answer: Any,
        leader: str,
        protocol: str,
        members: Mapping[str, Member],
    ) -> None:
        """The answer of somebody who is in."""
        assert answer.member_id == member_id
        assert answer.leader == leader, "another leader"
        assert answer.protocol_name == protocol, "another protocol"
        if version >= NAMED_FROM_JOIN:
            assert answer.protocol_type == group.protocol_type
        listed = {each.member_id: each for each in answer.members}
        assert listed.keys() == (members.keys() if leader == member_id else set())
        for listed_id, each in listed.items():
            assert each.metadata == members[listed_id].metadata(protocol), "other metadata"
            if version >= 5:
                assert each.group_instance_id == members[listed_id].instance

    def _check_described(self, group: GroupFacts, found: Any) -> None:
        told = group.log.told()
        if told.offsets or told.unstable or told.rest or group.expected:
            known = bool(told.offsets or told.rest or group.expected)
            assert not known or group.state != DEAD, "a group is forgotten"
        if group.state == DEAD:
            group.vanish()
        is_stable = group.state == STABLE
        protocol = group.current.protocol if is_stable and group.current else ""
        given = group.current.given if is_stable and group.current else None
        assert found.protocol_data == protocol
        assert found.protocol_type == group.protocol_type
        for each in found.members:
            member = group.members[each.member_id]
            if hasattr(each, "group_instance_id"):
                assert each.group_instance_id == member.instance
            assert each.member_metadata == (member.metadata(protocol) if protocol else b"")
            assert each.member_assignment == (given or {}).get(each.member_id, b"")
            assert each.client_id == "test"

    # Time

    def pass_time(self, ms: int) -> None:
        assert ms >= TICK_MS
        written = {name: len(group.log.entries) for name, group in self.facts.items()}
        self.broker.pass_time(ms)
        is_expiry_due = self.now_ms >= self.expiry_due_ms
        for group in self.facts.values():
            may_change = group.lapse(self.now_ms)
            self.look(group, may_change=may_change, is_expiry_due=is_expiry_due)
            group.log.promise(written[group.name])
        if is_expiry_due:
            self.begin_term()
            if self.flush_acks is FlushAcks.WAIT:
                self.pass_time(TICK_MS)  # by then it is synced, and true

    # Restarts

    def end(self) -> None:
        self.broker.end()
        for group in self.facts.values():
            group.log.promise()
        self._open()

    def kill(self) -> None:
        self.broker.kill()
        self._open()

    def lose_power(self) -> None:
        self.broker.lose_power()
        self._open(is_power_lost=True)

    def _open(self, *, is_power_lost: bool = False) -> None:
        self.broker.open()
        self.begin_term()
        for group in self.facts.values():
            if is_power_lost:
                self._adopt(group)
            told = group.log.told()
            group.resume(told.rest, self.now_ms)
            group.state = STABLE if group.members else EMPTY if told.rest or told.offsets else DEAD
            self.look(group, may_change=False)

    def _adopt(self, group: GroupFacts) -> None:
        found, offsets = self.described(group.name), self.fetched(group.name)
        known = self.broker.services.groups.coordinator.find(GroupId(group.name))
        generation = 0 if known is None else known.generation

        def is_found(told: Told) -> bool:
            rest = told.rest
            members = {} if rest is None else rest.members
            return (
                {m.member_id: m.member_assignment for m in found.members}
                == {member_id: each.assignment for member_id, each in members.items()}
                and generation == (0 if rest is None else rest.generation)
                and offsets == {place: each[:3] for place, each in told.offsets.items()}
            )

        group.log.adopt(is_found)

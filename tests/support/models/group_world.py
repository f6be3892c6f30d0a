"""A whole broker with some groups in it: who asks what, and what must come of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streamcore.broker.settings import FlushAcks
from streamcore.groups.ids import GroupId
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.models.group_facts import (
    COMPLETING,
    DEAD,
    EMPTY,
    PREPARING,
    STABLE,
    Client,
    GroupFacts,
    Member,
    Protocols,
    Round,
    Seen,
)
from tests.support.whole_broker import Asked, WholeBroker

TOPICS = {"a": 3, "b": 2}
GROUPS = ("g", "h")
FLUSH_MS = 50
TICK_MS = 100
RETENTION_MS = 60_000
EXPIRY_CHECK_MS = 10_000
PROTOCOL_TYPE = "consumer"
MEMBER_IDS_ASKED_FROM, SKIPPING_FROM = 4, 9  # of JoinGroup
LEADER_KEPT_BELOW = 9
SEVERAL_LEAVE_FROM = 3
NAMED_SINCE = 5  # of SyncGroup: what the group has agreed on is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """What somebody says who wants to be a member."""

    version: int
    member_id: str
    instance: str | None
    protocols: Protocols
    session_ms: int
    rebalance_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who somebody says it is."""

    member_id: str
    generation: int = -1
    instance: str | None = None

    def in_version(self, version: int, *, instance_from: int) -> "Claim":
        """As much of it as can be said in a version."""
        return self if version >= instance_from else replace(self, instance=None)


@dataclass
class GroupWorld:
    """The broker, and what is known of each group."""

    seed: int = 7
    flush_acks: FlushAcks = FlushAcks.WRITTEN
    initial_delay_ms: int = 0
    members_max: int = 1000
    facts: dict[str, GroupFacts] = field(default_factory=dict)
    restarts: int = 0

    def __post_init__(self) -> None:
        self.broker = WholeBroker(
            self.seed,
            flush_acks=self.flush_acks,
            flush_interval_ms=FLUSH_MS,
            group_initial_rebalance_delay_ms=self.initial_delay_ms,
            group_max_size=self.members_max,
            offsets_retention_minutes=RETENTION_MS // 60_000,
            offsets_retention_check_interval_ms=EXPIRY_CHECK_MS,
            offsets_topic_num_partitions=2,
            log_cleaner_max_compaction_lag_ms=2_000,
            log_cleaner_backoff_ms=1_000,
            log_cleaner_delete_retention_ms=0,
        )
        for name, partitions in TOPICS.items():
            self.make_topic(name, partitions)
        self.facts = {name: GroupFacts(name) for name in GROUPS}
        self.expiry_due_ms = self.now_ms + EXPIRY_CHECK_MS

    def make_topic(self, name: str, partitions: int) -> None:
        topic = {
            "name": name,
            "num_partitions": partitions,
            "replication_factor": 1,
            "assignments": [],
            "configs": [],
        }
        answer = self.broker.ask(ApiKey.CREATE_TOPICS, 5, topics=[topic])
        assert code(answer.topics[0]) == NONE

    @property
    def now_ms(self) -> int:
        return self.broker.clock.now_ms()

    # Joining

    def join(self, group: GroupFacts, client: Client, joining: Joining) -> None:
        """Ask to be let in, or into the next generation."""
        error = self._join_fault(group, joining)
        old_id = group.static(joining.instance)
        is_replacing = error == NONE and not joining.member_id and old_id is not None
        is_quiet = error != NONE or self._is_quiet(group, joining)
        asked = self.broker.post(
            ApiKey.JOIN_GROUP,
            joining.version,
            group_id=group.name,
            session_timeout=joining.session_ms,
            rebalance_timeout=joining.rebalance_ms,
            member_id=joining.member_id,
            group_instance_id=joining.instance,
            protocol_type=PROTOCOL_TYPE,
            protocols=[{"name": name, "metadata": data} for name, data in joining.protocols],
        )
        self.broker.settle()
        if error != NONE:
            assert code(asked.answer) == error, f"told {code(asked.answer)}, not {error}"
            if error == "member_id_required":
                self._expect(group, client, joining, asked.answer.member_id)
            self.look(group, may_change=error == "member_id_required")
            return
        self._supersede(group, joining.member_id)
        client.joining, client.protocols = asked, joining.protocols
        if is_replacing:
            self._replace(group, client, joining, old_id)
        elif joining.member_id in group.members:
            member = group.members[joining.member_id]
            member.joining = asked
            if not is_quiet:
                self._ask_for(member, joining)
        else:
            self._let_in(group, client, joining)
        self.look(group, may_change=not is_quiet)

    def _join_fault(self, group: GroupFacts, joining: Joining) -> str:
        member_id = joining.member_id
        if member_id and group.seen.state == DEAD:
            return "unknown_member_id"
        names = {name for name, _ in joining.protocols}
        if not names or (group.members and not names & group.common_protocols):
            return "inconsistent_group_protocol"
        if member_id:
            if member_id in group.expected:
                return NONE
            return group.identity_fault(member_id, joining.instance)
        if group.static(joining.instance) is not None:
            return NONE
        if group.places_taken >= self.members_max:
            return "group_max_size_reached"
        asks_for_id = joining.instance is None and joining.version >= MEMBER_IDS_ASKED_FROM
        return "member_id_required" if asks_for_id else NONE

    def _is_quiet(self, group: GroupFacts, joining: Joining) -> bool:
        """Whether a member has only missed an answer: it wants nothing new, so nothing begins."""
        member = group.members.get(joining.member_id)
        if member is None or member.protocols != joining.protocols:
            return False
        is_leader = group.leader == joining.member_id
        return group.seen.state == COMPLETING or (group.seen.state == STABLE and not is_leader)

    def _expect(self, group: GroupFacts, client: Client, joining: Joining, given: str) -> None:
        assert given, "an id is required, and none is given"
        assert given not in group.members
        assert given not in group.expected
        client.become(given)
        group.expected[given] = self.now_ms + joining.session_ms

    def _member(self, client: Client, joining: Joining) -> Member:
        return Member(
            client=client,
            instance=joining.instance,
            session_ms=joining.session_ms,
            rebalance_ms=joining.rebalance_ms if joining.version >= 1 else joining.session_ms,
            protocols=joining.protocols,
            deadline_ms=self.now_ms + joining.session_ms,
            joining=client.joining,
            knows_its_id=bool(joining.member_id),
        )

    def _let_in(self, group: GroupFacts, client: Client, joining: Joining) -> None:
        group.expected.pop(joining.member_id, None)
        member_id = joining.member_id or self._newcomer(group)
        if not joining.member_id:
            client.become(member_id)
        if not group.members:
            group.protocol_type = PROTOCOL_TYPE
        group.members[member_id] = self._member(client, joining)
        group.leader = group.leader or member_id

    def _newcomer(self, group: GroupFacts) -> str:
        """The id of somebody who was let in without one: it is told with the answer, perhaps later."""
        (found,) = self.described(group).members.keys() - group.members.keys()
        return found

    def _ask_for(self, member: Member, joining: Joining) -> None:
        member.protocols = joining.protocols
        member.session_ms = joining.session_ms
        member.rebalance_ms = joining.rebalance_ms if joining.version >= 1 else joining.session_ms

    def _replace(
        self, group: GroupFacts, client: Client, joining: Joining, old_id: str | None
    ) -> None:
        """A static member is back: the old one is fenced, and its place has a new id."""
        assert old_id is not None
        self._refuse(group.members[old_id], "fenced_instance_id")
        new_id = self._newcomer(group)
        del group.members[old_id]
        client.become(new_id)
        group.members[new_id] = self._member(client, joining)
        current = group.rounds.get(group.generation)
        if group.leader == old_id:
            group.leader = new_id
            if current is not None:
                current.was_leader, current.leader = old_id, new_id
        if current is not None and current.given is not None and old_id in current.given:
            current.given[new_id] = current.given.pop(old_id)

    # Syncing, living, leaving

    def sync(
        self,
        group: GroupFacts,
        claim: Claim,
        version: int,
        *,
        plan: Mapping[str, bytes],
        protocol: str,
    ) -> None:
        """Ask for an assignment; the leader hands in everybody's."""
        claim = claim.in_version(version, instance_from=3)
        error = self._sync_fault(group, claim, version, protocol)
        becomes_stable = group.seen.state == COMPLETING and group.leader == claim.member_id
        asked = self.broker.post(
            ApiKey.SYNC_GROUP,
            version,
            group_id=group.name,
            generation_id=claim.generation,
            member_id=claim.member_id,
            group_instance_id=claim.instance,
            protocol_type=PROTOCOL_TYPE,
            protocol_name=protocol,
            assignments=[{"member_id": m, "assignment": data} for m, data in plan.items()],
        )
        self.broker.settle()
        if error != NONE:
            assert code(asked.answer) == error, f"told {code(asked.answer)}, not {error}"
            self.look(group, may_change=False)
            return
        self._supersede(group, claim.member_id)
        member = group.members[claim.member_id]
        member.syncing = asked
        if member.client is not None:
            member.client.syncing = asked
        if becomes_stable:
            group.rounds[group.generation].given = dict(plan)
        self.look(group, may_change=becomes_stable)

    def _sync_fault(self, group: GroupFacts, claim: Claim, version: int, protocol: str) -> str:
        if group.seen.state == DEAD:
            return "unknown_member_id"
        error = group.fault(claim.member_id, claim.instance, claim.generation)
        if error != NONE:
            return error
        if version >= NAMED_SINCE and protocol != group.rounds[group.generation].protocol:
            return "inconsistent_group_protocol"
        return "rebalance_in_progress" if group.seen.state == PREPARING else NONE

    def heartbeat(self, group: GroupFacts, claim: Claim, version: int) -> None:
        claim = claim.in_version(version, instance_from=3)
        error = group.fault(claim.member_id, claim.instance, claim.generation)
        if group.seen.state == DEAD:
            error = "unknown_member_id"
        if error == NONE:
            group.members[claim.member_id].prolong(self.now_ms)
            error = "rebalance_in_progress" if group.seen.state == PREPARING else NONE
        answer = self.broker.ask(
            ApiKey.HEARTBEAT,
            version,
            group_id=group.name,
            generation_id=claim.generation,
            member_id=claim.member_id,
            group_instance_id=claim.instance,
        )
        assert code(answer) == error, f"a heartbeat was told {code(answer)}, not {error}"
        self.look(group, may_change=False)

    def leave(self, group: GroupFacts, version: int, leaving: Sequence[tuple[str, str | None]]) -> None:
        """Let some go; below version 3 the first of them."""
        if version < SEVERAL_LEAVE_FROM:
            leaving = [(leaving[0][0], None)]
        errors = [self._left(group, *each) for each in leaving]
        answer = self.broker.ask(
            ApiKey.LEAVE_GROUP,
            version,
            group_id=group.name,
            member_id=leaving[0][0],
            members=[{"member_id": m, "group_instance_id": i} for m, i in leaving],
        )
        told = [code(answer)] if version < SEVERAL_LEAVE_FROM else [code(m) for m in answer.members]
        assert told == errors, f"who left was told {told}, not {errors}"
        self.look(group, may_change=NONE in errors)

    def _left(self, group: GroupFacts, member_id: str, instance: str | None) -> str:
        if group.expected.pop(member_id, None) is not None:
            return NONE
        if instance is not None and not member_id:
            member_id = group.static(instance) or member_id
        error = group.identity_fault(member_id, instance)
        if error == NONE:
            self._remove(group, member_id)
        return error

    def _remove(self, group: GroupFacts, member_id: str) -> None:
        member = group.members.pop(member_id)
        self._leaving.append(member)
        if group.leader == member_id:
            group.leader = None

    def hang_up(self, group: GroupFacts, client: Client) -> None:
        """Its connection is gone, and with it the request that it waited in."""
        asked = client.joining or client.syncing
        assert asked is not None
        self.broker.loop.call(asked.hang_up)
        client.joining = client.syncing = None
        for member_id, member in list(group.members.items()):
            if asked in (member.joining, member.syncing):
                member.joining = member.syncing = None
                member.prolong(self.now_ms)
                if not member.knows_its_id and member.instance is None:
                    del group.members[member_id]  # nobody could ever speak for it
                    group.leader = None if group.leader == member_id else group.leader
        self.broker.settle()
        self.look(group, may_change=True)

    # Time

    def pass_time(self, ms: int) -> None:
        self.broker.pass_time(ms)
        for group in self.facts.values():
            group.expected = {
                key: due_ms for key, due_ms in group.expected.items() if due_ms > self.now_ms
            }
        is_check_due = self.now_ms >= self.expiry_due_ms
        for group in self.facts.values():
            self.look(group, may_change=True, may_expire=is_check_due)
        if is_check_due:
            self.expiry_due_ms = self.now_ms + EXPIRY_CHECK_MS

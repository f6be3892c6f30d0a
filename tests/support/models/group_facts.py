"""What can be known of a consumer group from outside: who was told what, who waits, who lives.

Nothing here works out when a group rebalances or whom it elects. It says what must hold whenever
that happens, and why a member may be gone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.support.models.group_log import THE_GROUP, GroupLog, MemberAtRest, Rest
from tests.support.whole_broker import Asked

Protocols = tuple[tuple[str, bytes], ...]
DEAD, EMPTY, STABLE = "Dead", "Empty", "Stable"
PREPARING, COMPLETING = "PreparingRebalance", "CompletingRebalance"


@dataclass(slots=True, kw_only=True)
class Member:
    """What the broker must know of somebody that it has let in."""

    instance: str | None
    session_ms: int
    rebalance_ms: int
    protocols: Protocols
    deadline_ms: int
    joining: Asked | None = None
    syncing: Asked | None = None
    knows_its_id: bool = True

    @property
    def is_waiting(self) -> bool:
        return self.joining is not None or self.syncing is not None

    def prolong(self, now_ms: int) -> None:
        self.deadline_ms = now_ms + self.session_ms

    def metadata(self, protocol: str) -> bytes:
        return dict(self.protocols).get(protocol, b"")


@dataclass(slots=True, kw_only=True)
class Round:
    """One generation: who is in it, and what its leader has handed out."""

    protocol: str
    leader: str
    members: set[str]
    given: Mapping[str, bytes] | None = None

    def replace(self, old_id: str, new_id: str) -> None:
        """A static member has come back under another id: everything of the old one is its."""
        self.leader = new_id if self.leader == old_id else self.leader
        self.members = {new_id if member == old_id else member for member in self.members}
        if self.given is not None:
            self.given = {new_id if m == old_id else m: what for m, what in self.given.items()}


@dataclass(slots=True)
class GroupFacts:
    """One group."""

    name: str
    state: str = DEAD
    members: dict[str, Member] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)  # ids given out, until when
    gone: list[str] = field(default_factory=list)
    protocol_type: str = ""
    generation: int = 0
    current: Round | None = None
    join_due_ms: tuple[int, int] = (0, 0)  # not before, and not after
    sync_due_ms: int = 0
    is_first_round: bool = False
    opens_ms: int = 0
    log: GroupLog = field(default_factory=GroupLog)

    @property
    def places_taken(self) -> int:
        return len(self.members) + len(self.expected)

    @property
    def waiting(self) -> list[str]:
        return [member_id for member_id, member in self.members.items() if member.is_waiting]

    @property
    def common_protocols(self) -> set[str]:
        spoken = [dict(member.protocols).keys() for member in self.members.values()]
        return set.intersection(*map(set, spoken)) if spoken else set()

    def favourites(self, members: Iterable[Member]) -> set[str]:
        """Which of the protocols that all speak most of them like best."""
        members = list(members)
        common = set.intersection(*(set(dict(member.protocols)) for member in members))
        votes = Counter(
            next(name for name, _ in member.protocols if name in common) for member in members
        )
        return {name for name, count in votes.items() if count == max(votes.values())}

    def static(self, instance: str | None) -> str | None:
        """Who holds the place of an instance."""
        found = (key for key, m in self.members.items() if m.instance == instance)
        return None if instance is None else next(found, None)

    # What somebody is told

    def identity_fault(self, member_id: str, instance: str | None) -> str:
        if instance is not None:
            holder = self.static(instance)
            if holder is None:
                return "unknown_member_id"
            if holder != member_id:
                return "fenced_instance_id"
        return "none" if member_id in self.members else "unknown_member_id"

    def fault(self, member_id: str, instance: str | None, generation: int) -> str:
        fault = self.identity_fault(member_id, instance)
        if fault == "none" and generation != self.generation:
            return "illegal_generation"
        return fault

    def commit_fault(self, member_id: str, instance: str | None, generation: int) -> str:
        if generation < 0 and self.state in (EMPTY, DEAD):
            return "none"
        if self.state == DEAD:
            return "illegal_generation"
        return self.fault(member_id, instance, generation)

    # What has happened

    def check_gone(self, gone: Iterable[str], now_ms: int) -> None:
        """Each has to have a reason: it was silent for too long, or did not come to a rebalance."""
        for member_id in gone:
            member = self.members[member_id]
            is_silent = not member.is_waiting and member.deadline_ms <= now_ms
            has_missed_join = (
                self.state == PREPARING
                and self.join_due_ms[0] <= now_ms
                and member.joining is None
                and member.instance is None
            )
            has_missed_sync = (
                self.state == COMPLETING and self.sync_due_ms <= now_ms and not member.syncing
            )
            assert is_silent or has_missed_join or has_missed_sync, "a member is gone for no reason"

    def lapse(self, now_ms: int) -> bool:
        """Time has passed: forget ids that nobody came with. Whether there may be news else."""
        lapsed = [member_id for member_id, due_ms in self.expected.items() if due_ms <= now_ms]
        for member_id in lapsed:
            del self.expected[member_id]
        self.gone += lapsed
        is_anybody_silent = any(
            not member.is_waiting and member.deadline_ms <= now_ms
            for member in self.members.values()
        )
        is_sync_due = self.state == COMPLETING and self.sync_due_ms <= now_ms
        return self.state == PREPARING or is_anybody_silent or is_sync_due

    def prepare(self, now_ms: int, left: Iterable[Member]) -> None:
        """A rebalance has begun: there is as much time as the slowest member asks for, of those who
        have `left` in the same moment perhaps."""
        now = [member.rebalance_ms for member in self.members.values()]
        then = [member.rebalance_ms for member in left]
        self.join_due_ms = now_ms + max(now, default=0), now_ms + max([*now, *then], default=0)

    def begin_round(self, current: Round, now_ms: int) -> None:
        self.generation += 1
        self.current = current
        self.is_first_round = False
        self.sync_due_ms = now_ms + max((m.rebalance_ms for m in self.members.values()), default=0)

    def vanish(self) -> None:
        self.generation, self.protocol_type, self.current = 0, "", None

    def rest(self, since_ms: int) -> Rest:
        """How a group that has come to rest is remembered."""
        current = self.current
        given = {} if current is None or current.given is None else current.given
        protocol = "" if current is None else current.protocol
        return Rest(
            generation=self.generation,
            protocol_type=self.protocol_type,
            protocol=protocol,
            leader="" if current is None else current.leader,
            members={
                member_id: MemberAtRest(
                    instance=member.instance,
                    session_ms=member.session_ms,
                    rebalance_ms=member.rebalance_ms,
                    metadata=member.metadata(protocol),
                    assignment=given.get(member_id, b""),
                )
                for member_id, member in self.members.items()
            },
            since_ms=since_ms,
        )

    def note_rest(self, now_ms: int) -> None:
        self.log.write(THE_GROUP, self.rest(now_ms))

    def resume(self, rest: Rest | None, now_ms: int) -> None:
        """After a restart: who is remembered has a whole session to show up in."""
        self.gone += [*self.members, *self.expected]
        self.members, self.expected = {}, {}
        self.vanish()
        if rest is None:
            return
        self.generation, self.protocol_type = rest.generation, rest.protocol_type
        for member_id, told in rest.members.items():
            self.members[member_id] = Member(
                instance=told.instance,
                session_ms=told.session_ms,
                rebalance_ms=told.rebalance_ms,
                protocols=((rest.protocol, told.metadata),),
                deadline_ms=now_ms + told.session_ms,
            )
        if rest.members:
            given = {member_id: told.assignment for member_id, told in rest.members.items()}
            members = set(rest.members)
            self.current = Round(
                protocol=rest.protocol, leader=rest.leader, members=members, given=given
            )

    def check_rest(self, now_ms: int) -> None:
        """What must hold whatever has happened."""
        members = list(self.members.values())
        for member in members:
            assert member.is_waiting or member.deadline_ms > now_ms, "a silent member is still in"
        if self.state in (DEAD, EMPTY):
            assert not members
        elif self.state == PREPARING:
            assert not any(member.syncing for member in members), "waits for no assignment"
            is_late = self.join_due_ms[1] <= now_ms and any(m.joining for m in members)
            assert not is_late, "a join waits for too long"
            is_open = not self.is_first_round or self.opens_ms <= now_ms
            is_whole = all(member.joining for member in members) and not self.expected
            assert not (is_open and is_whole), "all are here, and still wait"
        else:
            assert self.state in (STABLE, COMPLETING)
            assert self.current is not None
            assert set(self.members) == self.current.members, "not those of this generation"
            assert not any(member.joining for member in members), "a join is not answered"
            if self.state == STABLE:
                assert self.current.given is not None, "stable, and nobody has assigned anything"
                assert not any(member.syncing for member in members), "a sync is not answered"
            else:
                assert self.sync_due_ms > now_ms, "a sync waits for too long"

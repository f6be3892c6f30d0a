"""What can be known of a consumer group from outside: who was told what, who waits, who lives.

Nothing here works out when a group rebalances or whom it elects. It says what must hold whenever
that happens, and why a member may be gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.support.whole_broker import Asked

Protocols = tuple[tuple[str, bytes], ...]
DEAD, EMPTY, STABLE = "Dead", "Empty", "Stable"
PREPARING, COMPLETING = "PreparingRebalance", "CompletingRebalance"


@dataclass(slots=True, eq=False)
class Client:
    """Somebody who wants to be a member, and what it believes to be."""

    number: int
    instance: str | None
    member_id: str = ""
    generation: int = -1
    protocols: Protocols = ()
    old_ids: list[str] = field(default_factory=list)
    joining: Asked | None = None
    syncing: Asked | None = None

    @property
    def is_waiting(self) -> bool:
        return self.joining is not None or self.syncing is not None

    def become(self, member_id: str, generation: int = -1) -> None:
        if self.member_id and member_id != self.member_id:
            self.old_ids.append(self.member_id)
        self.member_id, self.generation = member_id, generation


@dataclass(slots=True, kw_only=True)
class Member:
    """What the broker must know of somebody that it has let in."""

    client: Client | None
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
    """One generation: its leader, and what that has handed out."""

    protocol: str
    leader: str
    given: dict[str, bytes] | None = None
    was_leader: str | None = None  # whose place the leader has taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A group as DescribeGroups shows it. `members`: assignments by member id."""

    state: str = DEAD
    protocol: str = ""
    members: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class GroupFacts:
    """One group."""

    name: str
    seen: Seen = Seen()  # noqa: RUF009  # immutable
    members: dict[str, Member] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)  # ids given out, until when
    protocol_type: str = ""
    generation: int = 0
    rounds: dict[int, Round] = field(default_factory=dict)
    leader: str | None = None
    join_due_ms: int = 0
    sync_due_ms: int = 0
    empty_since_ms: int | None = None  # None: nobody was ever in it
    at_rest: Seen = Seen()  # noqa: RUF009  # what a restart brings back
    at_rest_generation: int = 0

    @property
    def places_taken(self) -> int:
        return len(self.members) + len(self.expected)

    @property
    def rebalance_ms(self) -> int:
        return max((member.rebalance_ms for member in self.members.values()), default=0)

    @property
    def common_protocols(self) -> set[str]:
        spoken = [{name for name, _ in member.protocols} for member in self.members.values()]
        return set.intersection(*spoken) if spoken else set()

    def static(self, instance: str | None) -> str | None:
        """Who holds the place of an instance."""
        if instance is None:
            return None
        found = (key for key, member in self.members.items() if member.instance == instance)
        return next(found, None)

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
        if generation < 0 and self.seen.state in (EMPTY, DEAD):
            return "none"
        if self.seen.state == DEAD:
            return "illegal_generation"
        fault = self.fault(member_id, instance, generation)
        if fault == "none" and self.seen.state == COMPLETING:
            return "rebalance_in_progress"
        return fault

    # What may have happened

    def check_gone(self, gone: Iterable[str], before: Seen, now_ms: int) -> None:
        """Each has to have a reason: it was silent for too long, or did not come to a rebalance."""
        for member_id in gone:
            member = self.members[member_id]
            is_silent = not member.is_waiting and member.deadline_ms <= now_ms
            has_missed_join = (
                before.state == PREPARING
                and self.join_due_ms <= now_ms
                and member.joining is None
                and member.instance is None
            )
            has_missed_sync = (
                before.state == COMPLETING
                and self.sync_due_ms <= now_ms
                and member.syncing is None
            )
            assert is_silent or has_missed_join or has_missed_sync, "a member is gone for no reason"

    def check_rest(self, now_ms: int, *, has_delay: bool) -> None:
        """What must hold whatever has happened."""
        members = self.members.values()
        for member in members:
            assert member.is_waiting or member.deadline_ms > now_ms, "a silent member is still in"
        for deadline_ms in self.expected.values():
            assert deadline_ms > now_ms
        match self.seen.state:
            case "Dead" | "Empty":
                assert not members
            case "Stable":
                assert members
                assert not any(member.is_waiting for member in members), "a stable group's waits"
            case "PreparingRebalance":
                assert not any(member.syncing for member in members), "waits for no assignment"
                is_late = self.join_due_ms <= now_ms and any(member.joining for member in members)
                assert not is_late, "a join waits for too long"
                all_here = all(member.joining for member in members) and not self.expected
                assert has_delay or not all_here, "all are here, and still wait"
            case "CompletingRebalance":
                assert not any(member.joining for member in members), "a join is not answered"
                assert self.sync_due_ms > now_ms, "a sync waits for too long"
            case other:
                raise AssertionError(f"no such state: {other}")

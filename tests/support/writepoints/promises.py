"""What a broker was asked and what it has promised by answering, with the moments of both.

A moment is how many changes the disk had seen. So of a crash at any change it can be said what
had been asked by then, and what had been promised to outlast it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.support.writepoints.recording import CrashKind

State = TypeVar("State")
NEVER = 1 << 60


@dataclass(slots=True, eq=False)
class Fact:
    """Something asked for. Acknowledged, it outlasts the process; kept, a loss of power too."""

    asked: int
    acknowledged: int = NEVER
    kept: int = NEVER

    def acknowledge(self, moment: int, *, is_kept: bool) -> None:
        if self.acknowledged == NEVER:
            self.acknowledged = moment
            self.kept = moment if is_kept else NEVER


@dataclass(frozen=True, slots=True)
class Crash:
    """When, and how."""

    moment: int
    kind: CrashKind

    def may_know(self, fact: Fact) -> bool:
        return fact.asked <= self.moment

    def must_know(self, fact: Fact) -> bool:
        promised = fact.acknowledged if self.kind is CrashKind.KILL else fact.kept
        return promised <= self.moment


@dataclass(slots=True)
class History(Generic[State]):
    """What something was, from the beginning; each change as a fact."""

    first: State
    changes: list[tuple[Fact, State]] = field(default_factory=list)

    def change(self, fact: Fact, state: State) -> Fact:
        self.changes.append((fact, state))
        return fact

    @property
    def latest(self) -> State:
        return self.changes[-1][1] if self.changes else self.first

    def possible(self, crash: Crash) -> Sequence[State]:
        """What it may be after a crash: from the last promise up to the last request."""
        states = [self.first]
        for fact, state in self.changes:
            if not crash.may_know(fact):
                break
            if crash.must_know(fact):
                states.clear()
            states.append(state)
        return states


@dataclass(slots=True, eq=False)
class Transaction:
    """A transaction: what it wrote, and how it was told to end."""

    name: str
    batches: list["Batch"] = field(default_factory=list)
    end: Fact | None = None
    is_commit: bool = False

    def fates(self, crash: Crash) -> tuple[bool, ...]:
        """Whether readers of committed records may see it: yes, no or either."""
        if self.end is None or not self.is_commit or not crash.may_know(self.end):
            return (False,)
        return (True,) if crash.must_know(self.end) else (False, True)


@dataclass(slots=True, eq=False, kw_only=True)
class Batch(Fact):
    """A batch for a partition: what it holds, and as which bytes it was sent."""

    rows: list[tuple[bytes | None, bytes | None]]
    data: bytes
    timestamp: int
    identity: tuple[int, int, int] | None = None
    transaction: Transaction | None = None
    base: int = -1

    @property
    def values(self) -> list[bytes | None]:
        return [value for _, value in self.rows]


@dataclass(slots=True, eq=False)
class PartitionLife:
    """All batches in their order, and from where on records are asked to be."""

    batches: list[Batch] = field(default_factory=list)
    starts: History[int] = field(default_factory=lambda: History(0))


@dataclass(frozen=True, slots=True)
class TopicState:
    """What the catalogue says of a topic."""

    partition_count: int
    configs: tuple[tuple[str, str], ...]


@dataclass(slots=True, eq=False)
class TopicLife:
    """A topic from its creation on; one made anew under its name is another."""

    name: str
    topic_id: str = ""
    states: History[TopicState | None] = field(default_factory=lambda: History(None))
    partitions: dict[int, PartitionLife] = field(default_factory=dict)

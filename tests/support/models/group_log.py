"""What the log says about one group: its committed offsets and itself. The last word counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from tests.support.models.partition_model import Transaction


class Place(NamedTuple):
    topic: str
    partition: int


class Committed(NamedTuple):
    """A committed offset. No two of a life are the same."""

    offset: int
    leader_epoch: int
    metadata: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAtRest:
    instance: str | None
    session_ms: int
    rebalance_ms: int
    metadata: bytes
    assignment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A group that is stable, or that its last member has left."""

    generation: int
    protocol_type: str
    protocol: str
    leader: str
    members: Mapping[str, MemberAtRest]
    since_ms: int


THE_GROUP = None  # the key of its rests
Key: TypeAlias = Place | None
Word: TypeAlias = Committed | Rest | None


@dataclass(frozen=True, slots=True)
class Entry:
    key: Key
    word: Word  # None: there is none any more
    transaction: Transaction | None = None


@dataclass(slots=True)
class Told:
    """What the log says, read to some place."""

    offsets: dict[Place, Committed] = field(default_factory=dict)
    rest: Rest | None = None
    unstable: set[Place] = field(default_factory=set)  # an open transaction has a word there


@dataclass(slots=True)
class GroupLog:
    """Entries in their order. The first `promised` of them are on the disk."""

    entries: list[Entry] = field(default_factory=list)
    promised: int = 0

    def write(self, key: Key, word: Word, transaction: Transaction | None = None) -> None:
        self.entries.append(Entry(key, word, transaction))

    def told(self, length: int | None = None) -> Told:
        told = Told()
        for entry in self.entries[:length]:
            transaction = entry.transaction
            if entry.key is None:
                assert not isinstance(entry.word, Committed)
                told.rest = entry.word
            elif transaction is not None and transaction.is_open:
                told.unstable.add(entry.key)
            elif transaction is not None and transaction.is_aborted:
                continue
            elif isinstance(entry.word, Committed):
                told.offsets[entry.key] = entry.word
            else:
                told.offsets.pop(entry.key, None)
                told.unstable.discard(entry.key)
        return told

    def promise(self, length: int | None = None) -> None:
        self.promised = max(self.promised, len(self.entries) if length is None else length)

    def adopt(self, is_found: Callable[[Told], bool]) -> None:
        """After a loss of power: it says what it said at some time, no earlier than promised."""
        for length in range(len(self.entries), self.promised - 1, -1):
            if is_found(self.told(length)):
                del self.entries[length:]
                return
        raise AssertionError("what was promised of a group is gone")

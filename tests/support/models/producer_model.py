"""What a partition must know of its idempotent producers (KIP-98, KIP-360), in the plainest way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.support.models.sendings import Identity

REMEMBERED = 5
NUMBERS = 1 << 31
OUT_OF_ORDER = "out_of_order_sequence_number"
FENCED = "invalid_producer_epoch"


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch that a producer could send again: its sequences, and where it is."""

    first: int
    last: int
    base: int


@dataclass(slots=True)
class Known:
    """A producer's epoch and its last batches, oldest first."""

    epoch: int
    kept: list[Kept] = field(default_factory=list)

    @property
    def last_sequence(self) -> int:
        return self.kept[-1].last if self.kept else -1


@dataclass(frozen=True, slots=True)
class Written:
    """A batch of an idempotent producer that is in the log."""

    identity: Identity
    count: int
    base: int


class ProducerModel:
    """Producers by id, the longest silent first, and no more than `known_max`."""

    def __init__(self, known_max: int, history: Iterable[Written] = ()) -> None:
        self._known_max = known_max
        self._doubtful_before = 0  # batches before it may have been forgotten in a crash
        self.known: dict[int, Known] = {}
        for written in history:
            self.note(written)

    def judge(self, identity: Identity, count: int) -> set[str | int]:
        """What may be answered: an error's name, "" for a new place, or where the batch is."""
        known = self.known.get(identity.producer_id)
        if known is None:
            return {""}
        if identity.epoch < known.epoch:
            return {FENCED}
        if identity.epoch > known.epoch:
            return {""} if identity.sequence == 0 else {OUT_OF_ORDER}
        last = (identity.sequence + count - 1) % NUMBERS
        for kept in known.kept:
            if (kept.first, kept.last) == (identity.sequence, last):
                doubt = {OUT_OF_ORDER} if kept.base < self._doubtful_before else set()
                return {kept.base} | doubt
        if identity.sequence == (known.last_sequence + 1) % NUMBERS:
            return {""}
        return {OUT_OF_ORDER}

    def note(self, written: Written) -> None:
        identity = written.identity
        known = self.known.pop(identity.producer_id, None)
        if known is None or known.epoch != identity.epoch:
            known = Known(identity.epoch)
        last = (identity.sequence + written.count - 1) % NUMBERS
        kept = [*known.kept, Kept(identity.sequence, last, written.base)][-REMEMBERED:]
        self.known[identity.producer_id] = Known(known.epoch, kept)
        while len(self.known) > self._known_max:
            del self.known[next(iter(self.known))]

    def described(self) -> dict[int, tuple[int, int]]:
        """Epoch and last sequence by producer, as DescribeProducers tells."""
        return {
            producer_id: (known.epoch, known.last_sequence)
            for producer_id, known in self.known.items()
        }

    def adopt(self, described: dict[int, tuple[int, int]], *, from_offset: int) -> None:
        """After a crash: whoever wrote at or behind `from_offset` must be known as before.

        Of others, whose records were deleted, what is told counts.
        """
        self._doubtful_before = from_offset
        for producer_id, known in list(self.known.items()):
            must_be_known = known.kept[-1].base >= from_offset
            told = described.get(producer_id)
            assert told is not None or not must_be_known, "a producer is forgotten"
            if told is None:
                del self.known[producer_id]
            else:
                assert told == (known.epoch, known.last_sequence), "another last sequence"
        assert described.keys() == self.known.keys(), "a producer that never wrote"

    def retries(self) -> Sequence[tuple[int, Known]]:
        return list(self.known.items())

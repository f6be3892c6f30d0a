"""What a partition remembers of idempotent producers (KIP-98, KIP-360).

From the last five batches of each producer it tells a retry from a gap. The state is
rebuilt from batch headers at recovery, so a retry after a crash is still recognised.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from streamcore.record.batch import BatchHeader
from streamcore.record.places import Offset
from streamcore.storage.compaction.job import LastOfProducer

# Producers keep at most five requests in flight (max.in.flight.requests.per.connection).
REMEMBERED_BATCHES = 5
SEQUENCE_COUNT = 1 << 31


class KeptBatch(NamedTuple):
    """One batch of a producer that is in the log."""

    first_sequence: int
    last_sequence: int
    base_offset: int


class ProducerState(NamedTuple):
    """A producer's epoch and its last batches, oldest first."""

    epoch: int
    batches: tuple[KeptBatch, ...]


class Verdict(Enum):
    """What to do with a producer's batch."""

    APPEND = "append"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out of order"
    FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The batch is in the log already, at `base_offset`."""

    base_offset: Offset


def next_sequence(last_sequence: int) -> int:
    """The sequence after `last_sequence`; numbers wrap to 0 behind 2^31 - 1."""
    return (last_sequence + 1) % SEQUENCE_COUNT


class ProducerTable:
    """Producer states of one partition. Holds at most `producers_max`; the longest silent goes."""

    def __init__(self, *, producers_max: int) -> None:
        self._producers_max = producers_max
        self._states: dict[int, ProducerState] = {}
        self._undo: dict[int, ProducerState | None] = {}

    def __len__(self) -> int:
        return len(self._states)

    def judge(self, header: BatchHeader) -> Verdict | Duplicate:
        """Whether an idempotent producer's batch continues what is here."""
        state = self._states.get(header.producer_id)
        if state is None:
            # Nothing is known of it: it is new, or was silent for long. Kafka accepts too.
            return Verdict.APPEND
        if header.producer_epoch < state.epoch:
            return Verdict.FENCED
        if header.producer_epoch > state.epoch:
            return Verdict.APPEND if header.base_sequence == 0 else Verdict.OUT_OF_ORDER
        last_sequence = (header.base_sequence + header.last_offset_delta) % SEQUENCE_COUNT
        for kept in state.batches:
            if kept.first_sequence == header.base_sequence and kept.last_sequence == last_sequence:
                return Duplicate(Offset(kept.base_offset))
        if header.base_sequence == next_sequence(state.batches[-1].last_sequence):
            return Verdict.APPEND
        return Verdict.OUT_OF_ORDER

    def remember(self, header: BatchHeader, base_offset: Offset) -> None:
        """Note that the batch has its place at `base_offset`."""
        producer_id = header.producer_id
        state = self._states.pop(producer_id, None)
        self._undo.setdefault(producer_id, state)
        kept = KeptBatch(
            header.base_sequence,
            (header.base_sequence + header.last_offset_delta) % SEQUENCE_COUNT,
            base_offset,
        )
        if state is None or state.epoch != header.producer_epoch:
            batches: tuple[KeptBatch, ...] = (kept,)
        else:
            batches = (*state.batches[1 - REMEMBERED_BATCHES :], kept)
        # Re-inserted, so that the dictionary's order is the order of last use.
        self._states[producer_id] = ProducerState(header.producer_epoch, batches)
        if len(self._states) > self._producers_max:
            oldest = next(iter(self._states))
            self._undo.setdefault(oldest, self._states.pop(oldest))

    def commit(self) -> None:
        """What was remembered since the last commit is in the log."""
        self._undo.clear()

    def roll_back(self) -> None:
        """What was remembered since the last commit never reached the log."""
        for producer_id, state in self._undo.items():
            if state is None:
                self._states.pop(producer_id, None)
            else:
                self._states[producer_id] = state
        self._undo.clear()

    def snapshot(self) -> list[list[int]]:
        """All committed states as plain numbers: id, epoch, then three numbers a batch."""
        committed = {**self._states, **self._undo}
        return [
            [producer_id, state.epoch, *(number for kept in state.batches for number in kept)]
            for producer_id, state in committed.items()
            if state is not None
        ]

    def last_offsets(self) -> dict[int, LastOfProducer]:
        """Where each producer's last sequence stands in the log."""
        committed = {**self._states, **self._undo}
        return {
            producer_id: LastOfProducer(state.epoch, _last_offset(state.batches[-1]))
            for producer_id, state in committed.items()
            if state is not None
        }

    def restore(self, rows: list[list[int]]) -> None:
        for producer_id, epoch, *numbers in rows:
            batches = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
            self._states[producer_id] = ProducerState(
                epoch, tuple(KeptBatch(*batch) for batch in batches)
            )

    def clear(self) -> None:
        self._states.clear()
        self._undo.clear()


def _last_offset(kept: KeptBatch) -> int:
    return kept.base_offset + (kept.last_sequence - kept.first_sequence) % SEQUENCE_COUNT

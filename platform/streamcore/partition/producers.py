"""What a partition remembers of its producers (KIP-98, KIP-360): sequences and transactions.

From the last five batches of each producer it tells a retry from a gap; from markers it
knows which transactions are open, and so up to where records are stable. The state is
rebuilt from the log at recovery, so a retry after a crash is still recognised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from streamcore.record.batch import NO_SEQUENCE, REMEMBERED_BATCHES, TRANSACTIONAL_BIT, BatchHeader
from streamcore.record.places import Offset
from streamcore.storage.compaction.job import LastOfProducer

SEQUENCE_COUNT = 1 << 31
NO_TRANSACTION = Offset(-1)


class KeptBatch(NamedTuple):
    """One batch of a producer that is in the log."""

    first_sequence: int
    last_sequence: int
    base_offset: int


class ProducerState(NamedTuple):
    """A producer's epoch, its last batches, oldest first, and its open transaction."""

    epoch: int
    batches: tuple[KeptBatch, ...] = ()
    last_timestamp: int = -1
    coordinator_epoch: int = -1  # of the last marker
    transaction_start: Offset = NO_TRANSACTION

    @property
    def last_sequence(self) -> int:
        return self.batches[-1].last_sequence if self.batches else NO_SEQUENCE


NEW_PRODUCER = ProducerState(epoch=-1)


class Verdict(Enum):
    """What to do with a producer's batch."""

    APPEND = "append"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out of order"
    FENCED = "fenced"
    OUTSIDE_TRANSACTION = "outside its open transaction"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The batch is in the log already, at `base_offset`."""

    base_offset: Offset


def next_sequence(last_sequence: int) -> int:
    """The sequence after `last_sequence`; numbers wrap to 0 behind 2^31 - 1."""
    return (last_sequence + 1) % SEQUENCE_COUNT


class ProducerTable:
    """Producer states of one partition.

    Holds at most `producers_max`, and all with an open transaction; else the longest
    silent goes. What was noted since the last `commit` can be taken back.
    """

    def __init__(self, *, producers_max: int) -> None:
        self._producers_max = producers_max
        self._states: dict[int, ProducerState] = {}
        self._undo: dict[int, ProducerState | None] = {}
        # Where open transactions begin, by producer: in the order of their offsets.
        self._open: dict[int, Offset] = {}

    def __len__(self) -> int:
        return len(self._states)

    @property
    def states(self) -> Mapping[int, ProducerState]:
        return self._states

    @property
    def open_transactions(self) -> Mapping[int, Offset]:
        """Where the open transactions begin, by producer id, first offset first."""
        return self._open

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
        if header.base_sequence != next_sequence(state.last_sequence):
            return Verdict.OUT_OF_ORDER
        if state.transaction_start >= 0 and not header.attributes & TRANSACTIONAL_BIT:
            return Verdict.OUTSIDE_TRANSACTION
        return Verdict.APPEND

    def reason(self, verdict: Verdict, header: BatchHeader) -> str:
        """Say in words why a batch was not judged to be appended."""
        state = self._states.get(header.producer_id, NEW_PRODUCER)
        if verdict is Verdict.FENCED:
            words = f"epoch {header.producer_epoch}, known is {state.epoch}"
        elif verdict is Verdict.OUT_OF_ORDER:
            is_new_epoch = header.producer_epoch > state.epoch
            due = 0 if is_new_epoch else next_sequence(state.last_sequence)
            words = f"sequence {header.base_sequence}, due is {due}"
        else:
            words = "it has a transaction open, and the batch is not part of it"
        return f"producer {header.producer_id}: {words}"

    def remember(self, header: BatchHeader, base_offset: Offset) -> None:
        """Note that the batch has its place at `base_offset`.

        A batch without sequences is a coordinator's own, written in a producer's name.
        """
        producer_id = header.producer_id
        state = self._taken(producer_id)
        batches = state.batches if state.epoch == header.producer_epoch else ()
        if header.base_sequence != NO_SEQUENCE:
            kept = KeptBatch(
                header.base_sequence,
                (header.base_sequence + header.last_offset_delta) % SEQUENCE_COUNT,
                base_offset,
            )
            batches = (*batches[1 - REMEMBERED_BATCHES :], kept)
        start = state.transaction_start
        if start < 0 and header.attributes & TRANSACTIONAL_BIT:
            start = self._open[producer_id] = base_offset
        # Re-inserted, so that the dictionary's order is the order of last use.
        self._states[producer_id] = ProducerState(
            header.producer_epoch, batches, header.max_timestamp, state.coordinator_epoch, start
        )
        if len(self._states) > self._producers_max:
            self._drop_longest_silent()

    def end_transaction(self, header: BatchHeader, coordinator_epoch: int) -> Offset | None:
        """Note a marker; return where the transaction began that it ends, if one was open.

        A marker of a newer epoch fences the producer's older ones.
        """
        producer_id = header.producer_id
        state = self._taken(producer_id)
        batches = state.batches if state.epoch == header.producer_epoch else ()
        self._states[producer_id] = ProducerState(
            header.producer_epoch, batches, header.max_timestamp, coordinator_epoch
        )
        return self._open.pop(producer_id, None)

    def _taken(self, producer_id: int) -> ProducerState:
        """Take a state out to be replaced; it can be put back until the next commit."""
        state = self._states.pop(producer_id, None)
        self._undo.setdefault(producer_id, state)
        return NEW_PRODUCER if state is None else state

    def _drop_longest_silent(self) -> None:
        for producer_id in self._states:
            if producer_id not in self._open:
                self._undo.setdefault(producer_id, self._states.pop(producer_id))
                return

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
        self._find_open()

    def snapshot(self) -> list[list[int]]:
        """All committed states as plain numbers: id, those of the state, three a batch."""
        committed = {**self._states, **self._undo}
        return [
            [
                producer_id,
                state.epoch,
                state.last_timestamp,
                state.coordinator_epoch,
                state.transaction_start,
                *(number for kept in state.batches for number in kept),
            ]
            for producer_id, state in committed.items()
            if state is not None
        ]

    def last_offsets(self) -> dict[int, LastOfProducer]:
        """Where each producer's last sequence stands in the log."""
        committed = {**self._states, **self._undo}
        return {
            producer_id: LastOfProducer(state.epoch, _last_offset(state.batches))
            for producer_id, state in committed.items()
            if state is not None
        }

    def restore(self, rows: Sequence[Sequence[int]]) -> None:
        for producer_id, epoch, last_timestamp, coordinator_epoch, start, *numbers in rows:
            batches = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
            self._states[producer_id] = ProducerState(
                epoch,
                tuple(KeptBatch(*batch) for batch in batches),
                last_timestamp,
                coordinator_epoch,
                Offset(start),
            )
        self._find_open()

    def _find_open(self) -> None:
        starts = [
            (state.transaction_start, producer_id)
            for producer_id, state in self._states.items()
            if state.transaction_start >= 0
        ]
        self._open = {producer_id: start for start, producer_id in sorted(starts)}

    def clear(self) -> None:
        self._states.clear()
        self._undo.clear()
        self._open.clear()


def _last_offset(batches: Sequence[KeptBatch]) -> int | None:
    """None for a producer that is known by its markers alone."""
    if not batches:
        return None
    last = batches[-1]
    return last.base_offset + (last.last_sequence - last.first_sequence) % SEQUENCE_COUNT

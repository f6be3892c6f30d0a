"""What a sweep through a log knows of transactions: which data was aborted, which markers may go.

A marker may go when no batch of its transaction was met on the way to it; what becomes of it
then is decided by its delete horizon, as with tombstones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamcore.record.batch import BatchHeader
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.chunks import Chunk, Marker


@dataclass(slots=True)
class _Aborting:
    """An aborted transaction that the sweep is inside of."""

    transaction: AbortedTransaction
    has_data: bool = False


@dataclass(slots=True)
class Judgement:
    """Of one chunk: its batches of aborted data, and its control batches that may go."""

    aborted: list[int] = field(default_factory=list)
    markers_that_may_go: set[int] = field(default_factory=set)


class TransactionSweep:
    """Goes along with the batches of a log, in their order, from its start or from within."""

    def __init__(self, aborted: Sequence[AbortedTransaction]) -> None:
        self._coming = sorted(aborted, key=lambda each: each.first_offset, reverse=True)
        self._aborting: dict[int, _Aborting] = {}
        self._with_data: set[int] = set()  # producers of transactions not known to be aborted
        # Aborted transactions of which the log still holds data: readers are told of them.
        self.kept: list[AbortedTransaction] = []

    def go_over(self, chunk: Chunk) -> "Judgement":
        """Judge the batches of the chunk that comes next."""
        judgement = Judgement()
        for number in sorted((*chunk.transactional, *chunk.markers)):
            header = chunk.batches.header(number)
            self._come_to(header)
            if number in chunk.markers:
                if self._marker_may_go(header, chunk.markers[number]):
                    judgement.markers_that_may_go.add(number)
            elif self._is_aborted(header):
                judgement.aborted.append(number)
        return judgement

    def _is_aborted(self, header: BatchHeader) -> bool:
        aborting = self._aborting_now(header)
        if aborting is None:
            self._with_data.add(header.producer_id)
            return False
        aborting.has_data = True
        return True

    def _aborting_now(self, header: BatchHeader) -> _Aborting | None:
        """The aborted transaction that a batch is part of. One whose marker went is long over."""
        aborting = self._aborting.get(header.producer_id)
        if aborting is not None and aborting.transaction.last_offset < header.base_offset:
            del self._aborting[header.producer_id]
            return None
        return aborting

    def _marker_may_go(self, header: BatchHeader, kind: int | None) -> bool:
        """Whether nothing needs this marker any more but readers who are late."""
        if kind is None:
            return True
        if kind == Marker.ABORT:
            aborting = self._aborting_now(header)
            if aborting is None or not aborting.has_data:
                return True
            del self._aborting[header.producer_id]
            self.kept.append(aborting.transaction)
            return False
        if kind == Marker.COMMIT:
            has_data = header.producer_id in self._with_data
            self._with_data.discard(header.producer_id)
            return not has_data
        return False

    def _come_to(self, header: BatchHeader) -> None:
        while self._coming and self._coming[-1].first_offset < header.next_offset:
            transaction = self._coming.pop()
            self._aborting[transaction.producer_id] = _Aborting(transaction)

"""What a partition knows of its log beside the records: producers, transactions, epochs.

All of it can be read from the batches again; recovery does so from the last checkpoint on.
"""

from collections.abc import Sequence

from streamcore.partition.epochs import EpochHistory
from streamcore.partition.producers import ProducerTable
from streamcore.record.batch import CONTROL_BIT, NO_PRODUCER_ID, BatchHeader
from streamcore.record.control import MarkerType, decode_marker
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.storage.aborted_transactions import AbortedTransaction


class PartitionHistory:
    """Follows the batches of one log in order. Keeps `storage.recovery.LogReader`."""

    def __init__(self, *, producers_max: int) -> None:
        self.producers = ProducerTable(producers_max=producers_max)
        self.epochs = EpochHistory()

    def restore(
        self, *, producers: Sequence[Sequence[int]], epochs: Sequence[Sequence[int]]
    ) -> None:
        """Take up what a checkpoint says, as `ProducerTable` and `EpochHistory` wrote it."""
        self.producers.restore(producers)
        self.epochs.restore(epochs)

    def note(self, header: BatchHeader, batch: memoryview) -> AbortedTransaction | None:
        """See a batch that is in the log; return the transaction that it aborts, if it does."""
        base = Offset(header.base_offset)
        self.epochs.note(LeaderEpoch(header.leader_epoch), base)
        aborted = None
        if header.producer_id != NO_PRODUCER_ID:
            if header.attributes & CONTROL_BIT:
                aborted = self.note_marker(header, batch, base)
            else:
                self.producers.remember(header, base)
            self.producers.commit()
        return aborted

    def note_marker(
        self, header: BatchHeader, batch: memoryview, base: Offset
    ) -> AbortedTransaction | None:
        """See a control batch that has its place at `base`. Raises `BatchCorrupt`."""
        marker = decode_marker(batch)
        if marker is None:
            return None
        start = self.producers.end_transaction(header, marker.coordinator_epoch)
        if start is None or marker.type is not MarkerType.ABORT:
            return None
        return AbortedTransaction(header.producer_id, start, base)

    def clear(self) -> None:
        self.producers.clear()
        self.epochs.clear()

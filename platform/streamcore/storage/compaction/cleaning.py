"""Which records of a log stay, as Kafka's LogCleaner decides it, and the batches they stay in.

First `KeyCollector` goes over what is dirty and notes the newest offset of each key. Then
`BatchCleaner` goes over the log from its start and hands out what is left. Offsets never
change: batches keep theirs and get gaps. Both work on chunks of bytes and know no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamcore.record.batch import (
    CONTROL_BIT,
    DELETE_HORIZON_BIT,
    BatchHeader,
)
from streamcore.record.places import Offset
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.batch_writing import emptied, rewritten, with_delete_horizon
from streamcore.storage.compaction.chunks import Chunk
from streamcore.storage.compaction.job import LastOfProducer
from streamcore.storage.compaction.key_digests import KeyDigests
from streamcore.storage.compaction.offset_map import OffsetMap
from streamcore.storage.compaction.record_columns import Int64s
from streamcore.storage.compaction.transactions import TransactionSweep
from streamcore.storage.index import NO_TIMESTAMP


class CleanedBatch(NamedTuple):
    """A batch that stays. `newest_timestamp` is of its records; there may be none."""

    base_offset: Offset
    next_offset: Offset
    newest_timestamp: int
    data: bytes | memoryview

    @property
    def is_as_it_was(self) -> bool:
        """Whether it is a piece of what was read: nothing was taken from it."""
        return isinstance(self.data, memoryview)


@dataclass(slots=True, kw_only=True)
class CleaningCounts:
    """What a cleaning saw and left."""

    records_read: int = 0
    records_kept: int = 0
    keyless_records: int = 0
    batches_changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningRules:
    """What a cleaning goes by beside the keys."""

    now_ms: int
    delete_retention_ms: int
    producers: Mapping[int, LastOfProducer] = field(default_factory=dict)


class KeyCollector:
    """Notes the newest offset of each key from `start` on, until the map is full."""

    def __init__(
        self,
        keys: OffsetMap,
        digests: KeyDigests,
        aborted: Sequence[AbortedTransaction],
        *,
        start: Offset,
    ) -> None:
        self._keys = keys
        self._digests = digests
        self._sweep = TransactionSweep(aborted)
        self._start = start
        keys.end = start

    def collect(self, chunk: Chunk) -> bool:
        """Take the keys of a chunk; False when the map takes no more."""
        records = chunk.records
        wanted = (records.key_sizes >= 0) & (records.offsets >= self._start)
        for number in self._sweep.go_over(chunk).aborted:
            wanted[chunk.rows(number)] = False
        if int(np.count_nonzero(wanted)) < self._keys.room:
            self._put(chunk, wanted, 0, len(chunk))
            return True
        for number in range(len(chunk)):
            if not self._keys.room:
                return False
            self._put(chunk, wanted, number, number + 1)
        return True

    def _put(self, chunk: Chunk, wanted: NDArray[np.bool_], low: int, high: int) -> None:
        first, end = int(chunk.first_rows[low]), int(chunk.first_rows[high])
        rows = np.flatnonzero(wanted[first:end]) + first
        if len(rows):
            self._keys.put(self._digests.of(chunk.records, rows), chunk.records.offsets[rows])
        self._keys.end = max(self._keys.end, Offset(int(chunk.batches.next_offsets[high - 1])))


class BatchCleaner:
    """Leaves of each batch what is still needed. Goes over a log once, in order."""

    def __init__(
        self,
        keys: OffsetMap,
        digests: KeyDigests,
        aborted: Sequence[AbortedTransaction],
        rules: CleaningRules,
    ) -> None:
        self._keys = keys
        self._digests = digests
        self._sweep = TransactionSweep(aborted)
        self._rules = rules
        self._last_of_producers = np.array(
            [last.last_offset for last in rules.producers.values() if last.last_offset is not None],
            np.int64,
        )
        self.counts = CleaningCounts()

    def aborted_kept(self) -> list[AbortedTransaction]:
        """The aborted transactions of which data was met since the last call."""
        kept, self._sweep.kept = self._sweep.kept, []
        return kept

    def clean(self, chunk: Chunk, *, end: Offset) -> list[CleanedBatch]:
        """Return what stays of a chunk. The batch that ends at `end` does, if only its header."""
        stays = self._records_that_stay(chunk)
        transactions = self._sweep.go_over(chunk)
        for number in transactions.aborted:
            stays[chunk.rows(number)] = False
        count = len(chunk)
        numbers = chunk.records.batch_numbers
        kept = np.bincount(numbers[stays], minlength=count)
        tombstones = np.bincount(numbers[stays & ~chunk.records.has_value], minlength=count)
        self.counts.records_read += len(stays)
        self.counts.records_kept += int(kept.sum())
        cleaned: list[CleanedBatch] = []
        for number in self._may_stay(chunk, kept, end=end):
            header = chunk.batches.header(number)
            batch: CleanedBatch | None
            if header.attributes & CONTROL_BIT:
                batch = self._marker(
                    chunk, number, may_go=number in transactions.markers_that_may_go, end=end
                )
            elif kept[number] == 0:
                batch = self._empty(chunk, number, end=end)
            elif kept[number] < header.record_count or tombstones[number]:
                batch = self._data(chunk, number, stays, int(kept[number]), int(tombstones[number]))
            else:
                batch = _cleaned(header, header.max_timestamp, chunk.batches.batch(number))
            if batch is not None:
                cleaned.append(batch)
        self.counts.batches_changed += count - sum(batch.is_as_it_was for batch in cleaned)
        return cleaned

    def _may_stay(self, chunk: Chunk, kept: Int64s, *, end: Offset) -> list[int]:
        """The batches that have to be looked at one by one: of most, nothing stays."""
        batches = chunk.batches
        may_stay = kept > 0
        may_stay |= (batches.attributes & CONTROL_BIT) != 0
        may_stay |= batches.next_offsets == end
        may_stay |= np.isin(batches.next_offsets - 1, self._last_of_producers)
        return np.flatnonzero(may_stay).tolist()

    def _records_that_stay(self, chunk: Chunk) -> NDArray[np.bool_]:
        """A record stays if its key has no newer one, and if it is no tombstone past its time."""
        records = chunk.records
        stays = records.offsets >= self._keys.end
        keyed = records.key_sizes >= 0
        self.counts.keyless_records += int(np.count_nonzero(~stays & ~keyed))
        rows = np.flatnonzero(~stays & keyed)
        if not len(rows):
            return stays
        is_newest = records.offsets[rows] >= self._keys.newest(self._digests.of(records, rows))
        batches = chunk.batches
        may_go = (batches.attributes & DELETE_HORIZON_BIT) != 0
        may_go &= batches.base_timestamps <= self._rules.now_ms
        stays[rows] = is_newest & (records.has_value[rows] | ~may_go[records.batch_numbers[rows]])
        return stays

    def _horizon_has_passed(self, header: BatchHeader) -> bool:
        return (
            bool(header.attributes & DELETE_HORIZON_BIT)
            and header.base_timestamp <= self._rules.now_ms
        )

    def _marker(
        self, chunk: Chunk, number: int, *, may_go: bool, end: Offset
    ) -> CleanedBatch | None:
        header = chunk.batches.header(number)
        if header.record_count == 0 or (may_go and self._horizon_has_passed(header)):
            return self._empty(chunk, number, end=end)
        batch = chunk.batches.batch(number)
        if may_go and not header.attributes & DELETE_HORIZON_BIT:
            dated = with_delete_horizon(header, batch, horizon_ms=self._horizon_ms())
            return _cleaned(header, header.max_timestamp, dated)
        return _cleaned(header, header.max_timestamp, batch)

    def _horizon_ms(self) -> int:
        return self._rules.now_ms + self._rules.delete_retention_ms

    def _empty(self, chunk: Chunk, number: int, *, end: Offset) -> CleanedBatch | None:
        """A batch without records stays where its header says what nothing else does."""
        header = chunk.batches.header(number)
        if header.next_offset != end and not self._is_last_of_producer(header):
            return None
        data = chunk.batches.batch(number) if header.record_count == 0 else emptied(header)
        return _cleaned(header, NO_TIMESTAMP, data)

    def _is_last_of_producer(self, header: BatchHeader) -> bool:
        last = self._rules.producers.get(header.producer_id)
        if last is None:
            return False
        if last.last_offset is None:
            return bool(header.attributes & CONTROL_BIT) and header.producer_epoch == last.epoch
        return header.next_offset - 1 == last.last_offset

    def _data(
        self,
        chunk: Chunk,
        number: int,
        stays: NDArray[np.bool_],
        kept: int,
        tombstones: int,
    ) -> CleanedBatch:
        header = chunk.batches.header(number)
        gets_horizon = tombstones > 0 and not header.attributes & DELETE_HORIZON_BIT
        if kept == header.record_count and not gets_horizon:
            return _cleaned(header, header.max_timestamp, chunk.batches.batch(number))
        rows = np.flatnonzero(stays[chunk.rows(number)]) + int(chunk.first_rows[number])
        horizon_ms = self._horizon_ms() if gets_horizon else None
        newest, data = rewritten(header, chunk.records, rows, horizon_ms=horizon_ms)
        return _cleaned(header, newest, data)


def _cleaned(header: BatchHeader, newest: int, data: bytes | memoryview) -> CleanedBatch:
    return CleanedBatch._make((header.base_offset, header.next_offset, newest, data))

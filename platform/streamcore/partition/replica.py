"""One partition as its leader sees it: places batches, writes them, hands them out.

Appending has two steps. `stage` checks a batch and gives it its offsets; `commit` writes
all staged batches with one call and makes them readable. When the write fails nothing
of the round has happened: offsets and producer states are as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streamcore.partition.producers import Duplicate, ProducerTable, Verdict
from streamcore.partition.retention import segments_to_drop
from streamcore.record.batch import (
    CODEC_MASK,
    CODEC_NUMBER_MAX,
    CONTROL_BIT,
    LENGTH_PREFIX_SIZE,
    MAGIC,
    MAGIC_AT,
    NO_PRODUCER_ID,
    TRANSACTIONAL_BIT,
    BatchFault,
    BatchHeader,
    checked_header,
    place_batch,
)
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.storage.log import LogLimits, PartitionLog
from streamcore.storage.segment import PlacedBatch, Segment
from streamcore.storage.tail_cache import PartitionTail
from streamcore.wire.error_codes import ErrorCode

NO_OFFSET = Offset(-1)
NONE = ErrorCode.NONE


class PartitionKey(NamedTuple):
    """A partition's name: its topic and its number there."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionLimits:
    """When a compacted partition is compacted, and what that leaves alone."""

    min_cleanable_dirty_ratio: float
    delete_retention_ms: int
    min_compaction_lag_ms: int
    max_compaction_lag_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLimits:
    """What a topic's settings mean for each of its partitions."""

    log: LogLimits
    message_bytes_max: int
    compaction: CompactionLimits | None = None


class Placement:
    """Where a batch went. `error` may still change until the round is committed."""

    __slots__ = ("base_offset", "error", "reason")

    def __init__(
        self, base_offset: Offset = NO_OFFSET, error: ErrorCode = NONE, reason: str = ""
    ) -> None:
        self.base_offset = base_offset
        self.error = error
        self.reason = reason


class Fetched(NamedTuple):
    """What a fetch of one partition found. Offsets are -1 where they are unknown."""

    error: ErrorCode
    high_watermark: int
    start_offset: int
    pieces: Sequence[bytes | memoryview]
    size: int
    reason: str = ""


class Replica:
    """A partition's log, its producers and its cached tail, under one leader epoch."""

    def __init__(
        self,
        key: PartitionKey,
        log: PartitionLog,
        *,
        producers: ProducerTable,
        tail: PartitionTail,
        leader_epoch: LeaderEpoch,
        limits: PartitionLimits,
    ) -> None:
        self.key = key
        self.log = log
        self.producers = producers
        self.leader_epoch = leader_epoch
        self.limits = limits
        self.appended_batches = 0
        self.appended_bytes = 0
        self._tail = tail
        # All replicas (there is one) have what lies below it: what was committed.
        self.high_watermark = log.next_offset
        self._next_offset = log.next_offset
        self._staged: list[PlacedBatch] = []
        self._placements: list[Placement] = []

    @property
    def start_offset(self) -> Offset:
        return self.log.start_offset

    def stage(self, batch: memoryview) -> Placement:
        """Check a batch and give it its place; `commit` makes it so.

        `batch` must be writable and is copied out. The refusal is in the placement.
        """
        if len(batch) > self.limits.message_bytes_max:
            return Placement(
                error=ErrorCode.MESSAGE_TOO_LARGE,
                reason=f"{len(batch)} bytes, the limit is {self.limits.message_bytes_max}",
            )
        try:
            header = checked_header(batch)
        except BatchFault as fault:
            return _refusal_of_fault(batch, fault)
        refusal = _refusal_of_header(header, len(batch))
        if refusal is not None:
            return refusal
        placement = self._placed(header, batch)
        if placement.error is NONE:
            self._placements.append(placement)
        return placement

    def _placed(self, header: BatchHeader, batch: memoryview) -> Placement:
        base = self._next_offset
        if header.producer_id != NO_PRODUCER_ID:
            verdict = self.producers.judge(header)
            if isinstance(verdict, Duplicate):
                return Placement(verdict.base_offset)
            if verdict is not Verdict.APPEND:
                return Placement(error=REFUSALS[verdict])
            self.producers.remember(header, base)
        self._next_offset = Offset(base + header.last_offset_delta + 1)
        data = place_batch(
            batch,
            base_offset=base,
            batch_length=header.batch_length,
            leader_epoch=self.leader_epoch,
        )
        self._staged.append(
            PlacedBatch._make((base, self._next_offset, header.max_timestamp, data))
        )
        return Placement(base)

    def commit(self, *, now_ms: int) -> int:
        """Write what was staged; return its bytes. Raises `StorageFailed`: nothing happened."""
        staged, placements = self._staged, self._placements
        self._staged, self._placements = [], []
        if not staged:
            return 0
        try:
            self.log.append(staged, now_ms=now_ms, limits=self.limits.log)
        except StorageFailed as failure:
            self._next_offset = self.log.next_offset
            self.producers.roll_back()
            for placement in placements:
                placement.error = ErrorCode.KAFKA_STORAGE_ERROR
                placement.base_offset = NO_OFFSET
                placement.reason = str(failure)
            raise
        self.producers.commit()
        self.high_watermark = self._next_offset
        size = 0
        for batch in staged:
            self._tail.add(batch)
            size += len(batch.data)
        self.appended_batches += len(staged)
        self.appended_bytes += size
        return size

    def fetch(self, offset: int, *, bytes_max: int) -> Fetched:
        """Return whole batches from the one that contains `offset`; one at least if there is."""
        log = self.log
        end = self.high_watermark
        start = log.start_offset
        if not start <= offset <= end:
            return Fetched(ErrorCode.OFFSET_OUT_OF_RANGE, end, start, (), 0)
        if offset == end:
            return Fetched._make((NONE, end, start, (), 0, ""))
        pieces: Sequence[bytes | memoryview] | None = self._tail.read(
            Offset(offset), bytes_max=bytes_max
        )
        if pieces is None:
            try:
                pieces = [log.read(Offset(offset), bytes_max=bytes_max)]
            except (StorageFailed, SegmentCorrupt) as failure:
                return Fetched(ErrorCode.KAFKA_STORAGE_ERROR, end, start, (), 0, str(failure))
        size = sum([len(piece) for piece in pieces])
        return Fetched._make((NONE, end, start, pieces, size, ""))

    def drop_expired(self, *, now_ms: int) -> list[Segment]:
        """Apply retention; return the segments whose files the caller removes."""
        segments = self.log.segments
        count = segments_to_drop(segments, self.limits.log, now_ms=now_ms)
        if count == 0:
            return []
        if count == len(segments):
            self.log.roll(now_ms=now_ms)
        return self.log.cut_front(segments[count].base_offset)

    def delete_before(self, offset: Offset) -> list[Segment]:
        """Move the log start offset (DeleteRecords); return the segments that fell out."""
        return self.log.cut_front(offset)

    def put_cleaned(self, base_offset: Offset, cleaned: Segment) -> list[Segment] | None:
        """Let a cleaned segment take its place, as `PartitionLog.replace` says."""
        old = self.log.replace(base_offset, cleaned)
        if old is not None:
            self._tail.forget_before(cleaned.next_offset)
        return old

    def forget_tail(self) -> None:
        """Give the memory of the cached tail back: the topic is deleted."""
        self._tail.clear()


REFUSED_BITS = CONTROL_BIT | TRANSACTIONAL_BIT

REFUSALS = {
    Verdict.OUT_OF_ORDER: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    Verdict.FENCED: ErrorCode.INVALID_PRODUCER_EPOCH,
}


def _refusal_of_fault(batch: memoryview, fault: BatchFault) -> Placement:
    if len(batch) > MAGIC_AT and batch[MAGIC_AT] < MAGIC:
        return Placement(error=ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, reason=str(fault))
    return Placement(error=ErrorCode.CORRUPT_MESSAGE, reason=str(fault))


def _refusal_of_header(header: BatchHeader, size: int) -> Placement | None:
    if (
        header.batch_length + LENGTH_PREFIX_SIZE == size
        and header.record_count == header.last_offset_delta + 1
        and not header.attributes & REFUSED_BITS
        and header.attributes & CODEC_MASK <= CODEC_NUMBER_MAX
        and (header.producer_id == NO_PRODUCER_ID or header.base_sequence >= 0)
    ):
        return None
    return _refusal_in_words(header, size)


def _refusal_in_words(header: BatchHeader, size: int) -> Placement:
    if header.batch_length + LENGTH_PREFIX_SIZE != size:
        return Placement(
            error=ErrorCode.INVALID_RECORD, reason="more than one record batch for a partition"
        )
    if header.record_count != header.last_offset_delta + 1:
        return Placement(
            error=ErrorCode.INVALID_RECORD,
            reason=f"{header.record_count} records, last offset delta {header.last_offset_delta}",
        )
    if header.attributes & CONTROL_BIT:
        return Placement(error=ErrorCode.INVALID_RECORD, reason="clients write no control batch")
    if header.attributes & TRANSACTIONAL_BIT:
        return Placement(
            error=ErrorCode.INVALID_TXN_STATE, reason="this broker has no transactions"
        )
    if header.codec > CODEC_NUMBER_MAX:
        return Placement(
            error=ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, reason=f"codec {header.codec}"
        )
    return Placement(error=ErrorCode.INVALID_RECORD, reason="producer id without sequence")

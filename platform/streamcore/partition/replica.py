"""One partition as its leader sees it: places batches, writes them, hands them out.

Appending has two steps. `stage` checks a batch and gives it its offsets; `commit` writes
all staged batches with one call and makes them readable. When the write fails nothing
of the round has happened: offsets and producer states are as before.

Readers of committed records see what lies before the last stable offset: the first offset
of the oldest open transaction (KIP-98).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streamcore.partition.admission import (
    NO_TIMESTAMP,
    AdmissionRules,
    NotAdmitted,
    RecordError,
    admit,
)
from streamcore.partition.history import PartitionHistory
from streamcore.partition.producers import Duplicate, Verdict
from streamcore.partition.retention import segments_to_drop
from streamcore.record.batch import (
    CODEC_MASK,
    CODEC_NUMBER_MAX,
    CONTROL_BIT,
    LENGTH_PREFIX,
    LENGTH_PREFIX_SIZE,
    NO_PRODUCER_ID,
    TRANSACTIONAL_BIT,
    BatchFault,
    BatchHeader,
    ChecksumWrong,
    checked_header,
    place_batch,
    read_header,
)
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.storage.log import LogLimits, PartitionLog
from streamcore.storage.segment import PlacedBatch, Segment
from streamcore.storage.tail_cache import PartitionTail
from streamcore.wire.error_codes import ErrorCode

NO_OFFSET = Offset(-1)
NO_LIMIT = (1 << 63) - 1
NONE = ErrorCode.NONE
CLIENTS_REFUSED_BITS = CONTROL_BIT | TRANSACTIONAL_BIT


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


class AppendRules(NamedTuple):
    """What a topic asks of its appends beyond a place in the log."""

    admission: AdmissionRules | None = None
    unsynced_records_max: int = NO_LIMIT  # so many, and the acknowledgement waits for the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLimits:
    """What a topic's settings mean for each of its partitions."""

    log: LogLimits
    message_bytes_max: int
    compaction: CompactionLimits | None = None
    keeps_everything: bool = False  # "delete" is not in the policy: nobody may delete records
    append_rules: AppendRules | None = None  # None, as nearly always: batches are kept as they come
    flush_ms: int = NO_LIMIT  # a record is on the disk after so long at the latest
    file_delete_delay_ms: int = 0  # how long files stay after their segment has gone

    @property
    def is_compacted(self) -> bool:
        """Whether the newest record of each key is kept (`cleanup.policy` has `compact`)."""
        return self.compaction is not None


class Placement:
    """Where a batch went. `error` may still change until the round is committed."""

    __slots__ = ("append_time_ms", "base_offset", "error", "reason", "record_errors")

    def __init__(
        self,
        base_offset: Offset = NO_OFFSET,
        error: ErrorCode = NONE,
        reason: str = "",
        record_errors: Sequence[RecordError] = (),
    ) -> None:
        self.base_offset = base_offset
        self.error = error
        self.reason = reason
        self.record_errors = record_errors
        self.append_time_ms = NO_TIMESTAMP  # where the broker's time counts (LogAppendTime)


class Fetched(NamedTuple):
    """What a fetch of one partition found. Offsets are -1 where they are unknown."""

    error: ErrorCode
    high_watermark: int
    last_stable_offset: int
    start_offset: int
    pieces: Sequence[bytes | memoryview]
    size: int
    reason: str = ""


class Appended(NamedTuple):
    """How many bytes a commit added, and how many it let readers of committed records see."""

    size: int
    stable_size: int


NOTHING_APPENDED = Appended(0, 0)


class Replica:
    """A partition's log, its history and its cached tail, under one leader epoch."""

    def __init__(
        self,
        key: PartitionKey,
        log: PartitionLog,
        *,
        history: PartitionHistory,
        tail: PartitionTail,
        leader_epoch: LeaderEpoch,
        limits: PartitionLimits,
    ) -> None:
        self.key = key
        self.log = log
        self.history = history
        self.producers = history.producers
        self.leader_epoch = leader_epoch
        self.limits = limits
        self.appended_batches = 0
        self.appended_bytes = 0
        self._tail = tail
        # All replicas (there is one) have what lies below it: what was committed.
        self.high_watermark = log.next_offset
        history.epochs.note(leader_epoch, log.next_offset)
        # The checkpoint that it was taken from may not know of the latest deletions.
        history.epochs.cut_front(log.start_offset)
        self.last_stable_offset = self._stable_before(log.next_offset)
        self.has_aborted = any(segment.aborted for segment in log.segments)  # or had some
        self._unstable_bytes = 0  # appended since the two were the same
        # What lies below it is on the disk. A killed process leaves what may not be.
        self.synced_offset = log.start_offset if log.has_unsynced else log.next_offset
        self._next_offset = log.next_offset
        self._staged: list[PlacedBatch] = []
        self._placements: list[Placement] = []
        self._aborted: list[AbortedTransaction] = []

    @property
    def start_offset(self) -> Offset:
        return self.log.start_offset

    def _stable_before(self, end: Offset) -> Offset:
        """The first offset of the oldest open transaction that is not deleted, or else the end."""
        first = next(iter(self.producers.open_transactions.values()), end)
        return max(first, self.log.start_offset)

    @property
    def unsynced_records(self) -> int:
        """How many records the disk is not known to have, staged ones included."""
        return self._next_offset - self.synced_offset

    def stage_admitted(
        self,
        batch: memoryview,
        rules: AdmissionRules,
        *,
        now_ms: int,
        refused_bits: int = CLIENTS_REFUSED_BITS,
    ) -> Placement:
        """`stage` what the topic's rules make of a batch, if they let it in."""
        if len(batch) > self.limits.message_bytes_max:
            return self.stage(batch)  # is refused before anybody unpacks it
        try:
            admitted = admit(batch, rules, now_ms=now_ms)
        except NotAdmitted as refusal:
            return Placement(
                error=refusal.error, reason=refusal.reason, record_errors=refusal.record_errors
            )
        next_offset = self._next_offset
        placement = self.stage(admitted.batch, refused_bits=refused_bits)
        placement.append_time_ms = admitted.append_time_ms
        if rules.stamps_append_time and NO_OFFSET < placement.base_offset < next_offset:
            # A retry: it is told when it was appended, not when it came again.
            placement.append_time_ms = self._append_time_of(placement) or admitted.append_time_ms
        return placement

    def _append_time_of(self, placement: Placement) -> int | None:
        """None where its batch is still to be written, or deleted by now."""
        pieces = self.fetch(placement.base_offset, bytes_max=1).pieces
        return read_header(pieces[0]).max_timestamp if pieces and len(pieces[0]) else None

    def stage(self, batch: memoryview, *, refused_bits: int = CLIENTS_REFUSED_BITS) -> Placement:
        """Check a client's batch and give it its place; `commit` makes it so.

        `batch` must be writable and is copied out. The refusal is in the placement.
        Transactional batches are refused, unless the caller has found that their
        transaction is open and says so by `refused_bits`.
        """
        if len(batch) > self.limits.message_bytes_max:
            return Placement(
                error=ErrorCode.MESSAGE_TOO_LARGE,
                reason=f"{len(batch)} bytes, the limit is {self.limits.message_bytes_max}",
            )
        try:
            header = checked_header(batch)
        except BatchFault as fault:
            return _refusal_of_fault(fault)
        refusal = _refusal_of_header(header, len(batch), refused_bits)
        if refusal is not None:
            return refusal
        placement = self._placed(header, batch)
        if placement.error is NONE:
            self._placements.append(placement)
        return placement

    def stage_own(self, batch: memoryview) -> Placement:
        """Give a batch its place that the broker has made: a marker, or what coordinators write.

        Such a batch is in a producer's name where it belongs to a transaction.
        """
        header = checked_header(batch)
        base = self._next_offset
        if header.attributes & CONTROL_BIT:
            aborted = self.history.note_marker(header, batch, base)
            if aborted is not None:
                self._aborted.append(aborted)
        elif header.producer_id != NO_PRODUCER_ID:
            self.producers.remember(header, base)
        self._place(header, batch)
        placement = Placement(base)
        self._placements.append(placement)
        return placement

    def _placed(self, header: BatchHeader, batch: memoryview) -> Placement:
        base = self._next_offset
        if header.producer_id != NO_PRODUCER_ID:
            verdict = self.producers.judge(header)
            if isinstance(verdict, Duplicate):
                return Placement(verdict.base_offset)
            if verdict is not Verdict.APPEND:
                reason = self.producers.reason(verdict, header)
                return Placement(error=REFUSALS[verdict], reason=reason)
            self.producers.remember(header, base)
        self._place(header, batch)
        return Placement(base)

    def _place(self, header: BatchHeader, batch: memoryview) -> None:
        base = self._next_offset
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

    def commit(self, *, now_ms: int) -> Appended:
        """Write what was staged. Raises `StorageFailed`: nothing happened."""
        staged, placements, aborted = self._staged, self._placements, self._aborted
        self._staged, self._placements, self._aborted = [], [], []
        if not staged:
            return NOTHING_APPENDED
        try:
            self.log.append(staged, now_ms=now_ms, limits=self.limits.log, aborted=aborted)
        except StorageFailed as failure:
            self._next_offset = self.log.next_offset
            self.producers.roll_back()
            for placement in placements:
                placement.error = ErrorCode.KAFKA_STORAGE_ERROR
                placement.base_offset = NO_OFFSET
                placement.reason = str(failure)
            raise
        self.producers.commit()
        self.has_aborted = self.has_aborted or bool(aborted)
        self.high_watermark = self._next_offset
        size = 0
        for batch in staged:
            self._tail.add(batch)
            size += len(batch.data)
        self.appended_batches += len(staged)
        self.appended_bytes += size
        return Appended(size, self._stabilise(size))

    def _stabilise(self, size: int) -> int:
        """Move the last stable offset; return about how many bytes came to lie before it.

        While transactions are open too many are told rather than too few: who waits for
        bytes then looks too early, and never too late.
        """
        if not self.producers.open_transactions and not self._unstable_bytes:
            self.last_stable_offset = self.high_watermark
            return size
        self._unstable_bytes += size
        stable = self._stable_before(self.high_watermark)
        if stable == self.last_stable_offset:
            return 0
        self.last_stable_offset = stable
        stable_bytes = self._unstable_bytes
        if stable == self.high_watermark:
            self._unstable_bytes = 0
        return stable_bytes

    def fetch(self, offset: int, *, bytes_max: int, is_committed_only: bool = False) -> Fetched:
        """Return whole batches from the one that contains `offset`; one at least if there is.

        `is_committed_only`: none of transactions that are still open, or behind them.
        """
        log = self.log
        end, stable = self.high_watermark, self.last_stable_offset
        start = log.start_offset
        if not start <= offset <= end:
            return Fetched(ErrorCode.OFFSET_OUT_OF_RANGE, end, stable, start, (), 0)
        before = stable if is_committed_only and stable < end else None
        if offset >= (end if before is None else before):
            return Fetched._make((NONE, end, stable, start, (), 0, ""))
        pieces: Sequence[bytes | memoryview] | None = self._tail.read(
            Offset(offset), bytes_max=bytes_max, before=before
        )
        if pieces is None:
            try:
                pieces = [log.read(Offset(offset), bytes_max=bytes_max, before=before)]
            except (StorageFailed, SegmentCorrupt) as failure:
                reason = str(failure)
                return Fetched(ErrorCode.KAFKA_STORAGE_ERROR, end, stable, start, (), 0, reason)
        size = sum([len(piece) for piece in pieces])
        return Fetched._make((NONE, end, stable, start, pieces, size, ""))

    def epoch_end(self, epoch: LeaderEpoch) -> tuple[LeaderEpoch, Offset]:
        """The largest epoch up to `epoch` that has records here, and where it ends."""
        return self.history.epochs.end_of(epoch, log_end=self.high_watermark)

    def aborted_in(
        self, offset: int, pieces: Sequence[bytes | memoryview]
    ) -> list[AbortedTransaction]:
        """Which aborted transactions reach into what was fetched from `offset` on."""
        end = next_offset_behind(pieces[-1]) if pieces else offset
        return self.log.aborted_between(Offset(offset), Offset(end))

    def drop_expired(self, *, now_ms: int) -> list[Segment]:
        """Apply retention; return the segments whose files the caller removes."""
        segments = self.log.segments
        count = segments_to_drop(segments, self.limits.log, now_ms=now_ms)
        if count == 0:
            return []
        if count == len(segments):
            self.log.roll(now_ms=now_ms)
        return self._cut_front(segments[count].base_offset)

    def delete_before(self, offset: Offset) -> list[Segment]:
        """Move the log start offset (DeleteRecords); return the segments that fell out."""
        return self._cut_front(offset)

    def _cut_front(self, offset: Offset) -> list[Segment]:
        gone = self.log.cut_front(offset)
        self.history.epochs.cut_front(self.log.start_offset)
        self.last_stable_offset = max(self.last_stable_offset, self.log.start_offset)
        return gone

    def put_cleaned(self, base_offset: Offset, cleaned: Segment) -> list[Segment] | None:
        """Let a cleaned segment take its place, as `PartitionLog.replace` says."""
        old = self.log.replace(base_offset, cleaned)
        if old is not None:
            self._tail.forget_before(cleaned.next_offset)
        return old

    def forget_tail(self) -> None:
        """Give the memory of the cached tail back: the topic is deleted."""
        self._tail.clear()


REFUSALS = {
    Verdict.OUT_OF_ORDER: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    Verdict.FENCED: ErrorCode.INVALID_PRODUCER_EPOCH,
    Verdict.OUTSIDE_TRANSACTION: ErrorCode.INVALID_TXN_STATE,
}


def next_offset_behind(piece: bytes | memoryview) -> int:
    """The offset behind the last of some whole batches. There may be thousands: of the others
    the length alone is read."""
    last = position = 0
    while position < len(piece):
        last = position
        _, length = LENGTH_PREFIX.unpack_from(piece, position)
        position += LENGTH_PREFIX_SIZE + length
    return read_header(piece, last).next_offset


def _refusal_of_fault(fault: BatchFault) -> Placement:
    """Clients send again what is corrupt: only a checksum may be right then. As with Kafka."""
    is_damaged = isinstance(fault, ChecksumWrong)
    error = ErrorCode.CORRUPT_MESSAGE if is_damaged else ErrorCode.INVALID_RECORD
    return Placement(error=error, reason=str(fault))


def _refusal_of_header(header: BatchHeader, size: int, refused_bits: int) -> Placement | None:
    if (
        header.batch_length + LENGTH_PREFIX_SIZE == size
        and header.record_count == header.last_offset_delta + 1
        and not header.attributes & refused_bits
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
            error=ErrorCode.INVALID_TXN_STATE, reason="a transactional batch without transaction"
        )
    if header.codec > CODEC_NUMBER_MAX:
        return Placement(
            error=ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, reason=f"codec {header.codec}"
        )
    return Placement(error=ErrorCode.INVALID_RECORD, reason="producer id without sequence")

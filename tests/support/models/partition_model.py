"""A partition as a list of batches: what every reader must see of it, and what it may forget.

Segments are here because retention drops whole ones, and because reads end with them.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from streamcore.record.compression import Codec
from streamcore.record.records import Record
from tests.support.models.producer_model import ProducerModel, Written
from tests.support.models.sendings import Identity

NO_TIMESTAMP = -1


@dataclass(slots=True, eq=False)
class Transaction:
    """Open, until somebody ends it."""

    is_open: bool = True
    is_aborted: bool = False

    def end(self, *, commit: bool) -> None:
        self.is_open, self.is_aborted = False, not commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch in its place. Its records have their offsets and the timestamps that count."""

    base: int
    records: tuple[Record, ...]
    codec: Codec
    size: int
    identity: Identity | None = None
    is_stamped: bool = False  # by the broker
    transaction: Transaction | None = None
    is_marker: bool = False
    leader_epoch: int = 0
    appended_ms: int = 0

    @property
    def next_offset(self) -> int:
        return self.base + len(self.records)

    @property
    def newest(self) -> int:
        return max(record.timestamp for record in self.records)


@dataclass(slots=True, kw_only=True)
class Segment:
    """Batches of one file, by what retention asks of them."""

    base: int
    created_ms: int
    written_ms: int
    size: int = 0
    newest: int = NO_TIMESTAMP

    @property
    def age_from_ms(self) -> int:
        """A record that is dated in the future, or not at all, ages from when it was written."""
        return self.written_ms if self.newest < 0 else min(self.newest, self.written_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """The settings of a topic that say how its partitions are cut and what of them stays."""

    segment_bytes: int = 1 << 28
    segment_ms: int = 7 * 86_400_000
    retention_ms: int = -1
    retention_bytes: int = -1


@dataclass(slots=True)
class PartitionModel:
    """`batches` are all that were ever written and survived, deleted ones too."""

    now_ms: int
    producers_max: int = 1000
    leader_epoch: int = 0
    batches: list[Batch] = field(default_factory=list)
    start: int = 0
    promised_end: int = 0  # records before it survive whatever comes
    promised_start: int = 0  # records before it never come back
    open_known_from: int = 0  # a crash may have made older open transactions be forgotten
    segments: list[Segment] = field(init=False)
    producers: ProducerModel = field(init=False)
    staged: list[Batch] = field(default_factory=list)
    _producers_before: ProducerModel = field(init=False)

    def __post_init__(self) -> None:
        self.segments = [Segment(base=0, created_ms=self.now_ms, written_ms=self.now_ms)]
        self.producers = self._producers_before = ProducerModel(self.producers_max)

    @property
    def end(self) -> int:
        return self.batches[-1].next_offset if self.batches else 0

    @property
    def stable_end(self) -> int:
        """Up to where readers of committed records see."""
        open_ones = (
            batch.base
            for batch in self.batches
            if batch.transaction is not None
            and batch.transaction.is_open
            and batch.next_offset > self.open_known_from
        )
        return max(self.start, next(open_ones, self.end))

    @property
    def staged_end(self) -> int:
        return self.staged[-1].next_offset if self.staged else self.end

    # Writing

    def stage(self, batch: Batch) -> None:
        """Give a batch its place behind all others of this tick."""
        if not self.staged:
            self._producers_before = deepcopy(self.producers)
        self.staged.append(replace(batch, leader_epoch=self.leader_epoch))
        if batch.identity is not None:
            self.producers.note(Written(batch.identity, len(batch.records), batch.base))

    @property
    def staged_bytes(self) -> int:
        return sum(batch.size for batch in self.staged)

    def commit(self, keeping: Keeping, now_ms: int, *, is_written: bool) -> None:
        """The tick is over: what was staged is in the log, or none of it."""
        staged, self.staged = self.staged, []
        if not staged:
            return
        size = sum(batch.size for batch in staged)
        active = self.segments[-1]
        if active.size and (
            active.size + size > keeping.segment_bytes
            or now_ms - active.created_ms >= keeping.segment_ms
        ):
            active = self._roll(now_ms)
        if not active.size:
            active.created_ms = now_ms
        if not is_written:
            self.producers = self._producers_before
            return
        self.batches += [replace(batch, appended_ms=now_ms) for batch in staged]
        active.size += size
        active.written_ms = now_ms
        active.newest = max(active.newest, *(batch.newest for batch in staged))

    def _roll(self, now_ms: int) -> Segment:
        self.segments.append(Segment(base=self.end, created_ms=now_ms, written_ms=now_ms))
        return self.segments[-1]

    def _replayed(self) -> ProducerModel:
        written = (
            Written(batch.identity, len(batch.records), batch.base)
            for batch in self.batches
            if batch.identity is not None
        )
        return ProducerModel(self.producers_max, written)

    # Deleting

    def delete_before(self, offset: int) -> None:
        self.start = max(self.start, offset)
        while len(self.segments) > 1 and self.segments[1].base <= self.start:
            del self.segments[0]

    def drop_expired(self, keeping: Keeping, now_ms: int) -> None:
        """Old segments go, the active one too; surplus ones as long as the rest is enough."""
        while self.segments[0].size and self._is_expired(self.segments[0], keeping, now_ms):
            if len(self.segments) == 1:
                self._roll(now_ms)
            self.delete_before(self.segments[1].base)
        while len(self.segments) > 1 and keeping.retention_bytes >= 0:
            rest = sum(segment.size for segment in self.segments[1:])
            if rest < keeping.retention_bytes:
                break
            self.delete_before(self.segments[1].base)

    def _is_expired(self, segment: Segment, keeping: Keeping, now_ms: int) -> bool:
        return 0 <= keeping.retention_ms <= now_ms - segment.age_from_ms

    # What readers see

    def records(self) -> Iterator[Record]:
        for batch in self.batches_from(self.start):
            yield from (record for record in batch.records if record.offset >= self.start)

    def batches_from(self, offset: int) -> Sequence[Batch]:
        """The batch that holds `offset`, and all behind it."""
        low, high = 0, len(self.batches)
        while low < high:
            middle = (low + high) // 2
            if self.batches[middle].next_offset > offset:
                high = middle
            else:
                low = middle + 1
        return self.batches[low:]

    def first_at(self, timestamp: int) -> tuple[int, int] | None:
        """Offset and timestamp of the first record that is as new."""
        for record in self.records():
            if record.timestamp >= timestamp:
                return record.offset, record.timestamp
        return None

    def newest(self) -> tuple[int, int] | None:
        """The record with the largest timestamp, the first of several; undated ones are none."""
        dated = [record for record in self.records() if record.timestamp >= 0]
        if not dated:
            return None
        found = max(dated, key=lambda record: (record.timestamp, -record.offset))
        return found.offset, found.timestamp

    def epoch_end(self, asked: int) -> tuple[int, int]:
        """The newest leader epoch up to `asked` that has records here, and where it ends."""
        starts: dict[int, int] = {}
        for batch in self.batches_from(self.start):
            starts.setdefault(batch.leader_epoch, max(batch.base, self.start))
        starts.setdefault(self.leader_epoch, self.end)
        if asked > self.leader_epoch or asked < min(starts):
            return -1, -1
        found = max(epoch for epoch in starts if epoch <= asked)
        later = [start for epoch, start in starts.items() if epoch > found]
        return found, min(later, default=self.end)

    # Restarts

    def reopen(self, now_ms: int, *, leader_epoch: int, bases: Sequence[int]) -> None:
        """A broker has opened the log again, in these segments: undated ones age from now on."""
        self.staged.clear()
        self.leader_epoch = leader_epoch
        self.segments = [
            Segment(base=base, created_ms=now_ms, written_ms=now_ms) for base in sorted(bases)
        ]
        for batch in self.batches_from(self.segments[0].base):
            segment = next(each for each in reversed(self.segments) if each.base <= batch.base)
            segment.size += batch.size
            segment.newest = max(segment.newest, batch.newest)

    def cut(self, end: int, start: int) -> None:
        """A crash has left records up to `end`, and undone deletions from `start` on."""
        assert self.promised_end <= end <= self.end, (
            f"records up to {self.promised_end} of {self.end} were safe, {end} are left"
        )
        assert end == 0 or end in {batch.next_offset for batch in self.batches}, "half a batch"
        assert start <= self.start, "more is deleted than anybody asked for"
        assert min(self.promised_start, end) <= start, "deleted records came back"
        if end < self.end:
            self.batches = [batch for batch in self.batches if batch.next_offset <= end]
            self.producers = self._replayed()
        self.start = start
        self.promised_start = min(self.promised_start, start)

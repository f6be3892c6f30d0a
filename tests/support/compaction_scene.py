"""Logs made by hand, cleaned by our cleaner and by a slow one that cannot be wrong.

The slow cleaner works on decoded batches and record by record, as the words of Kafka's
documentation have it; what the fast one leaves must decode to the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from struct import pack

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.record.batch import (
    CONTROL_BIT,
    DELETE_HORIZON_BIT,
    TRANSACTIONAL_BIT,
    BatchHeader,
    checked_header,
    read_header,
    sealed,
)
from streamcore.record.compression import Codec
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.job import (
    CleanedGroup,
    CleaningJob,
    LastOfProducer,
    RoundSummary,
    SourceSegment,
)
from streamcore.storage.compaction.round import CleaningRound
from streamcore.storage.paths import CLEANED_SUFFIX, LOG_SUFFIX, index_path, segment_path

FOLDER = "t/0"
ABORT, COMMIT = 0, 1
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


def data_batch(
    base: int,
    records: Sequence[Record],
    *,
    codec: Codec = Codec.NONE,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    attributes: int = 0,
) -> bytes:
    """A batch of these records at `base`, with more bits in its attributes."""
    batch = encode_batch(
        records,
        codec=codec,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
    )
    return _placed(batch, base, attributes)


def marker_batch(base: int, kind: int, *, producer_id: int, producer_epoch: int = 0) -> bytes:
    """The control batch that ends a transaction."""
    record = Record(timestamp=NOW_MS, key=pack(">hh", 0, kind), value=pack(">hi", 0, 0))
    batch = encode_batch([record], producer_id=producer_id, producer_epoch=producer_epoch)
    return _placed(batch, base, CONTROL_BIT | TRANSACTIONAL_BIT)


def _placed(batch: bytes, base: int, attributes: int) -> bytes:
    header = read_header(batch)
    return sealed(
        header._replace(base_offset=base, attributes=header.attributes | attributes), batch[61:]
    )


def batches_in(data: bytes) -> Iterator[bytes]:
    """The whole batches in `data`, each checked."""
    view = memoryview(data)
    position = 0
    while position < len(data):
        header = checked_header(view, position)
        yield data[position : position + header.size]
        position += header.size


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatch:
    """A batch as a reader sees it."""

    header: BatchHeader
    horizon_ms: int | None
    records: tuple[Record, ...]

    @property
    def is_control(self) -> bool:
        return bool(self.header.attributes & CONTROL_BIT)

    def seen(self) -> tuple[object, ...]:
        """All of it that has a meaning; lengths, checksums and base timestamps have none."""
        header = self.header
        bits = header.attributes & (CONTROL_BIT | TRANSACTIONAL_BIT)
        if self.records:
            bits |= header.attributes & 0x0F  # the codec too; an empty batch needs none
        return (
            header.base_offset,
            header.next_offset,
            bits,
            (header.producer_id, header.producer_epoch, header.base_sequence),
            header.leader_epoch,
            header.max_timestamp,
            self.horizon_ms,
            self.records,
        )


def opened(batch: bytes) -> OpenBatch:
    header = read_header(batch)
    has_horizon = header.attributes & DELETE_HORIZON_BIT
    records = tuple(read_records(batch))
    assert len(records) == header.record_count
    return OpenBatch(
        header=header,
        horizon_ms=header.base_timestamp if has_horizon else None,
        records=records,
    )


def all_opened(data: bytes) -> list[OpenBatch]:
    return [opened(batch) for batch in batches_in(data)]


@dataclass(slots=True, kw_only=True)
class SlowCleaner:
    """Kafka's rules, one record at a time."""

    first_dirty: int
    clean_to: int
    aborted: Sequence[AbortedTransaction]
    producers: Mapping[int, LastOfProducer]
    now_ms: int
    delete_retention_ms: int
    newest: dict[bytes, int] = field(default_factory=dict)

    def cleaned(self, batches: Sequence[OpenBatch], ends: set[int]) -> list[OpenBatch]:
        """What stays; a batch that ends at one of `ends` does in any case."""
        for batch in batches:
            if not batch.is_control and not self._is_aborted(batch):
                for record in batch.records:
                    if record.key is not None and self.first_dirty <= record.offset < self.clean_to:
                        self.newest[record.key] = record.offset
        left = []
        for batch in batches:
            stays = self._marker(batch, batches) if batch.is_control else self._data(batch)
            if stays.records or batch.header.next_offset in ends or self._is_last(batch):
                left.append(stays)
        return left

    def _is_aborted(self, batch: OpenBatch) -> bool:
        header = batch.header
        return bool(header.attributes & TRANSACTIONAL_BIT) and any(
            each.producer_id == header.producer_id
            and each.first_offset <= header.base_offset < each.last_offset
            for each in self.aborted
        )

    def _is_last(self, batch: OpenBatch) -> bool:
        last = self.producers.get(batch.header.producer_id)
        return last is not None and (
            batch.header.next_offset - 1 == last.last_offset
            if last.last_offset is not None
            else batch.is_control and batch.header.producer_epoch == last.epoch
        )

    def _has_passed(self, batch: OpenBatch) -> bool:
        return batch.horizon_ms is not None and batch.horizon_ms <= self.now_ms

    def _data(self, batch: OpenBatch) -> OpenBatch:
        if self._is_aborted(batch):
            return self._with(batch, [], may_set_horizon=False)
        left = [record for record in batch.records if self._stays(batch, record)]
        has_tombstone = any(record.value is None for record in left)
        return self._with(batch, left, may_set_horizon=has_tombstone)

    def _stays(self, batch: OpenBatch, record: Record) -> bool:
        if record.offset >= self.clean_to:
            return True
        if record.key is None or record.offset < self.newest.get(record.key, -1):
            return False
        return record.value is not None or not self._has_passed(batch)

    def _marker(self, batch: OpenBatch, batches: Sequence[OpenBatch]) -> OpenBatch:
        if self._transaction_has_data(batch, batches):
            return batch
        left = [] if self._has_passed(batch) else list(batch.records)
        return self._with(batch, left, may_set_horizon=True)

    def _transaction_has_data(self, marker: OpenBatch, batches: Sequence[OpenBatch]) -> bool:
        """Whether a batch of its producer stands between it and the marker before it."""
        for batch in reversed(batches[: batches.index(marker)]):
            if batch.header.producer_id == marker.header.producer_id:
                return not batch.is_control and bool(batch.header.attributes & TRANSACTIONAL_BIT)
        return False

    def _with(
        self, batch: OpenBatch, records: Sequence[Record], *, may_set_horizon: bool
    ) -> OpenBatch:
        if not records:
            return replace(batch, records=(), horizon_ms=None)
        horizon_ms = batch.horizon_ms
        if may_set_horizon and horizon_ms is None:
            horizon_ms = self.now_ms + self.delete_retention_ms
        newest = max(record.timestamp for record in records)
        header = batch.header._replace(max_timestamp=newest)
        return replace(batch, header=header, records=tuple(records), horizon_ms=horizon_ms)


@dataclass(slots=True, kw_only=True)
class CleanedRound:
    """What a round left behind."""

    groups: list[CleanedGroup]
    summary: RoundSummary


class LogOnDisk:
    """Closed segments of one partition, cleaned in place."""

    def __init__(self, segments: Sequence[Sequence[bytes]]) -> None:
        self.disk = SimulatedDirectory()
        self.folder = FOLDER
        for batches in segments:
            base = read_header(batches[0]).base_offset
            self.disk.open_append(segment_path(FOLDER, base)).append(batches)

    def bases(self) -> list[int]:
        return [
            int(name.removesuffix(LOG_SUFFIX))
            for name in self.disk.names(FOLDER)
            if name.endswith(LOG_SUFFIX)
        ]

    def data(self) -> bytes:
        return b"".join(self.disk.read(segment_path(FOLDER, base)) for base in self.bases())

    def opened(self) -> list[OpenBatch]:
        return all_opened(self.data())

    def sources(self) -> tuple[SourceSegment, ...]:
        found = []
        for base in self.bases():
            data = self.disk.read(segment_path(FOLDER, base))
            end = opened(list(batches_in(data))[-1]).header.next_offset
            found.append(SourceSegment(Offset(base), Offset(end), len(data)))
        return tuple(found)

    def job(self, **changes: object) -> CleaningJob:
        job = CleaningJob(
            folder=FOLDER,
            segments=() if "segments" in changes else self.sources(),
            first_dirty=Offset(0),
            segment_bytes=1 << 20,
            now_ms=NOW_MS,
            delete_retention_ms=DAY_MS,
            key_map_bytes=1 << 20,
            bytes_per_second=0,
        )
        return replace(job, **changes)  # type: ignore[arg-type]  # passed through

    def clean(self, **changes: object) -> CleanedRound:
        """Do a round and let each new file take its place at once."""
        work = CleaningRound(
            self.disk, self.job(**changes), secret=12345 << 70, on_bytes=lambda _: None
        )
        groups = []
        for group in work.groups():
            groups.append(group)
            if group.path is not None:
                self._take(group)
        return CleanedRound(groups=groups, summary=work.summary())

    def _take(self, group: CleanedGroup) -> None:
        assert group.path is not None
        for base in self.bases():
            if group.base_offset <= base < group.next_offset:
                self.disk.remove(segment_path(FOLDER, base))
        path = segment_path(FOLDER, group.base_offset)
        self.disk.rename(group.path, path)
        self.disk.rename(index_path(path) + CLEANED_SUFFIX, index_path(path))


def readable(batches: Sequence[OpenBatch]) -> dict[bytes, bytes]:
    """What a table of the log holds: the last value of each key, of committed data alone."""
    table: dict[bytes, bytes] = {}
    for batch in batches:
        if batch.is_control:
            continue
        for record in batch.records:
            if record.key is None:
                continue
            if record.value is None:
                table.pop(record.key, None)
            else:
                table[record.key] = record.value
    return table

"""A walk over a segment's bytes: its batches, and every place where they are not what they must be.

Pure. Behind bytes that are no batch the walk looks for the next one that is, so that one bad
place does not hide the others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from streamcore.record.batch import (
    CONTROL_BIT,
    HEADER_SIZE,
    MAGIC,
    BatchCorrupt,
    BatchFault,
    BatchHeader,
    BatchTorn,
    checked_header,
)
from streamcore.record.records import Record, read_records
from streamcore.storage.index import NO_TIMESTAMP, IndexEntry

# Where, in a batch, leader epoch and magic lie: what the next batch surely has too.
_EPOCH_AT: Final = 12
_EPOCH_AND_MAGIC: Final = Struct(">ib")
# The key of a control record: version and type (KIP-98).
_CONTROL_KEY: Final = Struct(">hh")
_CONTROL_TYPES: Final = {0: "abort", 1: "commit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A place that is wrong. `size` bytes of it are passed over."""

    position: int
    kind: str  # torn, corrupt, order, records, index
    reason: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkedBatch:
    """A whole batch, its checksum true; its records, where they were asked for."""

    position: int
    header: BatchHeader
    records: tuple[Record, ...] = ()


@dataclass(slots=True, kw_only=True)
class SegmentWalk:
    """Walks over `data`. What was counted is here when the walk is over.

    `index` are the entries of the segment's index by position; None where it has none.
    """

    data: memoryview
    base_offset: int | None = None  # what the file's name says
    index: Mapping[int, IndexEntry] | None = None
    with_records: bool = False
    batches: int = field(default=0, init=False)
    record_count: int = field(default=0, init=False)
    faults: int = field(default=0, init=False)
    _newest: int = field(default=NO_TIMESTAMP, init=False)
    _next_offset: int = field(default=0, init=False)
    _leader_epoch: int = field(default=0, init=False)
    _indexed: set[int] = field(default_factory=set, init=False)

    def steps(self) -> Iterator[WalkedBatch | Fault]:
        """Yield batches and faults in the order of their positions; the index's lost ones last."""
        self._next_offset = self.base_offset or 0
        for step in self._places():
            self.faults += isinstance(step, Fault)
            yield step

    def _places(self) -> Iterator[WalkedBatch | Fault]:
        position = 0
        while position < len(self.data):
            try:
                header = checked_header(self.data, position)
            except BatchFault as fault:
                end = self._next_batch(position)
                kind = "torn" if isinstance(fault, BatchTorn) else "corrupt"
                size = end - position
                yield Fault(position=position, kind=kind, reason=str(fault), size=size)
                position = end
                continue
            yield from self._faults_of(position, header)
            yield from self._unpacked(position, header)
            self._count(header)
            position += header.size
        for at in sorted((self.index or {}).keys() - self._indexed):
            if at < len(self.data):
                yield Fault(position=at, kind="index", reason="no batch begins where it says")

    def _faults_of(self, position: int, header: BatchHeader) -> Iterator[Fault]:
        if header.base_offset < self._next_offset:
            reason = f"offset {header.base_offset} behind {self._next_offset - 1}"
            yield Fault(position=position, kind="order", reason=reason)
        entry = (self.index or {}).get(position)
        if entry is None:
            return
        self._indexed.add(position)
        if entry.offset != header.base_offset:
            reason = f"it says offset {entry.offset}, here is {header.base_offset}"
            yield Fault(position=position, kind="index", reason=reason)
        elif entry.newest_before < self._newest:
            reason = f"it says time {entry.newest_before}, before it is {self._newest}"
            yield Fault(position=position, kind="index", reason=reason)

    def _unpacked(self, position: int, header: BatchHeader) -> Iterator[WalkedBatch | Fault]:
        records: tuple[Record, ...] = ()
        if self.with_records or header.attributes & CONTROL_BIT:
            try:
                records = tuple(read_records(self.data[position : position + header.size]))
            except BatchCorrupt as fault:
                yield Fault(position=position, kind="records", reason=str(fault))
        yield WalkedBatch(position=position, header=header, records=records)

    def _count(self, header: BatchHeader) -> None:
        self.batches += 1
        self.record_count += header.record_count
        self._next_offset = max(self._next_offset, header.next_offset)
        self._leader_epoch = header.leader_epoch
        if header.record_count:
            self._newest = max(self._newest, header.max_timestamp)

    def _next_batch(self, position: int) -> int:
        """Where, behind a bad place, a batch begins whose checksum is true; else the end."""
        data = self.data
        marks = {_EPOCH_AND_MAGIC.pack(self._leader_epoch, MAGIC)}
        if position + HEADER_SIZE <= len(data):
            marks.add(bytes(data[position + _EPOCH_AT : position + _EPOCH_AT + 4]) + bytes([MAGIC]))
        rest = bytes(data[position + 1 :])
        starts = sorted({at - _EPOCH_AT for mark in marks for at in _all_places(rest, mark)})
        for start in starts:
            if start >= 0 and _is_batch(data, position + 1 + start):
                return position + 1 + start
        return len(data)


def _all_places(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1)


def _is_batch(data: memoryview, position: int) -> bool:
    try:
        return checked_header(data, position).size > HEADER_SIZE
    except BatchFault:
        return False


def control_type(batch: WalkedBatch) -> str | None:
    """What a control batch says: commit or abort; None of a batch of records."""
    if not batch.header.attributes & CONTROL_BIT:
        return None
    key = batch.records[0].key if batch.records else None
    if key is None or len(key) < _CONTROL_KEY.size:
        return "unreadable"
    _, kind = _CONTROL_KEY.unpack_from(key)
    return _CONTROL_TYPES.get(kind, f"type {kind}")

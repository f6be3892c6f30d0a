"""Neighbouring batches as a cleaning looks at them: their headers, markers and records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from groundwork.seams import AppendFile
from streamcore.record.batch import (
    CODEC_MASK,
    CONTROL_BIT,
    HEADER_SIZE,
    IN_TRANSACTIONS,
    TRANSACTIONAL_BIT,
    BatchCorrupt,
)
from streamcore.record.compression import Codec, UndecodableRecords, decompressed
from streamcore.record.records import read_records
from streamcore.storage.compaction.batch_table import BatchTable, read_batches
from streamcore.storage.compaction.record_columns import (
    ZEROS_BEHIND,
    Int64s,
    RecordColumns,
    RecordsCorrupt,
    read_columns,
)
from streamcore.storage.failures import SegmentCorrupt
from streamcore.storage.scanning import scan_at

READ_BYTES: Final = 2 << 20
CONTROL_KEY_BYTES: Final = 4  # version i16, type i16


class Marker(IntEnum):
    """The control records that end a transaction."""

    ABORT = 0
    COMMIT = 1


@dataclass(slots=True, kw_only=True)
class Chunk:
    """Whole batches, one behind another."""

    batches: BatchTable
    first_rows: Int64s  # of each batch; one more: the number of rows
    transactional: Sequence[int]  # the data batches that are part of a transaction
    markers: Mapping[int, int | None]  # the kind of each control batch; None: it was emptied
    records: RecordColumns

    def __len__(self) -> int:
        return len(self.batches)

    def rows(self, number: int) -> slice:
        """The rows of a batch's records."""
        return slice(self.first_rows[number], self.first_rows[number + 1])


def chunks_of(file: AppendFile, *, path: str, size: int) -> Iterator[Chunk]:
    """Yield all of a segment that is `size` bytes long. Raises `SegmentCorrupt` and `OSError`."""
    position = 0
    next_offset = 0
    while position < size:
        data = scan_at(file, position, end=size, scan_bytes=READ_BYTES)
        chunk = read_chunk(data, path=path, position=position, next_offset=next_offset)
        yield chunk
        position += len(chunk.batches.data)
        next_offset = int(chunk.batches.next_offsets[-1])


def read_chunk(data: bytes, *, path: str, position: int, next_offset: int) -> Chunk:
    """Read the whole batches that `data` begins with: at least one, else it is corrupt.

    `path`, `position` and `next_offset` say where it lies and what may follow there.
    """
    batches = read_batches(data, path=path, position=position, next_offset=next_offset)
    return _Reading(batches, path, position).chunk()


class _Reading:
    """Makes columns of the records of checked batches."""

    def __init__(self, batches: BatchTable, path: str, position: int) -> None:
        self._batches = batches
        self._path = path
        self._position = position

    def chunk(self) -> Chunk:
        batches = self._batches
        plain, begins, ends = self._opened()
        is_control = (batches.attributes & CONTROL_BIT) != 0
        counts = np.where(is_control, 0, batches.record_counts)
        stray = ~is_control & (counts == 0) & (begins != ends)
        if stray.any():
            raise self._corrupt(int(stray.argmax()), "it has no records and is not empty")
        try:
            records = read_columns(plain, begins, ends, counts, batches.base_offsets)
        except RecordsCorrupt as fault:
            raise self._named(fault, counts) from None
        is_transactional = batches.attributes & IN_TRANSACTIONS == TRANSACTIONAL_BIT
        return Chunk(
            batches=batches,
            first_rows=np.concatenate(([0], np.cumsum(counts))),
            transactional=np.flatnonzero(is_transactional).tolist(),
            markers=self._markers(np.flatnonzero(is_control).tolist()),
            records=records,
        )

    def _named(self, fault: RecordsCorrupt, counts: Int64s) -> SegmentCorrupt:
        """Which batch is to blame."""
        if fault.row is not None:
            number = int(np.searchsorted(np.cumsum(counts), fault.row, side="right"))
            return self._corrupt(number, "the fields of a record do not fit into it")
        for number in range(len(self._batches)):
            try:
                for _ in read_records(bytes(self._batches.batch(number))):
                    pass
            except BatchCorrupt as wrong:
                return self._corrupt(number, str(wrong))
        return self._corrupt(0, "a record in it or behind it has no end")

    def _corrupt(self, number: int, reason: str) -> SegmentCorrupt:
        return SegmentCorrupt(
            self._path, self._position + int(self._batches.positions[number]), reason
        )

    def _opened(self) -> tuple[bytes, Int64s, Int64s]:
        """All records uncompressed, and where those of each batch begin and end.

        What was compressed lies behind all the rest.
        """
        batches = self._batches
        begins, ends = batches.positions[:-1] + HEADER_SIZE, batches.positions[1:].copy()
        data = batches.data
        is_compressed = ((batches.attributes & CODEC_MASK) != 0) & (batches.record_counts > 0)
        pieces: list[bytes | memoryview] = [data]
        size = len(data)
        for number in np.flatnonzero(is_compressed).tolist():
            codec = int(batches.attributes[number]) & CODEC_MASK
            try:
                piece = decompressed(Codec(codec), data[begins[number] : ends[number]])
            except (ValueError, UndecodableRecords) as error:
                raise self._corrupt(number, str(error)) from None
            pieces.append(piece)
            begins[number], ends[number] = size, size + len(piece)
            size += len(piece)
        pieces.append(bytes(ZEROS_BEHIND))
        return b"".join(pieces), begins, ends

    def _markers(self, numbers: Sequence[int]) -> dict[int, int | None]:
        kinds: dict[int, int | None] = {}
        for number in numbers:
            is_emptied = not self._batches.record_counts[number]
            try:
                kinds[number] = None if is_emptied else _kind_of(self._batches.batch(number))
            except BatchCorrupt as fault:
                raise self._corrupt(number, str(fault)) from None
        return kinds


def _kind_of(batch: memoryview) -> int:
    """The type of a control batch's record. Raises `BatchCorrupt`."""
    key = next(read_records(batch)).key
    if key is None or len(key) < CONTROL_KEY_BYTES:
        raise BatchCorrupt("a control record without a type")
    return int.from_bytes(key[2:CONTROL_KEY_BYTES])

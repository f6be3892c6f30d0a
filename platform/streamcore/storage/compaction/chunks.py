"""Neighbouring batches with their records as columns: where each record lies and what it is.

Only the length of each record is read one by one; all other fields of all records are then
read at once. That holds for any mix of record sizes, writers and codecs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from groundwork.seams import AppendFile
from streamcore.record.batch import (
    CODEC_MASK,
    CONTROL_BIT,
    HEADER_SIZE,
    IN_TRANSACTIONS,
    TRANSACTIONAL_BIT,
    BatchCorrupt,
    BatchHeader,
    BatchTorn,
    checked_header,
)
from streamcore.record.compression import Codec, UndecodableRecords, decompressed
from streamcore.record.records import read_records
from streamcore.storage.failures import SegmentCorrupt
from streamcore.storage.scanning import scan_at

READ_BYTES: Final = 2 << 20
VARINT_BYTES_MAX: Final = 10
MORE_FOLLOWS: Final = 0x80  # of a varint
CONTROL_KEY_BYTES: Final = 4  # version i16, type i16

Int64s: TypeAlias = NDArray[np.int64]
Bytes1D: TypeAlias = NDArray[np.uint8]


class Marker(IntEnum):
    """The control records that end a transaction."""

    ABORT = 0
    COMMIT = 1


@dataclass(slots=True, kw_only=True)
class RecordColumns:
    """The records of data batches, a row each. All places are in `plain`."""

    plain: bytes
    batch_numbers: Int64s
    offsets: Int64s
    timestamp_deltas: Int64s
    starts: Int64s
    offset_delta_at: Int64s
    key_at: Int64s
    key_sizes: Int64s  # -1: no key
    has_value: NDArray[np.bool_]
    ends: Int64s

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(slots=True, kw_only=True)
class Chunk:
    """Whole batches, one behind another. `positions` has one more: the end."""

    data: memoryview
    headers: Sequence[BatchHeader]
    positions: Sequence[int]
    first_rows: Sequence[int]  # of each batch; one more: the number of rows
    transactional: Sequence[int]  # the data batches that are part of a transaction
    markers: Mapping[int, int | None]  # the kind of each control batch; None: it was emptied
    records: RecordColumns

    def batch(self, number: int) -> memoryview:
        return self.data[self.positions[number] : self.positions[number + 1]]

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
        position += len(chunk.data)
        next_offset = chunk.headers[-1].next_offset


def read_chunk(data: bytes, *, path: str, position: int, next_offset: int) -> Chunk:
    """Read the whole batches that `data` begins with: at least one, else it is corrupt.

    `path`, `position` and `next_offset` say where it lies and what may follow there.
    """
    view = memoryview(data)
    headers: list[BatchHeader] = []
    positions = [0]
    while positions[-1] < len(data):
        at = positions[-1]
        try:
            header = checked_header(view, at)
        except BatchTorn as fault:
            if headers:
                break
            raise SegmentCorrupt(path, position + at, str(fault)) from None
        except BatchCorrupt as fault:
            raise SegmentCorrupt(path, position + at, str(fault)) from None
        if header.base_offset < next_offset:
            reason = f"base offset {header.base_offset}, expected {next_offset} or more"
            raise SegmentCorrupt(path, position + at, reason)
        next_offset = header.next_offset
        headers.append(header)
        positions.append(at + header.size)
    return _Reading(data, headers, positions, path, position).chunk()


class _Reading:
    """Makes columns of the records of checked batches."""

    def __init__(
        self,
        data: bytes,
        headers: Sequence[BatchHeader],
        positions: Sequence[int],
        path: str,
        position: int,
    ) -> None:
        self._data = data
        self._headers = headers
        self._positions = positions
        self._path = path
        self._position = position

    def chunk(self) -> Chunk:
        plain, begins, ends = self._opened()
        starts: list[int] = []
        first_rows = [0]
        for number, (header, begin) in enumerate(zip(self._headers, begins, strict=True)):
            if header.attributes & CONTROL_BIT:
                pass
            elif header.record_count == 1:
                starts.append(begin)
            elif header.record_count or begin != ends[number]:
                self._append_starts(starts, plain, number, begin)
            first_rows.append(len(starts))
        return Chunk(
            data=memoryview(self._data)[: self._positions[-1]],
            headers=self._headers,
            positions=self._positions,
            first_rows=first_rows,
            transactional=[
                number
                for number, header in enumerate(self._headers)
                if header.attributes & IN_TRANSACTIONS == TRANSACTIONAL_BIT
            ],
            markers=self._markers(),
            records=self._columns(plain, starts, first_rows, ends),
        )

    def _append_starts(self, starts: list[int], plain: bytes, number: int, begin: int) -> None:
        count = self._headers[number].record_count
        if not count:
            raise self._corrupt(number, "it has no records and is not empty")
        try:
            _append_starts(starts, plain, begin, count)
        except IndexError:
            raise self._corrupt(number, f"it has fewer than {count} records") from None

    def _corrupt(self, number: int, reason: str) -> SegmentCorrupt:
        return SegmentCorrupt(self._path, self._position + self._positions[number], reason)

    def _first_corrupt(self) -> SegmentCorrupt:
        """Look for the batch that is to blame, record by record."""
        for number, header in enumerate(self._headers):
            batch = self._data[self._positions[number] : self._positions[number] + header.size]
            try:
                for _ in read_records(batch):
                    pass
            except BatchCorrupt as fault:
                return self._corrupt(number, str(fault))
        return self._corrupt(0, "a record in it or behind it has no end")

    def _opened(self) -> tuple[bytes, list[int], list[int]]:
        """All records uncompressed, and where those of each batch begin and end.

        What was compressed lies behind all the rest.
        """
        begins = [position + HEADER_SIZE for position in self._positions[:-1]]
        ends = list(self._positions[1:])
        pieces = [self._data]
        size = len(self._data)
        for number, header in enumerate(self._headers):
            if header.attributes & CODEC_MASK and header.record_count:
                try:
                    piece = decompressed(
                        Codec(header.codec), memoryview(self._data)[begins[number] : ends[number]]
                    )
                except (ValueError, UndecodableRecords) as error:
                    raise self._corrupt(number, str(error)) from None
                pieces.append(piece)
                begins[number], ends[number] = size, size + len(piece)
                size += len(piece)
        return b"".join(pieces) if len(pieces) > 1 else self._data, begins, ends

    def _markers(self) -> dict[int, int | None]:
        kinds: dict[int, int | None] = {}
        for number, header in enumerate(self._headers):
            if header.attributes & CONTROL_BIT:
                batch = memoryview(self._data)[self._positions[number] :]
                try:
                    kinds[number] = _kind_of(batch) if header.record_count else None
                except BatchCorrupt as fault:
                    raise self._corrupt(number, str(fault)) from None
        return kinds

    def _columns(
        self, plain: bytes, starts: list[int], first_rows: Sequence[int], batch_ends: Sequence[int]
    ) -> RecordColumns:
        data = np.frombuffer(plain, np.uint8)
        start_at = np.array(starts, np.int64)
        numbers = np.repeat(np.arange(len(self._headers)), np.diff(first_rows))
        ends = np.empty_like(start_at)
        ends[:-1] = start_at[1:]
        filled = np.diff(first_rows) > 0
        ends[np.array(first_rows[1:])[filled] - 1] = np.array(batch_ends)[filled]
        try:
            sizes, body_at = _varints_at(data, start_at)
            timestamp_deltas, offset_delta_at = _varints_at(data, body_at + 1)
            offset_deltas, key_length_at = _varints_at(data, offset_delta_at)
            key_sizes, key_at = _varints_at(data, key_length_at)
            key_ends = key_at + np.clip(key_sizes, 0, ends - key_at)
            value_sizes, value_at = _varints_at(data, key_ends)
        except IndexError:
            raise self._first_corrupt() from None
        bad = sizes != ends - body_at
        bad |= (key_sizes > ends - key_at) | (np.maximum(value_sizes, 0) >= ends - value_at)
        bad |= (offset_deltas < 0) | (key_sizes < -1)
        if bad.any():
            number = int(numbers[bad.argmax()])
            raise self._corrupt(number, "the fields of a record do not fit into it")
        bases = np.array([header.base_offset for header in self._headers], np.int64)
        return RecordColumns(
            plain=plain,
            batch_numbers=numbers,
            offsets=bases[numbers] + offset_deltas,
            timestamp_deltas=timestamp_deltas,
            starts=start_at,
            offset_delta_at=offset_delta_at,
            key_at=key_at,
            key_sizes=key_sizes,
            has_value=value_sizes >= 0,
            ends=ends,
        )


def _kind_of(batch: memoryview) -> int:
    """The type of a control batch's record. Raises `BatchCorrupt`."""
    key = next(read_records(batch)).key
    if key is None or len(key) < CONTROL_KEY_BYTES:
        raise BatchCorrupt("a control record without a type")
    return int.from_bytes(key[2:CONTROL_KEY_BYTES])


def _append_starts(starts: list[int], plain: bytes, position: int, count: int) -> None:
    """Add where each of `count` records begins. Raises `IndexError` behind the end of `plain`.

    A size that is negative or leads out of the batch is found by who looks at all sizes.
    """
    append = starts.append
    for _ in range(count):
        append(position)
        low = plain[position]
        if low < MORE_FOLLOWS:
            position += 1 + (low >> 1)  # zigzag
            continue
        high = plain[position + 1]
        if high < MORE_FOLLOWS:
            position += 2 + (((high << 7) | (low & 0x7F)) >> 1)
            continue
        position = _behind_large(plain, position)


def _behind_large(plain: bytes, position: int) -> int:
    """Return where a record ends whose size takes any number of bytes."""
    size = shift = 0
    while True:
        part = plain[position]
        position += 1
        size |= (part & 0x7F) << shift
        if part < MORE_FOLLOWS:
            return position + (size >> 1)
        shift += 7


def _varints_at(data: Bytes1D, at: Int64s) -> tuple[Int64s, Int64s]:
    """Return the zigzag varints that begin at these places, and the places behind them.

    Raises `IndexError` where one has no end.
    """
    parts = data[at]
    zigzag = (parts & 0x7F).astype(np.uint64)
    behind = at + 1
    rows = np.flatnonzero(parts & 0x80)
    for shift in range(7, 7 * VARINT_BYTES_MAX, 7):
        if not len(rows):
            break
        parts = data[behind[rows]]
        zigzag[rows] |= (parts & 0x7F).astype(np.uint64) << np.uint64(shift)
        behind[rows] += 1
        rows = rows[parts >= 0x80]
    if len(rows):
        raise IndexError
    half = (zigzag >> np.uint64(1)).view(np.int64)
    return half ^ -(zigzag & np.uint64(1)).view(np.int64), behind

"""Runs of constant stride: how records of other writers become columns.

A writer with minimal varints changes the length of a record only when a delta grows a byte.
So the first record's varints say where everything lies, and the records behind it belong to
the run as long as their framing bytes and the varints' continuation bits are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamcore.record.batch import BatchCorrupt
from streamcore.record.columns import Bytes2D
from streamcore.record.fetched import FetchedBatch, record_at
from streamcore.record.records import Record, decode_varint

# A run is looked for in steps that grow, so that short runs don't cost a scan of all the rest.
_STEP_ROWS: Final = 128
_STEP_GROWTH: Final = 16


@dataclass(slots=True, kw_only=True)
class Run:
    """Some consecutive records with the widths asked for."""

    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]
    keys: Bytes2D
    values: Bytes2D


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Where the fields of one record lie, from its own start. Sizes of null are -1."""

    timestamp_at: int
    offset_at: int
    key_length_at: int
    key_at: int
    key_size: int
    value_length_at: int
    value_at: int
    value_size: int
    header_count: int
    stride: int

    def mask(self) -> NDArray[np.uint8]:
        """Return what must be equal in all records of a run: all bits, continuation bits, none."""
        mask = np.full(self.stride, 0xFF, np.uint8)
        mask[self.timestamp_at : self.key_length_at] = 0x80
        mask[self.key_at : self.value_length_at] = 0
        mask[self.value_at : self.value_at + self.value_size] = 0
        return mask


def read_runs(
    batch: FetchedBatch, *, key_width: int, value_width: int
) -> tuple[Sequence[Run], list[Record]]:
    """Return the runs of records with these widths and no headers, and all other records.

    Raises `BatchCorrupt` where the records do not follow the format.
    """
    runs: list[Run] = []
    odd: list[Record] = []
    position, left = 0, batch.record_count
    while left:
        try:
            frame = _frame_at(batch.records, position)
        except IndexError:
            raise BatchCorrupt(f"batch at offset {batch.base_offset}: a record is cut") from None
        if (frame.key_size, frame.value_size, frame.header_count) == (key_width, value_width, 0):
            run = _run_at(batch, position, frame, left)
            runs.append(run)
            position += len(run.offsets) * frame.stride
            left -= len(run.offsets)
        else:
            record, position = record_at(batch, position)
            odd.append(record)
            left -= 1
    return runs, odd


def _frame_at(data: memoryview, start: int) -> _Frame:
    size, body_at = decode_varint(data, start)
    end = body_at + size
    if size < 0 or end > len(data):
        raise IndexError
    _, offset_at = decode_varint(data, body_at + 1)
    _, key_length_at = decode_varint(data, offset_at)
    key_size, key_at = decode_varint(data, key_length_at)
    value_length_at = key_at + max(0, key_size)
    value_size, value_at = decode_varint(data, value_length_at)
    header_count, behind = decode_varint(data, value_at + max(0, value_size))
    if behind > end or (header_count == 0 and behind != end):
        raise IndexError
    return _Frame(
        timestamp_at=body_at + 1 - start,
        offset_at=offset_at - start,
        key_length_at=key_length_at - start,
        key_at=key_at - start,
        key_size=key_size,
        value_length_at=value_length_at - start,
        value_at=value_at - start,
        value_size=value_size,
        header_count=header_count,
        stride=end - start,
    )


def _run_at(batch: FetchedBatch, position: int, frame: _Frame, left: int) -> Run:
    rows_max = min(left, (len(batch.records) - position) // frame.stride)
    rows = np.frombuffer(
        batch.records, np.uint8, count=rows_max * frame.stride, offset=position
    ).reshape(rows_max, frame.stride)
    rows = rows[: _run_length(rows, frame.mask())]
    offset_deltas = _varint_column(rows[:, frame.offset_at : frame.key_length_at])
    if batch.append_time_ms is None:
        deltas = _varint_column(rows[:, frame.timestamp_at : frame.offset_at])
        timestamps_ms = batch.base_timestamp_ms + deltas
    else:
        timestamps_ms = np.full(len(rows), batch.append_time_ms, np.int64)
    return Run(
        offsets=batch.base_offset + offset_deltas,
        timestamps_ms=timestamps_ms,
        keys=np.ascontiguousarray(rows[:, frame.key_at : frame.value_length_at]),
        values=np.ascontiguousarray(rows[:, frame.value_at : frame.value_at + frame.value_size]),
    )


def _run_length(rows: Bytes2D, mask: NDArray[np.uint8]) -> int:
    columns = np.flatnonzero(mask)
    bits, expected = mask[columns], rows[0, columns]
    start, step = 0, _STEP_ROWS
    while start < len(rows):
        framing = rows[start : start + step, columns]
        differs = ((framing ^ expected) & bits).any(axis=1)
        if differs.any():
            return start + int(differs.argmax())
        start += step
        step *= _STEP_GROWTH
    return len(rows)


def _varint_column(parts: Bytes2D) -> NDArray[np.int64]:
    """Decode one zigzag varint a row; all rows have the same number of bytes."""
    zigzag = np.zeros(len(parts), np.uint64)
    for index in range(parts.shape[1]):
        bits = (parts[:, index] & 0x7F).astype(np.uint64)
        zigzag |= bits << np.uint64(7 * index)
    half = (zigzag >> np.uint64(1)).astype(np.int64)
    sign = (zigzag & np.uint64(1)).astype(np.int64)
    return half ^ -sign

"""Record batches read as columns: keys of one width, values of one width, n at a time.

Batches that `columns` wrote are joined over all partitions of an answer into one matrix,
checked with three masked comparisons, and cut apart again. Other writers' batches are read
by runs of constant stride (`column_runs`). Records of other widths, or with headers, are odd:
they come out one by one, and nothing is dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamcore.record.column_runs import read_runs
from streamcore.record.columns import Bytes2D, RowLayout, row_layout
from streamcore.record.fetched import FetchedBatch
from streamcore.record.records import Record


@dataclass(slots=True, kw_only=True)
class FixedRows:
    """Records of one partition in the order of their offsets; all arrays have n rows."""

    offsets: NDArray[np.int64]
    timestamps_ms: NDArray[np.int64]
    keys: Bytes2D
    values: Bytes2D
    odd: list[Record] = field(default_factory=list)

    def from_offset(self, offset: int) -> "FixedRows":
        """Return what is not before `offset`: a fetch gives the whole batch that holds it."""
        low = int(np.searchsorted(self.offsets, offset))
        return FixedRows(
            offsets=self.offsets[low:],
            timestamps_ms=self.timestamps_ms[low:],
            keys=self.keys[low:],
            values=self.values[low:],
            odd=[record for record in self.odd if record.offset >= offset],
        )


def read_columns(
    partitions: Sequence[Sequence[FetchedBatch]], *, key_width: int, value_width: int
) -> list[FixedRows]:
    """Return the rows of each partition's batches. Raises `BatchCorrupt`."""
    layout = row_layout(key_width, value_width)
    uniform = [all(_looks_uniform(batch, layout) for batch in group) for group in partitions]
    joined = [
        batch for group, fits in zip(partitions, uniform, strict=True) if fits for batch in group
    ]
    rows = _read_uniform(joined, layout) if joined else None
    if rows is None:  # none, or one that only looked so: let each be read the long way
        return [_read_any(group, layout) for group in partitions]
    results: list[FixedRows] = []
    start = 0
    for group, fits in zip(partitions, uniform, strict=True):
        if not fits:
            results.append(_read_any(group, layout))
            continue
        end = start + sum(batch.record_count for batch in group)
        results.append(_cut(rows, start, end))
        start = end
    return results


def _looks_uniform(batch: FetchedBatch, layout: RowLayout) -> bool:
    return (
        len(batch.records) == batch.record_count * layout.stride
        and batch.is_dense
        and batch.records[: layout.head] == layout.first_head
        and bool(layout.probes)
    )


def _cut(rows: FixedRows, start: int, end: int) -> FixedRows:
    return FixedRows(
        offsets=rows.offsets[start:end],
        timestamps_ms=rows.timestamps_ms[start:end],
        keys=rows.keys[start:end],
        values=rows.values[start:end],
    )


def _read_uniform(batches: Sequence[FetchedBatch], layout: RowLayout) -> FixedRows | None:
    """Read batches of `columns`' own layout; None when a row of them is not in that layout."""
    data = batches[0].records if len(batches) == 1 else b"".join(batch.records for batch in batches)
    count = len(data) // layout.stride
    for at, mask, expected in layout.probes:
        words: NDArray[np.uint64] = np.ndarray(
            (count,), "<u8", buffer=data, offset=at, strides=(layout.stride,)
        )
        if ((words & mask) != expected).any():
            return None
    matrix = np.frombuffer(data, layout.rows)
    counts = [batch.record_count for batch in batches]
    timestamps = [
        batch.base_timestamp_ms if batch.append_time_ms is None else batch.append_time_ms
        for batch in batches
    ]
    return FixedRows(
        offsets=_dense_offsets(batches, counts, count),
        timestamps_ms=np.repeat(np.array(timestamps, np.int64), counts),
        keys=_column(matrix, "key", layout.key_width),
        values=_column(matrix, "value", layout.value_width),
    )


def _dense_offsets(
    batches: Sequence[FetchedBatch], counts: Sequence[int], count: int
) -> NDArray[np.int64]:
    rebased: list[int] = []
    before = 0
    for batch, size in zip(batches, counts, strict=True):
        rebased.append(batch.base_offset - before)
        before += size
    return np.arange(count, dtype=np.int64) + np.repeat(np.array(rebased, np.int64), counts)


def _column(matrix: NDArray[np.void], name: str, width: int) -> Bytes2D:
    """Copy a column out of the answer's buffer: contiguous, and the answer can be let go."""
    if width == 0:
        return np.empty((len(matrix), 0), np.uint8)
    return np.ascontiguousarray(matrix[name]).view(np.uint8).reshape(len(matrix), width)


def _read_any(batches: Sequence[FetchedBatch], layout: RowLayout) -> FixedRows:
    pieces: list[FixedRows] = []
    odd: list[Record] = []
    for batch in batches:
        rows = _read_uniform([batch], layout) if _looks_uniform(batch, layout) else None
        if rows is not None:
            pieces.append(rows)
            continue
        runs, strange = read_runs(batch, key_width=layout.key_width, value_width=layout.value_width)
        pieces += [
            FixedRows(
                offsets=run.offsets,
                timestamps_ms=run.timestamps_ms,
                keys=run.keys,
                values=run.values,
            )
            for run in runs
        ]
        odd += strange
    return _concatenated(pieces, odd, layout)


def _concatenated(pieces: Sequence[FixedRows], odd: list[Record], layout: RowLayout) -> FixedRows:
    none = FixedRows(
        offsets=np.empty(0, np.int64),
        timestamps_ms=np.empty(0, np.int64),
        keys=np.empty((0, layout.key_width), np.uint8),
        values=np.empty((0, layout.value_width), np.uint8),
    )
    all_pieces = [none, *pieces]  # so that nothing to join is no special case
    return FixedRows(
        offsets=np.concatenate([piece.offsets for piece in all_pieces]),
        timestamps_ms=np.concatenate([piece.timestamps_ms for piece in all_pieces]),
        keys=np.concatenate([piece.keys for piece in all_pieces]),
        values=np.concatenate([piece.values for piece in all_pieces]),
        odd=odd,
    )

"""The records of neighbouring batches as columns: where each record lies and what it is.

Only where a record begins is found one record behind another, for all batches at once; all
other fields of all records are then read at once. That holds for any mix of record sizes,
writers and codecs.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

VARINT_BYTES_MAX: Final = 10
MORE_FOLLOWS: Final = 0x80  # of a varint
# So many zeros lie behind the last record: whatever begins in one has so many bytes.
ZEROS_BEHIND: Final = 64
# So many batches are gone through side by side; of fewer, one behind another is quicker.
SIDE_BY_SIDE_MIN: Final = 24

Int64s: TypeAlias = NDArray[np.int64]
Bytes1D: TypeAlias = NDArray[np.uint8]


@dataclass(slots=True, kw_only=True)
class RecordColumns:
    """The records of data batches, a row each. All places are in `plain`, which is longer than
    they are by `ZEROS_BEHIND`."""

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


class RecordsCorrupt(Exception):
    """Records are not what their batches say. `row` is the first one where it is known."""

    def __init__(self, row: int | None = None) -> None:
        super().__init__(row)
        self.row = row


def read_columns(
    plain: bytes, begins: Int64s, ends: Int64s, counts: Int64s, base_offsets: Int64s
) -> RecordColumns:
    """Read `counts` records of each batch, which lie in `plain` from its `begins` to its `ends`.

    `ZEROS_BEHIND` zeros end `plain`. Raises `RecordsCorrupt`.
    """
    data = np.frombuffer(plain, np.uint8)
    numbers = np.repeat(np.arange(len(counts)), counts)
    try:
        starts = _starts(plain, data, begins, counts)
        row_ends = np.empty_like(starts)
        row_ends[:-1] = starts[1:]
        filled = counts > 0
        row_ends[np.cumsum(counts)[filled] - 1] = ends[filled]
        sizes, body_at = _varints_at(data, starts)
        timestamp_deltas, offset_delta_at = _varints_at(data, body_at + 1)
        offset_deltas, key_length_at = _varints_at(data, offset_delta_at)
        key_sizes, key_at = _varints_at(data, key_length_at)
        key_ends = key_at + np.clip(key_sizes, 0, row_ends - key_at)
        value_sizes, value_at = _varints_at(data, key_ends)
    except IndexError:
        raise RecordsCorrupt from None
    bad = sizes != row_ends - body_at
    bad |= (key_sizes > row_ends - key_at) | (np.maximum(value_sizes, 0) >= row_ends - value_at)
    bad |= (offset_deltas < 0) | (key_sizes < -1)
    if bad.any():
        raise RecordsCorrupt(int(bad.argmax()))
    return RecordColumns(
        plain=plain,
        batch_numbers=numbers,
        offsets=base_offsets[numbers] + offset_deltas,
        timestamp_deltas=timestamp_deltas,
        starts=starts,
        offset_delta_at=offset_delta_at,
        key_at=key_at,
        key_sizes=key_sizes,
        has_value=value_sizes >= 0,
        ends=row_ends,
    )


def _starts(plain: bytes, data: Bytes1D, begins: Int64s, counts: Int64s) -> Int64s:
    """Where every record begins. Raises `IndexError` behind the end of `plain`.

    A size that is negative or leads out of its batch is found by who looks at all sizes.
    """
    first_rows = np.cumsum(counts) - counts
    starts = np.empty(int(counts.sum()), np.int64)
    # Batches with many records first: those that go on are then always the first ones.
    order = np.argsort(-counts, kind="stable")
    falling, rows, at = counts[order], first_rows[order], begins[order]
    going = int(np.count_nonzero(falling))
    done = 0
    while going >= SIDE_BY_SIDE_MIN:
        starts[rows[:going] + done] = at[:going]
        done += 1
        going = int(np.searchsorted(-falling, -done))
        at = _behind_records(data, at[:going])
    for number in range(going):
        row, count = int(rows[number]) + done, int(falling[number]) - done
        starts[row : row + count] = _one_by_one(plain, int(at[number]), count)
    return starts


def _behind_records(data: Bytes1D, at: Int64s) -> Int64s:
    """Where records end that begin here; a place behind all data where a size is absurd."""
    zigzag, behind = _zigzags_at(data, at)
    sizes: Int64s = np.minimum(zigzag >> np.uint64(1), np.uint64(len(data))).astype(np.int64)
    ends: Int64s = behind + sizes
    return ends


def _one_by_one(plain: bytes, position: int, count: int) -> list[int]:
    starts: list[int] = []
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
    return starts


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
    """Return the signed varints that begin at these places, and the places behind them.

    Raises `IndexError` where one has no end.
    """
    zigzag, behind = _zigzags_at(data, at)
    half = (zigzag >> np.uint64(1)).view(np.int64)
    return half ^ -(zigzag & np.uint64(1)).view(np.int64), behind


def _zigzags_at(data: Bytes1D, at: Int64s) -> tuple[NDArray[np.uint64], Int64s]:
    parts = data[at]
    zigzag = (parts & 0x7F).astype(np.uint64)
    behind = at + 1
    rows = np.flatnonzero(parts & MORE_FOLLOWS)
    for shift in range(7, 7 * VARINT_BYTES_MAX, 7):
        if not len(rows):
            break
        parts = data[behind[rows]]
        zigzag[rows] |= (parts & 0x7F).astype(np.uint64) << np.uint64(shift)
        behind[rows] += 1
        rows = rows[parts >= MORE_FOLLOWS]
    if len(rows):
        raise IndexError
    return zigzag, behind

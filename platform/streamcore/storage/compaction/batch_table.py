"""The headers of neighbouring batches as columns, each batch checked.

A log may hold millions of batches of one record each: their headers are looked at all at
once, and only what a batch has to be taken apart for is read as a header of its own.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from streamcore.record.batch import (
    CRC_COVERS_FROM,
    HEADER_SIZE,
    LENGTH_PREFIX_SIZE,
    MAGIC,
    BatchCorrupt,
    BatchHeader,
    BatchTorn,
    checked_header,
    read_header,
)
from streamcore.record.checksums import crc32c
from streamcore.storage.compaction.record_columns import Int64s
from streamcore.storage.failures import SegmentCorrupt

LENGTH_AND_CRC: Final = Struct(">8xi5xI")
# As `record.batch.HEADER` has them.
HEADER_FIELDS: Final = np.dtype(
    [
        ("base_offset", ">i8"),
        ("batch_length", ">i4"),
        ("leader_epoch", ">i4"),
        ("magic", "i1"),
        ("crc", ">u4"),
        ("attributes", ">i2"),
        ("last_offset_delta", ">i4"),
        ("base_timestamp", ">i8"),
        ("max_timestamp", ">i8"),
        ("producer_id", ">i8"),
        ("producer_epoch", ">i2"),
        ("base_sequence", ">i4"),
        ("record_count", ">i4"),
    ]
)


@dataclass(slots=True, kw_only=True)
class BatchTable:
    """Whole batches, one behind another, a row each. `positions` has one more: the end."""

    data: memoryview
    positions: Int64s
    base_offsets: Int64s
    next_offsets: Int64s
    attributes: Int64s
    base_timestamps: Int64s
    record_counts: Int64s

    def __len__(self) -> int:
        return len(self.base_offsets)

    def header(self, number: int) -> BatchHeader:
        return read_header(self.data, int(self.positions[number]))

    def batch(self, number: int) -> memoryview:
        return self.data[self.positions[number] : self.positions[number + 1]]


def read_batches(data: bytes, *, path: str, position: int, next_offset: int) -> BatchTable:
    """Read the whole batches that `data` begins with: at least one, else it is corrupt.

    `path`, `position` and `next_offset` say where it lies and what may follow there.
    Raises `SegmentCorrupt`.
    """
    where = _Where(path, position)
    positions = np.array([0, *_ends_of_whole_ones(data)], np.int64)
    if len(positions) == 1:
        raise where.fault_at(data, 0)
    windows = sliding_window_view(np.frombuffer(data, np.uint8), HEADER_SIZE)
    fields = windows[positions[:-1]].view(HEADER_FIELDS).ravel()
    base_offsets = fields["base_offset"].astype(np.int64)
    last_offset_deltas = fields["last_offset_delta"].astype(np.int64)
    record_counts = fields["record_count"].astype(np.int64)
    next_offsets = base_offsets + last_offset_deltas + 1
    expected = np.concatenate(([next_offset], next_offsets[:-1]))
    bad = (fields["magic"] != MAGIC) | (last_offset_deltas < 0) | (record_counts < 0)
    bad |= base_offsets < expected
    if bad.any():
        number = int(bad.argmax())
        raise where.fault_at(data, int(positions[number]), next_offset=int(expected[number]))
    end = int(positions[-1])
    if end < len(data):
        where.check_cut(data, end)
    return BatchTable(
        data=memoryview(data)[:end],
        positions=positions,
        base_offsets=base_offsets,
        next_offsets=next_offsets,
        attributes=fields["attributes"].astype(np.int64),
        base_timestamps=fields["base_timestamp"].astype(np.int64),
        record_counts=record_counts,
    )


def _ends_of_whole_ones(data: bytes) -> list[int]:
    """Where batches end that are whole and have their checksum, up to the first without."""
    view, size = memoryview(data), len(data)
    unpack, checksum = LENGTH_AND_CRC.unpack_from, crc32c
    ends: list[int] = []
    at = 0
    while at + HEADER_SIZE <= size:
        length, crc = unpack(data, at)
        end = at + LENGTH_PREFIX_SIZE + length
        if not at + HEADER_SIZE <= end <= size or checksum(view[at + CRC_COVERS_FROM : end]) != crc:
            break
        ends.append(end)
        at = end
    return ends


@dataclass(frozen=True, slots=True)
class _Where:
    """Names a fault by its place in the file."""

    path: str
    position: int

    def fault_at(self, data: bytes, at: int, *, next_offset: int = 0) -> SegmentCorrupt:
        """What is wrong with the batch that begins at `at`."""
        try:
            header = checked_header(memoryview(data), at)
        except (BatchTorn, BatchCorrupt) as fault:
            return self._corrupt(at, str(fault))
        return self._corrupt(
            at, f"base offset {header.base_offset}, expected {next_offset} or more"
        )

    def check_cut(self, data: bytes, at: int) -> None:
        """A batch that goes on behind `data` is read the next time. Raises `SegmentCorrupt`."""
        try:
            checked_header(memoryview(data), at)
        except BatchTorn:
            return
        except BatchCorrupt as fault:
            raise self._corrupt(at, str(fault)) from None

    def _corrupt(self, at: int, reason: str) -> SegmentCorrupt:
        return SegmentCorrupt(self.path, self.position + at, reason)

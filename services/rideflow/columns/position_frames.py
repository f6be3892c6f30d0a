"""Frames of driver.positions: made from rows grouped by region, read back as rows."""

from struct import Struct
from typing import Final

import numpy as np

from rideflow.columns.arrays import I64, U64, Rows
from rideflow.columns.rows import take_rows
from rideflow.contracts.ids import RegionCell
from rideflow.contracts.positions import (
    FRAME_HEADER,
    FRAME_HEADER_SIZE,
    FRAME_MAGIC,
    FRAME_VERSION,
    POSITION,
    POSITION_SIZE,
    POSITIONS_PER_FRAME_MAX,
)

_HEADER: Final = Struct("<HBBIQqq")  # FRAME_HEADER, packed without an array
assert _HEADER.size == FRAME_HEADER_SIZE


class FrameCorrupt(Exception):
    """Not a frame of ours: the message says what was wrong with it."""


def region_key(region: int) -> bytes:
    """The log key of a region: its H3 index as 15 hexadecimal digits."""
    return b"%015x" % region


def make_frames(
    positions: Rows, regions: U64, received_ms: I64, *, produced_ms: int
) -> list[tuple[RegionCell, bytes]]:
    """Pack POSITION rows into frames of one region each, rows of a driver in their order.

    `regions` and `received_ms` go with `positions` row by row; a frame tells the newest receipt.
    """
    if not len(positions):
        return []
    by_region = np.argsort(regions, kind="stable")
    sorted_regions = regions.take(by_region)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(sorted_regions)) + 1))
    newest_ms = np.maximum.reduceat(received_ms.take(by_region), starts).tolist()
    cells = sorted_regions.take(starts).tolist()
    ends = [*starts[1:].tolist(), len(positions)]
    data = take_rows(positions, by_region).tobytes()
    frames: list[tuple[RegionCell, bytes]] = []
    for cell, start, end, received in zip(cells, starts.tolist(), ends, newest_ms, strict=True):
        for at in range(start, end, POSITIONS_PER_FRAME_MAX):
            count = min(end - at, POSITIONS_PER_FRAME_MAX)
            header = _HEADER.pack(FRAME_MAGIC, FRAME_VERSION, 0, count, cell, produced_ms, received)
            rows = data[at * POSITION_SIZE : (at + count) * POSITION_SIZE]
            frames.append((RegionCell(cell), header + rows))
    return frames


def read_frame(frame: bytes) -> tuple[Rows, Rows]:
    """Return the header (FRAME_HEADER, shape (1,)) and the POSITION rows. Raises `FrameCorrupt`."""
    if len(frame) < FRAME_HEADER_SIZE:
        raise FrameCorrupt(f"{len(frame)} bytes are less than a frame's header")
    header = np.frombuffer(frame, FRAME_HEADER, 1)
    magic, version, count = (int(header[name][0]) for name in ("magic", "version", "count"))
    if magic != FRAME_MAGIC or version != FRAME_VERSION:
        raise FrameCorrupt(f"magic {magic:#06x} version {version} is not ours")
    if len(frame) != FRAME_HEADER_SIZE + count * POSITION.itemsize:
        raise FrameCorrupt(f"{count} positions do not make {len(frame)} bytes")
    return header, np.frombuffer(frame, POSITION, count, FRAME_HEADER_SIZE)

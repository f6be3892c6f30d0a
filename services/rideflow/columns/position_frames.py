"""Frames of driver.positions: made from rows grouped by region, read back as rows."""

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
    POSITIONS_PER_FRAME_MAX,
)


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
    starts = np.flatnonzero(np.diff(regions.take(by_region))) + 1
    frames: list[tuple[RegionCell, bytes]] = []
    for members in np.split(by_region, starts):
        region = RegionCell(int(regions[members[0]]))
        for at in range(0, len(members), POSITIONS_PER_FRAME_MAX):
            index = members[at : at + POSITIONS_PER_FRAME_MAX]
            header = np.zeros(1, FRAME_HEADER)
            header["magic"], header["version"] = FRAME_MAGIC, FRAME_VERSION
            header["count"], header["region"] = len(index), region
            header["produced_ms"] = produced_ms
            header["received_ms"] = received_ms.take(index).max()
            frames.append((region, header.tobytes() + take_rows(positions, index).tobytes()))
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

"""POSITION and the frames of driver.positions: where we hold drivers to be, packed.

A frame is a header of 32 bytes and `count` x POSITION, little-endian; the log key is the
region's H3 index as 15 hexadecimal digits. A frame holds the drivers of one region that one
tick of `positions` has changed. Frames of one region are in one partition, so in order.
"""

from enum import IntFlag

import numpy as np

FRAME_VERSION = 1
FRAME_MAGIC = 0x4C48  # "HL"
FRAME_HEADER_SIZE = 32
POSITION_SIZE = 40
POSITIONS_PER_FRAME_MAX = 25_000  # a frame stays below message.max.bytes of 1 MB

FRAME_HEADER = np.dtype(
    [
        ("magic", "<u2"),
        ("version", "u1"),
        ("kind", "u1"),  # 0: changes of one tick
        ("count", "<u4"),
        ("region", "<u8"),
        ("produced_ms", "<i8"),  # clock of the positions process when the frame was made
        ("received_ms", "<i8"),  # newest gateway receipt among its pings (log timestamp)
    ]
)
assert FRAME_HEADER.itemsize == FRAME_HEADER_SIZE

POSITION = np.dtype(
    [
        ("driver", "<u8"),
        ("fix_ms", "<i8"),
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("sequence", "<u4"),
        ("speed_cm_s", "<u2"),
        ("bearing_cdeg", "<u2"),
        ("state", "u1"),  # DriverState
        ("trust", "u1"),  # 0 believed .. 255 certainly false: the spoof score
        ("flags", "<u2"),  # PositionFlag
        ("accuracy_dm", "<u2"),
        ("received_after_ms", "<u2"),  # gateway receipt minus fix, at most 65,535
    ]
)
assert POSITION.itemsize == POSITION_SIZE


class PositionFlag(IntFlag):
    """What `positions` did to or thinks of a position."""

    SMOOTHED = 1
    MOCKED = 2
    SUSPECT = 4  # impossible speed or another reason for doubt; shown, never matched
    HELD = 8  # the fix was refused: the place is the last believed one, the state is new
    DARK = 16  # no believed fix for longer than DARK_AFTER_MS: sent once, when it happens


DARK_AFTER_MS = 10_000

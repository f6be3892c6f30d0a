"""PING: what a phone sent, 40 bytes, little-endian, fixed so that numpy reads a batch at once.

The log key is the driver's ten digits (`ids.driver_key`), the record has no headers, and the
batch timestamp is when the gateway received it. `sequence` grows by one per ping of a driver's
run, over the live and the backlog lane together: gaps and repeats prove what was lost or doubled.
"""

from enum import IntEnum, IntFlag

import numpy as np

PING_VERSION = 1
PING_SIZE = 40
PINGS_PER_FRAME_MAX = 1_000  # fleets usually send 50, phones 1

PING = np.dtype(
    [
        ("version", "u1"),
        ("state", "u1"),
        ("flags", "<u2"),
        ("sequence", "<u4"),
        ("driver", "<u8"),
        ("fix_ms", "<i8"),
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("speed_cm_s", "<u2"),
        ("bearing_cdeg", "<u2"),
        ("accuracy_dm", "<u2"),
        ("reserved", "<u2"),
    ]
)
assert PING.itemsize == PING_SIZE


class DriverState(IntEnum):
    """What a driver is doing. The same numbers in PING, POSITION and driver.states."""

    OFFLINE = 0
    OPEN = 1
    OFFERED = 2
    EN_ROUTE = 3
    WAITING = 4
    ON_TRIP = 5


class PingFlag(IntFlag):
    """Facts about a ping that the phone knows."""

    BACKLOG = 1  # buffered while offline; goes to driver.backlog and never delays a live ping
    MOCKED = 2  # the phone says that the fix comes from a mock provider
    NO_SPEED = 4
    NO_BEARING = 8
    TRACED = 16  # sampled for tracing: its trace id is driver + sequence


LAT_E7_MAX = 900_000_000
LON_E7_MAX = 1_800_000_000
BEARING_CDEG_MAX = 36_000  # exclusive
FIX_AHEAD_MS_MAX = 60_000  # a fix further in the future is refused at the gateway
FIX_BEHIND_MS_MAX = 24 * 3_600_000  # an older one as well

"""Which pings are refused, and why: all checks on columns at once."""

from typing import Final

import numpy as np

from rideflow.columns.arrays import Bools, Bytes2D, Rows
from rideflow.contracts.driver_socket import RejectReason
from rideflow.contracts.pings import (
    BEARING_CDEG_MAX,
    FIX_AHEAD_MS_MAX,
    FIX_BEHIND_MS_MAX,
    LAT_E7_MAX,
    LON_E7_MAX,
    PING_VERSION,
    DriverState,
    PingFlag,
)

# Codes in the order in which they are named: of several reasons the first one is told.
REASONS: Final = (
    RejectReason.BAD_VERSION,
    RejectReason.BAD_COORDINATES,
    RejectReason.BAD_BEARING,
    RejectReason.BAD_STATE,
    RejectReason.FUTURE_FIX,
    RejectReason.ANCIENT_FIX,
    RejectReason.UNKNOWN_DRIVER,
)
_STATE_MAX: Final = max(DriverState)


def acceptable(pings: Rows, speaks: Bools, *, now_ms: int) -> Bools:
    """Return which pings may go to the log. `speaks`: their sender speaks for the driver."""
    fix_ms = pings["fix_ms"]
    good: Bools = speaks & (pings["version"] == PING_VERSION)
    good &= _on_earth(pings)
    good &= _bearing_read(pings)
    good &= pings["state"] <= _STATE_MAX
    good &= fix_ms <= now_ms + FIX_AHEAD_MS_MAX
    good &= fix_ms >= now_ms - FIX_BEHIND_MS_MAX
    return good


def reasons_of(pings: Rows, speaks: Bools, *, now_ms: int) -> Bytes2D:
    """Return for each ping an index into `REASONS`; `len(REASONS)` for an acceptable one."""
    fix_ms = pings["fix_ms"]
    wrong = [
        pings["version"] != PING_VERSION,
        ~_on_earth(pings),
        ~_bearing_read(pings),
        pings["state"] > _STATE_MAX,
        fix_ms > now_ms + FIX_AHEAD_MS_MAX,
        fix_ms < now_ms - FIX_BEHIND_MS_MAX,
        ~speaks,
        np.ones(len(pings), np.bool_),
    ]
    return np.asarray(np.argmax(np.stack(wrong), axis=0), np.uint8)


def _on_earth(pings: Rows) -> Bools:
    lat, lon = pings["lat_e7"], pings["lon_e7"]
    good: Bools = lat <= LAT_E7_MAX
    good &= lat >= -LAT_E7_MAX
    good &= lon <= LON_E7_MAX
    good &= lon >= -LON_E7_MAX
    return good


def _bearing_read(pings: Rows) -> Bools:
    good: Bools = pings["bearing_cdeg"] < BEARING_CDEG_MAX
    good |= (pings["flags"] & np.uint16(PingFlag.NO_BEARING)) != 0
    return good

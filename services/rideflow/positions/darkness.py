"""Drivers who fell silent: told once, so that nobody is shown an old place as a new one."""

from typing import Final

import numpy as np

from rideflow.columns.arrays import I64, Rows
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import DARK_AFTER_MS, PositionFlag

_DARK: Final = np.uint16(PositionFlag.DARK)


def newly_dark(positions: Rows, *, now_ms: int) -> I64:
    """Slots whose last believed fix is too old and who have not been told dark.

    Drivers who said that they go offline are silent with reason.
    """
    fix_ms = positions["fix_ms"]
    is_dark = (fix_ms > 0) & (fix_ms < now_ms - DARK_AFTER_MS)
    is_dark &= (positions["flags"] & _DARK) == 0
    is_dark &= positions["state"] != DriverState.OFFLINE
    return np.flatnonzero(is_dark)

"""The newest position of every driver, as read from the frames of driver.positions.

A view: it may be thrown away and is whole again after one report interval. Memory is 40 bytes
a driver ever seen, bounded by the slots.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rideflow.columns.arrays import I32, I64, Bools, Rows
from rideflow.columns.driver_slots import NO_SLOT
from rideflow.columns.position_frames import FrameCorrupt
from rideflow.columns.position_table import PositionFrame, PositionTable, unpack_frame
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import POSITION, PositionFlag

FRESH_MS_MAX = 10_000
TRUST_BELIEVED_MAX = 127  # of 255: above it a position is more likely false than true
_DOUBTS = PositionFlag.SUSPECT | PositionFlag.MOCKED | PositionFlag.DARK
_NO_ROWS = np.zeros(0, POSITION)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesRead:
    """What a batch of frames held."""

    rows: Rows  # POSITION; a driver may come twice, the newest last
    corrupt: int  # frames that were none


class DriverView:
    """Who is where, and who may be asked."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self._table = PositionTable(drivers_max=drivers_max)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def newest_produced_ms(self) -> int:
        """Clock of `positions` when the newest frame was made."""
        return self._table.newest_ms

    def take_frames(self, frames: Iterable[bytes]) -> FramesRead:
        """Let the frames of one poll be known."""
        whole: list[PositionFrame] = []
        corrupt = 0
        for frame in frames:
            try:
                whole.append(unpack_frame(frame))
            except FrameCorrupt:
                corrupt += 1
        taken = self._table.take(whole)
        return FramesRead(rows=_NO_ROWS if taken is None else taken.rows, corrupt=corrupt)

    def positions(self, slots: I32 | I64) -> Rows:
        """POSITION of each slot; read its fields, never index it by an array."""
        return self._table.positions(slots)

    def open_slots(self, *, now_ms: int, fresh_ms_max: int = FRESH_MS_MAX) -> I64:
        """The slots of open drivers whose position is fresh and believed."""
        rows = self._table.positions(np.arange(len(self._table)))
        is_open: Bools = rows["state"] == DriverState.OPEN
        is_open &= rows["fix_ms"] >= now_ms - fresh_ms_max
        is_open &= (rows["flags"] & np.uint16(_DOUBTS)) == 0
        is_open &= rows["trust"] <= TRUST_BELIEVED_MAX
        return np.flatnonzero(is_open)

    def slots_of(self, drivers: Iterable[int]) -> I32:
        """The slots of drivers who have been seen."""
        slots = self._table.slots.slots_of(np.fromiter(drivers, np.uint64))
        return np.asarray(slots[slots != NO_SLOT])

    def fixes_ms(self, drivers: Sequence[int]) -> I64:
        """When each driver was last believed to be somewhere; 0 for strangers."""
        slots = self._table.slots.slots_of(np.array(drivers, np.uint64))
        fixes_ms = np.zeros(len(drivers), np.int64)
        seen = np.flatnonzero(slots != NO_SLOT)
        fixes_ms[seen] = self._table.positions(slots.take(seen))["fix_ms"]
        return fixes_ms

    def place(self, driver: int) -> tuple[float, float] | None:
        """Latitude and longitude of a driver in degrees; None for a stranger."""
        rows = self._table.positions(self.slots_of([driver]))
        if not len(rows):
            return None
        return int(rows["lat_e7"][0]) / 1e7, int(rows["lon_e7"][0]) / 1e7

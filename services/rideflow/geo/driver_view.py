"""The newest position of every driver, as read from the frames of driver.positions.

A view: it may be thrown away and is whole again after one report interval. Memory is 40 bytes
a driver ever seen, bounded by the slots.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rideflow.columns.arrays import I64, Bools, Index, Rows
from rideflow.columns.driver_slots import NO_SLOT, DriverSlots
from rideflow.columns.position_frames import FrameCorrupt, read_frame
from rideflow.columns.rows import put_rows, take_rows
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import POSITION, PositionFlag

FRESH_MS_MAX = 10_000
TRUST_BELIEVED_MAX = 127  # of 255: above it a position is more likely false than true
_DOUBTS = PositionFlag.SUSPECT | PositionFlag.MOCKED | PositionFlag.DARK
_NO_ROWS = np.zeros(0, POSITION)


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesRead:
    """What a batch of frames held."""

    rows: Rows  # POSITION, oldest fix first
    slots: Index  # of each row
    corrupt: int  # frames that were none


class DriverView:
    """Drivers by slot. Positions come in any order; the newest fix of a driver stays."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self._slots = DriverSlots(drivers_max=drivers_max)
        self._rows: SlotColumn[Any] = SlotColumn(POSITION)
        self.newest_produced_ms = 0  # clock of `positions` when the newest frame was made

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def rows(self) -> Rows:
        """POSITION by slot: read fields, never index it by an array (see `columns.rows`)."""
        return self._rows.values[: len(self._slots)]

    def take_frames(self, frames: Iterable[bytes]) -> FramesRead:
        """Let the frames of one poll be known."""
        parts: list[Rows] = []
        corrupt = 0
        for frame in frames:
            try:
                header, rows = read_frame(frame)
            except FrameCorrupt:
                corrupt += 1
                continue
            self.newest_produced_ms = max(self.newest_produced_ms, int(header["produced_ms"][0]))
            parts.append(rows)
        rows = np.concatenate(parts) if parts else _NO_ROWS
        # A driver who crosses into another region may be read in any order: the last one stays.
        rows = take_rows(rows, np.argsort(rows["fix_ms"], kind="stable"))
        return FramesRead(rows=rows, slots=self._keep(rows), corrupt=corrupt)

    def open_slots(self, *, now_ms: int, fresh_ms_max: int = FRESH_MS_MAX) -> I64:
        """The slots of open drivers whose position is fresh and believed."""
        rows = self.rows
        is_open: Bools = rows["state"] == DriverState.OPEN
        is_open &= rows["fix_ms"] >= now_ms - fresh_ms_max
        is_open &= (rows["flags"] & np.uint16(_DOUBTS)) == 0
        is_open &= rows["trust"] <= TRUST_BELIEVED_MAX
        return np.flatnonzero(is_open)

    def slots_of(self, drivers: Iterable[int]) -> Index:
        """The slots of drivers who have been seen."""
        slots = self._slots.slots_of(np.fromiter(drivers, np.uint64))
        return np.asarray(slots[slots != NO_SLOT])

    def slot_of(self, driver: int) -> int | None:
        slot = self._slots.slot_of(driver)
        return None if slot == NO_SLOT else slot

    def fix_ms(self, driver: int) -> int | None:
        """When the driver was last believed to be somewhere; None for a stranger."""
        slot = self.slot_of(driver)
        return None if slot is None else int(self.rows["fix_ms"][slot])

    def place(self, driver: int) -> tuple[float, float] | None:
        """Latitude and longitude of a driver in degrees; None for a stranger."""
        slot = self.slot_of(driver)
        if slot is None:
            return None
        row = self.rows[slot]
        return int(row["lat_e7"]) / 1e7, int(row["lon_e7"]) / 1e7

    def _keep(self, rows: Rows) -> Index:
        slots = self._slots.slots_of(rows["driver"], create=True)
        self._rows.ensure(len(self._slots))
        known = self._rows.values
        is_news = (slots != NO_SLOT) & (rows["fix_ms"] >= known["fix_ms"].take(slots))
        news = np.flatnonzero(is_news)
        put_rows(known, slots.take(news), take_rows(rows, news))
        return slots

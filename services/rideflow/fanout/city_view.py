"""Where all drivers are, and which of them browsing riders may see: fan-out's view."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64, Bools, Rows
from rideflow.columns.cell_raster import CellRaster
from rideflow.columns.position_table import PositionFrame, PositionTable
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.ids import AREA_RESOLUTION
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import PositionFlag

FRESH_MS: Final = 10_000  # a car not heard of for longer is no longer shown to browsing riders
TRUST_MAX: Final = 127  # a car more likely false than true is not shown to them either
NO_CELL: Final = 0  # of a driver that browsing riders may not see
SAMPLE_LEVELS: Final = 12
_HIDDEN: Final = PositionFlag.SUSPECT | PositionFlag.DARK


class CityView:
    """The table of positions, with each driver's area cell. Bounded by the number of drivers."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self.table = PositionTable(drivers_max=drivers_max)
        self._raster = CellRaster(resolution=AREA_RESOLUTION)
        self._shown_in: SlotColumn[np.int32] = SlotColumn(np.int32)
        self._level: SlotColumn[np.int32] = SlotColumn(np.int32)
        self._levels_known = 0

    @property
    def cell_count(self) -> int:
        """All cell numbers are below this."""
        return len(self._raster.cells) + 1

    def cell_number(self, cell: int) -> int:
        """The number of an H3 cell in this view: 1 and up."""
        return self._raster.number_of_cell(cell) + 1

    def take(self, frames: Sequence[PositionFrame]) -> I32:
        """Take in frames and return the slots that changed, one per row that counted."""
        taken = self.table.take(frames)
        if taken is None:
            return np.zeros(0, np.int32)
        self._ensure()
        rows = taken.rows
        numbers = self._raster.numbers_of(rows["lat_e7"], rows["lon_e7"]) + np.int32(1)
        self._shown_in.values.put(taken.slots, np.where(_may_be_shown(rows), numbers, NO_CELL))
        return taken.slots

    def shown_in(self) -> I32:
        """By slot: the number of the cell it is shown in, or NO_CELL. A view, not a copy."""
        self._ensure()
        return self._shown_in.values[: len(self.table)]

    def is_fresh(self, now_ms: int) -> Bools:
        """By slot: whether the driver was heard of lately."""
        fresh: Bools = self.table.produced_ms() >= now_ms - FRESH_MS
        return fresh

    def levels_of(self, slots: I64) -> I32:
        """Sampling levels: half of all slots have level 0, a quarter 1, and so on, for good."""
        return self._level.values.take(slots)

    def _ensure(self) -> None:
        count = len(self.table)
        self._shown_in.ensure(count)
        self._level.ensure(count)
        if count > self._levels_known:
            new = np.arange(self._levels_known, count)
            self._level.values[self._levels_known : count] = _levels(new)
            self._levels_known = count


def _may_be_shown(rows: Rows) -> Bools:
    shown: Bools = (rows["state"] == DriverState.OPEN) & (rows["flags"] & _HIDDEN == 0)
    return shown & (rows["trust"] <= TRUST_MAX)


def _levels(slots: I64) -> I32:
    """Trailing zero bits of a mixed slot number, as if by chance (murmur3's 32-bit finish)."""
    mixed = slots.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    mixed = (mixed ^ (mixed >> np.uint32(16))) | np.uint32(1 << (SAMPLE_LEVELS - 1))
    lowest_bit = mixed & (~mixed + np.uint32(1))
    return np.log2(lowest_bit).astype(np.int32)

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
_HIDDEN: Final = PositionFlag.SUSPECT | PositionFlag.DARK


class CityView:
    """The table of positions, with each driver's area cell. Bounded by the number of drivers."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self.table = PositionTable(drivers_max=drivers_max)
        self.cells = CellRaster(resolution=AREA_RESOLUTION)
        self._cell: SlotColumn[np.int32] = SlotColumn(np.int32)
        self._open: SlotColumn[np.bool_] = SlotColumn(np.bool_)

    def take(self, frames: Sequence[PositionFrame]) -> I32:
        """Take in frames and return the slots that changed, one per row that counted."""
        taken = self.table.take(frames)
        if taken is None:
            return np.zeros(0, np.int32)
        self._ensure()
        rows = taken.rows
        self._cell.values.put(taken.slots, self.cells.numbers_of(rows["lat_e7"], rows["lon_e7"]))
        self._open.values.put(taken.slots, _may_be_shown(rows))
        return taken.slots

    def cells_of(self, slots: I32 | I64) -> I32:
        """The number, in the raster `cells`, of the cell that each slot is in."""
        return self._cell.values.take(slots)

    def shown_slots(self, now_ms: int) -> I64:
        """Slots of cars that browsing riders may see: open, fresh, believed."""
        self._ensure()
        fresh: Bools = self.table.produced_ms() >= now_ms - FRESH_MS
        return np.flatnonzero(self._open.values[: len(fresh)] & fresh)

    def _ensure(self) -> None:
        self._cell.ensure(len(self.table))
        self._open.ensure(len(self.table))


def _may_be_shown(rows: Rows) -> Bools:
    shown: Bools = (rows["state"] == DriverState.OPEN) & (rows["flags"] & _HIDDEN == 0)
    return shown & (rows["trust"] <= TRUST_MAX)

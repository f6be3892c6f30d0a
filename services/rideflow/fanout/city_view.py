"""Where all drivers are, by slot: what fan-out holds of driver.positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64, U64, Bools, Rows
from rideflow.columns.cell_raster import CellRaster
from rideflow.columns.driver_slots import DriverSlots
from rideflow.columns.rows import put_rows, take_rows
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.ids import AREA_RESOLUTION
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import POSITION, PositionFlag

FRESH_MS: Final = 10_000  # a car not heard of for longer is no longer shown to browsing riders
TRUST_MAX: Final = 127  # a car more likely false than true is not shown to them either
_HIDDEN: Final = PositionFlag.SUSPECT | PositionFlag.DARK


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFrame:
    """A frame of driver.positions as it was read."""

    produced_ms: int
    rows: Rows


class CityView:
    """The newest position of every driver seen. Bounded by the number of drivers."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self.slots = DriverSlots(drivers_max=drivers_max)
        self.cells = CellRaster(resolution=AREA_RESOLUTION)
        self.tick = 0  # of `take`: what changed since a tick is found by `changed_at`
        self.newest_ms = 0  # production of the newest frame
        self._rows: SlotColumn[np.void] = SlotColumn(POSITION)
        self._produced_ms: SlotColumn[np.int64] = SlotColumn(np.int64)
        self._changed_at: SlotColumn[np.int64] = SlotColumn(np.int64)
        self._cell: SlotColumn[np.int32] = SlotColumn(np.int32)
        self._open: SlotColumn[np.bool_] = SlotColumn(np.bool_)

    def take(self, frames: Sequence[PositionFrame]) -> I32:
        """Take in frames and return the slots that changed, one per row that counted.

        Frames of one region are in order; a driver that crosses from region to region may be
        in two partitions, so the newer production wins.
        """
        if not frames:
            return np.zeros(0, np.int32)
        ordered = sorted(frames, key=lambda frame: frame.produced_ms)
        rows = np.concatenate([frame.rows for frame in ordered])
        produced_ms = np.repeat(
            np.array([frame.produced_ms for frame in ordered], np.int64),
            [len(frame.rows) for frame in ordered],
        )
        slots = self.slots.slots_of(rows["driver"].astype(np.uint64), create=True)
        self._ensure(len(self.slots))
        current = (slots >= 0) & (produced_ms >= self._produced_ms.values.take(slots))
        if not current.all():
            rows, slots, produced_ms = rows[current], slots[current], produced_ms[current]
        self._put(slots, rows, produced_ms)
        return slots

    def _put(self, slots: I32, rows: Rows, produced_ms: I64) -> None:
        self.tick += 1
        self.newest_ms = max(self.newest_ms, int(produced_ms[-1]) if len(produced_ms) else 0)
        put_rows(self._rows.values, slots, rows)
        self._produced_ms.values.put(slots, produced_ms)
        self._changed_at.values.put(slots, self.tick)
        self._cell.values.put(slots, self.cells.numbers_of(rows["lat_e7"], rows["lon_e7"]))
        shown = (rows["state"] == DriverState.OPEN) & (rows["flags"] & _HIDDEN == 0)
        self._open.values.put(slots, shown & (rows["trust"] <= TRUST_MAX))

    def positions(self, slots: I32 | I64) -> Rows:
        """The POSITION rows of slots."""
        return take_rows(self._rows.values, slots)

    def has_seen(self, slot: int) -> bool:
        """Whether the slot's driver was in any frame: slots are also given to awaited drivers."""
        return bool(self._produced_ms.values[slot]) if slot < len(self.slots) else False

    def changed_at(self, slots: I32 | I64) -> I64:
        """The tick at which each slot changed last."""
        return self._changed_at.values.take(slots)

    def cells_of(self, slots: I32 | I64) -> I32:
        return self._cell.values.take(slots)

    def drivers_of(self, slots: I32 | I64) -> U64:
        return self.slots.drivers.take(slots)

    def shown_slots(self, now_ms: int) -> I64:
        """Slots of cars that browsing riders may see: open, fresh, believed."""
        count = len(self.slots)
        self._ensure(count)
        fresh: Bools = self._produced_ms.values[:count] >= now_ms - FRESH_MS
        return np.flatnonzero(self._open.values[:count] & fresh)

    def await_driver(self, driver: int) -> int:
        """The slot of a driver that may not have been seen yet."""
        slot = int(self.slots.slots_of(np.array([driver], np.uint64), create=True)[0])
        self._ensure(len(self.slots))
        return slot

    def _ensure(self, count: int) -> None:
        self._rows.ensure(count)
        self._produced_ms.ensure(count)
        self._changed_at.ensure(count)
        self._cell.ensure(count)
        self._open.ensure(count)

"""What is known of every driver: its newest position, and what the filters remember."""

from typing import Any, Final

import numpy as np

from rideflow.columns.arrays import I32, U64, Index, Rows
from rideflow.columns.driver_slots import DriverSlots
from rideflow.columns.rows import put_rows, take_rows
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.positions import POSITION

# Of each driver, beside its POSITION. `highest` -1: nothing heard; fix_ms 0 in POSITION: nothing
# believed. `seen` has bit i set when sequence `highest - 1 - i` came.
TRACK: Final = np.dtype(
    [
        ("highest", "<i8"),
        ("seen", "<u8"),
        ("newest_fix_ms", "<i8"),  # of any ping whose time was possible, believed or not
        ("rival_fix_ms", "<i8"),  # a place far from the believed one that may turn out true
        ("rival_lat_e7", "<i4"),
        ("rival_lon_e7", "<i4"),
        ("rival_count", "<i4"),
        ("reserved", "<i4"),
    ]
)
_UNHEARD: Final = np.zeros((), TRACK)
_UNHEARD["highest"] = -1
_EVERY_BIT: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


class Tracks:
    """Rows by slot. Fields of all rows may be read; rows are indexed by `take` and `put` only."""

    def __init__(self, *, drivers_max: int) -> None:
        self._slots = DriverSlots(drivers_max=drivers_max)
        self._positions: SlotColumn[Any] = SlotColumn(POSITION)
        self._tracks: SlotColumn[Any] = SlotColumn(TRACK, empty=_UNHEARD)

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def positions(self) -> Rows:
        """POSITION of every slot."""
        return self._positions.values[: len(self._slots)]

    def slots_of(self, drivers: U64) -> I32:
        """The slot of each driver, made where it has none. Raises `SlotsFull`."""
        slots = self._slots.slots_of(drivers, create=True)
        self._positions.ensure(len(self._slots))
        self._tracks.ensure(len(self._slots))
        return slots

    def take(self, slots: Index) -> tuple[Rows, Rows]:
        """Copies of POSITION and TRACK of these slots."""
        return take_rows(self._positions.values, slots), take_rows(self._tracks.values, slots)

    def put(self, slots: Index, positions: Rows, tracks: Rows) -> None:
        put_rows(self._positions.values, slots, positions)
        put_rows(self._tracks.values, slots, tracks)

    def restore(self, positions: Rows) -> None:
        """Take over positions that were produced before, newest last."""
        slots = self.slots_of(positions["driver"])
        put_rows(self._positions.values, slots, positions)
        tracks = take_rows(self._tracks.values, slots)
        tracks["highest"] = positions["sequence"]
        # What came just before is not known; shown a second time it would be a step back.
        tracks["seen"] = _EVERY_BIT
        tracks["newest_fix_ms"] = positions["fix_ms"]
        put_rows(self._tracks.values, slots, tracks)

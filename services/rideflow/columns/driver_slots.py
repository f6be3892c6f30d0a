"""Dense numbers for drivers: a process keeps its facts about a driver in arrays, by slot."""

from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64, U64
from rideflow.columns.paged_table import PagedTable
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.ids import DRIVER_ID_MAX

NO_SLOT: Final = -1

# Ids on a page. Dense ids share pages; each lonely one costs 4 KiB here and 4 in the directory.
_PAGE_BITS: Final = 10


class SlotsFull(Exception):
    """Every slot is taken."""

    def __init__(self, *, drivers_max: int) -> None:
        super().__init__(f"already {drivers_max} drivers have slots")
        self.drivers_max = drivers_max


class DriverSlots:
    """Gives every driver id a slot, 0, 1, 2 ... in order of coming, and finds it again."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self._drivers_max = drivers_max
        self._table = PagedTable(
            keys_max=DRIVER_ID_MAX, page_bits=_PAGE_BITS, pages_max=(1 << 31) >> _PAGE_BITS
        )
        self._drivers: SlotColumn[np.uint64] = SlotColumn(np.uint64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def drivers(self) -> U64:
        """The driver of each slot given so far."""
        return self._drivers.values[: self._count]

    def slots_of(self, drivers: U64, *, create: bool = False) -> I32:
        """Return each driver's slot; `NO_SLOT` where it has none and `create` is false.

        Ids outside 1..DRIVER_ID_MAX never get one. Raises `SlotsFull`.
        """
        ids = drivers.astype(np.int64)
        ids[drivers > np.uint64(DRIVER_ID_MAX)] = 0
        slots = self._table.take(ids) - np.int32(1)
        if create and len(slots) and int(slots.min()) == NO_SLOT:
            self._give(np.unique(ids[(slots == NO_SLOT) & (ids > 0)]))
            slots = self._table.take(ids) - np.int32(1)
        return slots

    def slot_of(self, driver: int) -> int:
        """Return one driver's slot or `NO_SLOT`."""
        return int(self.slots_of(np.array([driver], np.uint64))[0])

    def _give(self, ids: I64) -> None:
        after = self._count + len(ids)
        if after > self._drivers_max:
            raise SlotsFull(drivers_max=self._drivers_max)
        self._drivers.ensure(after)
        self._drivers.values[self._count : after] = ids
        self._table.put(ids, np.arange(self._count + 1, after + 1, dtype=np.int32))
        self._count = after

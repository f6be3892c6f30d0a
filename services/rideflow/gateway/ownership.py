"""Who speaks for a driver: one conduit at a time, the newest.

Pings of one driver are in order only within a socket, so a socket that announces a driver
takes it from the older one, whose later pings for it are refused by name.
"""

from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, U64, Bools
from rideflow.columns.driver_keys import KeysBySlot
from rideflow.columns.driver_slots import NO_SLOT, DriverSlots
from rideflow.columns.slot_column import SlotColumn
from rideflow.gateway.conduit import POST_OWNER, SOCKET_OWNER_MIN

NOBODY: Final = 0


class DriverTaken(Exception):
    """A socket speaks for this driver."""

    def __init__(self, driver: int) -> None:
        super().__init__(f"a socket is open for driver {driver}: send its pings there")
        self.driver = driver


class Ownership:
    """Slots of all drivers ever announced, their log keys, and each one's owner now."""

    def __init__(self, *, drivers_max: int) -> None:
        self._slots = DriverSlots(drivers_max=drivers_max)
        self.keys: Final = KeysBySlot()
        self._owner_of: SlotColumn[np.int32] = SlotColumn(np.int32)
        self._slots_of_owner: dict[int, I32] = {}
        self._next_owner = SOCKET_OWNER_MIN

    def new_owner(self) -> int:
        """A number for a conduit; never given twice."""
        owner = self._next_owner
        self._next_owner += 1
        return owner

    def claim(self, owner: int, drivers: U64) -> set[int]:
        """Let `owner` speak for these drivers. Return the owners that lost any.

        Raises `SlotsFull`.
        """
        slots = self._learn(drivers)
        before = self._owner_of.values.take(slots)
        self._owner_of.values.put(slots, owner)
        self._slots_of_owner[owner] = slots
        return set(np.unique(before).tolist()) - {NOBODY, POST_OWNER, owner}

    def claim_post(self, driver: int) -> None:
        """Let a POST speak for a driver. Raises `DriverTaken` where a socket does, `SlotsFull`."""
        slots = self._learn(np.array([driver], np.uint64))
        if int(self._owner_of.values[slots[0]]) not in (NOBODY, POST_OWNER):
            raise DriverTaken(driver)
        self._owner_of.values.put(slots, POST_OWNER)

    def release(self, owner: int) -> None:
        """Leave the drivers that `owner` still speaks for without one."""
        slots = self._slots_of_owner.pop(owner, None)
        if slots is not None:
            held = slots[self._owner_of.values.take(slots) == owner]
            self._owner_of.values.put(held, NOBODY)

    def owner_of(self, driver: int) -> int:
        """The owner of one driver, or `NOBODY`."""
        slot = self._slots.slot_of(driver)
        return NOBODY if slot == NO_SLOT else int(self._owner_of.values[slot])

    def slots_of(self, drivers: U64, owners: I32) -> tuple[I32, Bools]:
        """Return the slot of each ping's driver, and whether its sender speaks for it."""
        slots = self._slots.slots_of(drivers)
        # Slot -1 reads the last one's owner; the second condition takes that back.
        speaks = self._owner_of.values.take(slots) == owners
        speaks &= slots != NO_SLOT
        return slots, speaks

    def _learn(self, drivers: U64) -> I32:
        slots = self._slots.slots_of(drivers, create=True)
        self._owner_of.ensure(len(self._slots))
        self.keys.learn(self._slots.drivers)
        return slots

"""Which drivers' positions go out the moment they are read: those of watched, matched rides."""

import numpy as np

from rideflow.columns.arrays import I32
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.ids import RideId


class MatchBoard:
    """Rides by the slot of their driver. Bounded by the watched rides."""

    def __init__(self) -> None:
        self._slot_of: dict[RideId, int] = {}
        self._rides_of: dict[int, dict[RideId, None]] = {}
        self._is_followed: SlotColumn[np.bool_] = SlotColumn(np.bool_)

    def __len__(self) -> int:
        return len(self._slot_of)

    def slot_of(self, ride: RideId) -> int | None:
        return self._slot_of.get(ride)

    def follow(self, ride: RideId, slot: int) -> None:
        """Let positions of `slot` go to the watchers of `ride`, and of no other driver."""
        self.drop(ride)
        self._slot_of[ride] = slot
        self._rides_of.setdefault(slot, {})[ride] = None
        self._is_followed.ensure(slot + 1)
        self._is_followed.values[slot] = True

    def drop(self, ride: RideId) -> None:
        slot = self._slot_of.pop(ride, None)
        if slot is None:
            return
        rides = self._rides_of[slot]
        del rides[ride]
        if not rides:
            del self._rides_of[slot]
            self._is_followed.values[slot] = False

    def hits(self, slots: I32) -> list[tuple[RideId, int]]:
        """Watched rides whose driver is among `slots`, each once, with the driver's slot."""
        if not self._slot_of or not len(slots):
            return []
        self._is_followed.ensure(int(slots.max()) + 1)
        followed = slots[self._is_followed.values.take(slots)]
        # A driver twice in one poll: only its newest place is worth a message.
        once = dict.fromkeys(followed.tolist())
        return [(ride, slot) for slot in once for ride in self._rides_of[slot]]

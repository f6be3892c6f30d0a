"""Log keys of many drivers at once: ten decimal digits each, and the partition they choose."""

from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, U64, Bytes2D, Index
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.ids import DRIVER_KEY_WIDTH
from streamcore.record.murmur2 import murmur2_column

_POWERS: Final = np.uint64(10) ** np.arange(DRIVER_KEY_WIDTH - 1, -1, -1, dtype=np.uint64)
_POSITIVE: Final = np.uint32(0x7FFFFFFF)  # Java drops the sign bit before the modulo


def driver_keys(drivers: U64) -> Bytes2D:
    """Return the key of each driver, shape (n, 10): `ids.driver_key`, vectorised."""
    digits = drivers[:, None] // _POWERS % np.uint64(10)
    return (digits + np.uint64(ord("0"))).astype(np.uint8)


class KeysBySlot:
    """Each slot's key and its hash, worked out once per driver and then gathered."""

    def __init__(self) -> None:
        self._known = 0
        self._keys: SlotColumn[np.uint8] = SlotColumn(np.uint8, shape=(DRIVER_KEY_WIDTH,))
        self._hashes: SlotColumn[np.int32] = SlotColumn(np.int32)

    def learn(self, drivers: U64) -> None:
        """Take in the drivers of all slots so far (`DriverSlots.drivers`)."""
        if len(drivers) == self._known:
            return
        self._keys.ensure(len(drivers))
        self._hashes.ensure(len(drivers))
        new = slice(self._known, len(drivers))
        keys = driver_keys(drivers[new])
        self._keys.values[new] = keys
        self._hashes.values[new] = murmur2_column(keys) & _POSITIVE
        self._known = len(drivers)

    def keys_of(self, slots: Index) -> Bytes2D:
        return self._keys.values.take(slots, axis=0)

    def partitions_of(self, slots: Index, *, partition_count: int) -> I32:
        """The partition of each slot's driver in a topic of so many, as Java's client chooses."""
        return self._hashes.values.take(slots) % np.int32(partition_count)

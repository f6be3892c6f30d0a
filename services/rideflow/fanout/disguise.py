"""What a browsing rider may not know: who a car is, and where to the metre.

A car's number is a keyed hash of its driver and the running period of PSEUDONYM_MS, so that
nobody can follow a driver through a day; places are rounded to BLUR_M.
"""

from hashlib import blake2b
from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64, Rows
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.push import PSEUDONYM_MS, CarFlag
from rideflow.fanout.city_view import CityView

BLUR_M: Final = 20
_METRES_E7: Final = 89.83  # 1e-7 degrees of latitude in a metre
_NEVER: Final = -1
_KEY_BYTES_MAX: Final = 64  # of blake2b


class Pseudonyms:
    """Car numbers by slot, worked out when first asked for in a period."""

    def __init__(self, view: CityView, key: bytes) -> None:
        self._view = view
        self._key = key[:_KEY_BYTES_MAX]
        self._cars: SlotColumn[np.uint32] = SlotColumn(np.uint32)
        self._period_of: SlotColumn[np.int64] = SlotColumn(np.int64, empty=_NEVER)

    @staticmethod
    def period(now_ms: int) -> int:
        return now_ms // PSEUDONYM_MS

    def cars(self, slots: I32 | I64, period: int) -> np.typing.NDArray[np.uint32]:
        """The numbers of slots in a period."""
        self._cars.ensure(len(self._view.table.slots))
        self._period_of.ensure(len(self._view.table.slots))
        unknown = slots[self._period_of.values.take(slots) != period]
        if len(unknown):
            self._give(np.unique(unknown), period)
        return self._cars.values.take(slots)

    def _give(self, slots: I32 | I64, period: int) -> None:
        salt = period.to_bytes(8, "little")
        drivers = self._view.table.drivers_of(slots).tolist()
        numbers = [keyed_number(self._key, b"%d" % driver, salt) for driver in drivers]
        self._cars.values.put(slots, numbers)
        self._period_of.values.put(slots, period)


def keyed_number(key: bytes, *facts: bytes) -> int:
    """32 bits that only the holder of the key can work out from the facts."""
    digest = blake2b(b"\0".join(facts), key=key[:_KEY_BYTES_MAX], digest_size=4).digest()
    return int.from_bytes(digest, "little")


def _lon_steps() -> I64:
    latitudes = np.radians(np.arange(-90, 91))
    return np.maximum(1, BLUR_M * _METRES_E7 / np.maximum(np.cos(latitudes), 0.01)).astype(np.int64)


_LAT_STEP: Final = int(BLUR_M * _METRES_E7)
_LON_STEP_OF_DEGREE: Final = _lon_steps()


def blur(cars: Rows) -> None:
    """Round the places of CAR rows in place, and say so in their flags."""
    steps = _LON_STEP_OF_DEGREE.take(cars["lat_e7"] // 10_000_000 + 90)
    cars["lat_e7"] = (cars["lat_e7"] + _LAT_STEP // 2) // _LAT_STEP * _LAT_STEP
    cars["lon_e7"] = (cars["lon_e7"] + steps // 2) // steps * steps
    cars["flags"] |= np.uint8(CarFlag.BLURRED)

"""What a browsing rider sees of a car: the name of these ten minutes, and a rounded place."""

import numpy as np

from rideflow.columns.arrays import I64, Rows
from rideflow.contracts.push import CarFlag
from rideflow.fanout.city_view import CityView
from rideflow.geo.privacy import PSEUDONYM_MS, blurred_e7, pseudonyms


class Disguise:
    """Names and blurs. The key must be kept from riders: who has it can follow a driver."""

    def __init__(self, view: CityView, key: bytes) -> None:
        self._view = view
        self._key = int.from_bytes(key[:8], "little")

    @staticmethod
    def period(now_ms: int) -> int:
        """The number of the period in which names stay."""
        return now_ms // PSEUDONYM_MS

    def cars(self, slots: I64, now_ms: int) -> np.typing.NDArray[np.uint32]:
        """The names of slots now."""
        return pseudonyms(self._view.table.drivers_of(slots), key=self._key, at_ms=now_ms)


def blur(cars: Rows) -> None:
    """Round the places of CAR rows in place, and say so in their flags."""
    cars["lat_e7"] = blurred_e7(cars["lat_e7"])
    cars["lon_e7"] = blurred_e7(cars["lon_e7"])
    cars["flags"] |= np.uint8(CarFlag.BLURRED)

"""CAR rows and push frames (contracts.push), made from POSITION rows by the array."""

from struct import Struct
from typing import Final

import numpy as np

from rideflow.columns.arrays import U64, Rows
from rideflow.contracts.positions import PositionFlag
from rideflow.contracts.push import CAR, PUSH_HEADER, PUSH_VERSION, CarFlag, PushKind

_HEADER: Final = Struct("<BBHIqII")
assert _HEADER.size == PUSH_HEADER.itemsize
_AGO_MAX: Final = 65_535
_DIRECT_CARS: Final = 1 << 31


def cars_of(positions: Rows, cars: np.typing.NDArray[np.uint32], *, base_ms: int) -> Rows:
    """Show POSITION rows as CAR rows under the numbers `cars`, aged against `base_ms`."""
    shown = np.zeros(len(positions), CAR)
    shown["car"] = cars
    for name in ("lat_e7", "lon_e7", "speed_cm_s", "bearing_cdeg", "state"):
        shown[name] = positions[name]
    shown["fix_ago_ms"] = np.clip(base_ms - positions["fix_ms"], 0, _AGO_MAX)
    doubts = positions["flags"]
    shown["flags"] = np.where(doubts & PositionFlag.SUSPECT, CarFlag.SUSPECT, 0) | np.where(
        doubts & PositionFlag.DARK, CarFlag.DARK, 0
    )
    return shown


def gone_cars(cars: np.typing.NDArray[np.uint32]) -> Rows:
    """Rows that take the cars `cars` off a map."""
    gone = np.zeros(len(cars), CAR)
    gone["car"] = cars
    gone["flags"] = CarFlag.GONE
    return gone


def push_frame(
    kind: PushKind, cars: bytes, *, base_ms: int, skipped: int = 0, newest_lag_ms: int = 0
) -> bytes:
    """A binary push message of packed CAR rows."""
    count, rest = divmod(len(cars), CAR.itemsize)
    assert rest == 0, "cars are whole rows"
    return _HEADER.pack(kind, PUSH_VERSION, 0, count, base_ms, skipped, newest_lag_ms) + cars


def operator_cars(drivers: U64) -> np.typing.NDArray[np.uint32]:
    """Stable car numbers for operators: the driver's id where it fits in 31 bits.

    Larger ids are folded into the upper half, where two may meet: ops resolves those it knows.
    """
    folded = drivers % np.uint64(_DIRECT_CARS) + np.uint64(_DIRECT_CARS)
    return np.where(drivers < np.uint64(_DIRECT_CARS), drivers, folded).astype(np.uint32)

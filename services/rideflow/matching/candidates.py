"""Which drivers are looked at for which rides: the nearest of the open ones, then by road."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rideflow.geo.nearest import NOBODY, NearestGrid

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]

# So many more are looked at where drivers have turned a ride down, so that K are left.
_EXTRA_MAX = 16


class PassedOver(IntEnum):
    """Why a near driver is out of the question for a ride."""

    NOT = 0
    NOBODY = 1  # there are fewer open drivers than places in the list
    TURNED_IT_DOWN = 2
    TOO_FAR = 3  # by road
    NO_WAY = 4  # the road network does not lead from there to here


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDrivers:
    """The drivers of one window, as columns."""

    ids: NDArray[np.uint64]
    x: Floats  # metres on the city's plane
    y: Floats
    age_ms: Longs  # of each one's position

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickup:
    """Where a ride begins, and who is not to be asked for it."""

    x: float
    y: float
    turned_down: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """By ride (rows) and candidate (columns), nearest as the crow flies first."""

    driver: Longs  # index into OpenDrivers, NOBODY where there is none
    metres: Floats  # straight line
    eta_s: Floats  # by road; infinity where there is no way, or nobody
    passed_over: Bytes  # PassedOver


class RoadTimes(Protocol):
    """How long drivers take to the pickups of a window."""

    def etas_s(self, driver: Longs, asked: Bools) -> Floats:
        """Seconds by road, of the shape of `driver`: a row for each pickup, in their order.

        Infinity where there is no way or `asked` is false.
        """
        ...


def shortlist(
    pickups: Sequence[Pickup],
    drivers: OpenDrivers,
    times: RoadTimes,
    *,
    k: int,
    eta_s_max: float,
) -> Shortlist:
    """Return for each pickup the k nearest open drivers who have not turned it down, and more."""
    asked_before = max((len(pickup.turned_down) for pickup in pickups), default=0)
    wide = k + min(asked_before, _EXTRA_MAX)
    x = np.array([pickup.x for pickup in pickups])
    y = np.array([pickup.y for pickup in pickups])
    driver, metres = NearestGrid(drivers.x, drivers.y).nearest(x, y, k=wide)
    passed_over = np.where(driver == NOBODY, PassedOver.NOBODY, PassedOver.NOT).astype(np.uint8)
    for row, pickup in enumerate(pickups):
        _mark_turned_down(passed_over[row], drivers.ids, driver[row], pickup.turned_down)
    # Asked also about those who turned the ride down: the decision tells how near they were.
    eta_s = times.etas_s(driver, driver != NOBODY)
    in_question = passed_over == PassedOver.NOT
    passed_over[in_question & (eta_s > eta_s_max)] = PassedOver.TOO_FAR
    passed_over[in_question & np.isinf(eta_s)] = PassedOver.NO_WAY
    return Shortlist(driver=driver, metres=metres, eta_s=eta_s, passed_over=passed_over)


def _mark_turned_down(
    passed_over: Bytes, ids: NDArray[np.uint64], driver: Longs, turned_down: frozenset[int]
) -> None:
    if not turned_down:
        return
    near = np.flatnonzero(driver != NOBODY)
    out = np.isin(ids.take(driver[near]), np.fromiter(turned_down, np.uint64))
    passed_over[near[out]] = PassedOver.TURNED_IT_DOWN

"""Which positions tell how fast a road is, and on which edge."""

from dataclasses import dataclass

import numpy as np

from rideflow.columns.arrays import Rows
from rideflow.columns.rows import take_rows
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import PositionFlag
from rideflow.eta.speed_book import evenly
from rideflow.geo.driver_view import TRUST_BELIEVED_MAX
from rideflow.roads.arrays import Floats, Ints
from rideflow.roads.city_roads import CityRoads

_NOT_A_PLACE = PositionFlag.SUSPECT | PositionFlag.MOCKED | PositionFlag.HELD | PositionFlag.DARK
_ROLLING_CM_S = 50  # slower than a walk: parked, unless on the way with or to a rider
_OFF_ROAD_M = 25.0  # farther from the road than GPS is wrong: not on it


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSamples:
    """An edge and a speed for each car that was part of the traffic."""

    edges: Ints
    kmh: Floats

    def __len__(self) -> int:
        return len(self.edges)


def speed_samples(rows: Rows, roads: CityRoads, *, limit: int) -> SpeedSamples:
    """Take at most `limit` of POSITION rows, evenly, and put them on the roads."""
    rows = take_rows(rows, evenly(len(rows), limit))
    rows = take_rows(rows, np.flatnonzero(_is_traffic(rows)))
    spots = roads.spots(rows["lat_e7"] / 1e7, rows["lon_e7"] / 1e7, rows["bearing_cdeg"] / 100.0)
    near = np.flatnonzero(spots.is_on_road & (spots.distance_m <= _OFF_ROAD_M))
    return SpeedSamples(edges=spots.edge.take(near), kmh=rows["speed_cm_s"].take(near) * 0.036)


def _is_traffic(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    state = rows["state"]
    is_driving = (state == DriverState.EN_ROUTE) | (state == DriverState.ON_TRIP)
    is_believed = (rows["flags"] & np.uint16(_NOT_A_PLACE) == 0) & (
        rows["trust"] <= TRUST_BELIEVED_MAX
    )
    return np.asarray(is_believed & (is_driving | (rows["speed_cm_s"] > _ROLLING_CM_S)))

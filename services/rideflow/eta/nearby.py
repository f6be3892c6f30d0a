"""The nearest open drivers by road, as a stranger may see them."""

import numpy as np

from rideflow.columns.arrays import I64
from rideflow.contracts.replies import NearbyCar
from rideflow.geo.driver_view import DriverView
from rideflow.geo.nearest import NOBODY, NearestGrid
from rideflow.geo.privacy import blurred_e7, pseudonyms
from rideflow.roads.city_roads import CityRoads
from rideflow.roads.hierarchy import UNREACHABLE_MS
from rideflow.roads.spots import Spot

# As the crow flies so many times more are looked at than are wanted by road: a river decides.
_LOOKED_AT = 3
_REBUILT_AFTER_MS = 500


class Nearby:
    """Cars around a place. The index of places is made anew when a question finds it old."""

    def __init__(self, view: DriverView, roads: CityRoads, *, privacy_key: int) -> None:
        self._view = view
        self._roads = roads
        self._key = privacy_key
        self._made_ms = -_REBUILT_AFTER_MS
        self._slots: I64 = np.zeros(0, np.int64)
        self._grid = NearestGrid(np.zeros(0), np.zeros(0))

    @property
    def open_drivers(self) -> int:
        return len(self._slots)

    def cars(self, lat: float, lon: float, spot: Spot, *, k: int, now_ms: int) -> list[NearbyCar]:
        """Return up to k cars, soonest first, for a place and the spot on the road next to it."""
        self._refresh(now_ms)
        plane = self._roads.plane
        x, y = np.array([float(plane.x(lon))]), np.array([float(plane.y(lat))])
        found, _ = self._grid.nearest(x, y, k=k * _LOOKED_AT)
        slots = self._slots.take(found[0][found[0] != NOBODY])
        rows = self._view.positions(slots)
        starts = self._roads.spots(
            rows["lat_e7"] / 1e7, rows["lon_e7"] / 1e7, rows["bearing_cdeg"] / 100.0
        )
        eta_ms = self._roads.etas_ms(starts, spot)
        soonest = np.argsort(eta_ms, kind="stable")[:k]
        names = pseudonyms(rows["driver"].copy(), key=self._key, at_ms=now_ms)
        lats, lons = blurred_e7(rows["lat_e7"]), blurred_e7(rows["lon_e7"])
        return [
            NearbyCar(
                car=int(names[place]),
                lat=int(lats[place]) / 1e7,
                lon=int(lons[place]) / 1e7,
                bearing=round(float(rows["bearing_cdeg"][place]) / 100.0),
                eta_s=round(float(eta_ms[place]) / 1000.0, 1),
                age_ms=max(0, now_ms - int(rows["fix_ms"][place])),
            )
            for place in soonest.tolist()
            if eta_ms[place] < UNREACHABLE_MS
        ]

    def _refresh(self, now_ms: int) -> None:
        if now_ms - self._made_ms < _REBUILT_AFTER_MS:
            return
        self._made_ms = now_ms
        self._slots = self._view.open_slots(now_ms=now_ms)
        rows = self._view.positions(self._slots)
        plane = self._roads.plane
        self._grid = NearestGrid(plane.x(rows["lon_e7"] / 1e7), plane.y(rows["lat_e7"] / 1e7))

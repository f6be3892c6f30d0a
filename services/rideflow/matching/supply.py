"""The drivers of a window: open, fresh, believed, and bound to no ride."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rideflow.contracts.rides import Place, RideFact
from rideflow.geo.driver_view import DriverView
from rideflow.matching.candidates import Bools, Floats, Longs, OpenDrivers
from rideflow.roads.city_roads import CityRoads
from rideflow.roads.hierarchy import UNREACHABLE_MS
from rideflow.roads.spots import Spot, Spots


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """The open drivers of one window, with what snapping them to roads needs."""

    drivers: OpenDrivers
    lat: Floats
    lon: Floats
    bearing_deg: Floats


def supply(view: DriverView, roads: CityRoads, engaged: Iterable[int], *, now_ms: int) -> Supply:
    """Return who may be asked now. A driver with a ride or an offer is none of them, whatever
    his pings say."""
    slots = view.open_slots(now_ms=now_ms)
    slots = slots[~np.isin(slots, view.slots_of(engaged))]
    rows = view.positions(slots)
    lat, lon = rows["lat_e7"] / 1e7, rows["lon_e7"] / 1e7
    return Supply(
        drivers=OpenDrivers(
            ids=rows["driver"].copy(),
            x=roads.plane.x(lon),
            y=roads.plane.y(lat),
            age_ms=np.maximum(now_ms - rows["fix_ms"], 0),
        ),
        lat=lat,
        lon=lon,
        bearing_deg=rows["bearing_cdeg"] / 100.0,
    )


class RoadTimesOfWindow:
    """Times by road from the supply to the pickups of a window.

    Drivers are put on the roads when they are asked about: of 30,000 a window looks at a few
    hundred.
    """

    def __init__(self, roads: CityRoads, offered: Supply, rides: Sequence[RideFact]) -> None:
        self._roads = roads
        self._supply = offered
        lat = np.array([ride.pickup.lat for ride in rides])
        lon = np.array([ride.pickup.lon for ride in rides])
        spots = roads.spots(lat, lon)
        self._pickups: list[Spot | None] = [
            spots[number] if is_near else None for number, is_near in enumerate(spots.is_on_road)
        ]

    def etas_s(self, driver: Longs, asked: Bools) -> Floats:
        eta_s = np.full(driver.shape, np.inf)
        present, place = np.unique(driver[asked], return_inverse=True)
        spots = self._spots(present)
        spot_of = np.zeros(driver.shape, np.int64)
        spot_of[asked] = place
        for row, pickup in enumerate(self._pickups):
            columns = np.flatnonzero(asked[row])
            if pickup is not None and len(columns):
                chosen = spots.take(spot_of[row, columns])
                eta_s[row, columns] = self._seconds(chosen, pickup)
        return eta_s

    def trip_s(self, ride: int, destination: Place) -> float | None:
        """Seconds from the pickup of ride number `ride` on; None where a road is missing."""
        pickup = self._pickups[ride]
        end = self._roads.spot(destination.lat, destination.lon)
        if pickup is None or end is None:
            return None
        # A car at the kerb leaves in whichever direction is shorter.
        route = self._roads.route(pickup, end, either_way=True)
        return None if route is None else route.travel_ms / 1000.0

    def _seconds(self, starts: Spots, pickup: Spot) -> Floats:
        etas_ms = self._roads.etas_ms(starts, pickup)
        return np.where(etas_ms < UNREACHABLE_MS, etas_ms / 1000.0, np.inf)

    def _spots(self, drivers: Longs) -> Spots:
        offered = self._supply
        return self._roads.spots(
            offered.lat.take(drivers),
            offered.lon.take(drivers),
            offered.bearing_deg.take(drivers),
        )

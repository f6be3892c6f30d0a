"""Who wants to go where, and when: riders' trips from a seed, by place and time of day.

Rider r's trip k is a pure function of (seed, rider, k), so the demand of a run does not depend
on how quickly the rides of that run are served.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, exp, log, radians, sin

import numpy as np

from citysim.city.chance import Purpose, unit
from citysim.city.streets import Streets
from citysim.city.traffic import centre_share, rush
from rideflow.roads.graph import RoadClass
from rideflow.roads.plane import Plane
from rideflow.roads.routes import place_of
from rideflow.roads.snap import RoadSnap
from rideflow.roads.spots import Spot

_TRIES = 12  # directions in which a destination at the wanted distance is looked for
_WALKS = 3
_METRES_MIN = 500.0
_METRES_MAX = 12_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandShape:
    """How people travel. A short hop is as long as the walk along streets that it ends; the
    others are so long in a straight line, and about a third longer by road."""

    short_share: float = 0.4
    short_m_min: float = 200.0
    short_m_max: float = 700.0
    usual_m: float = 2_600.0  # median of the others
    spread: float = 0.6  # of the logarithm
    first_wait_s: float = 8.0  # everyone's first trip begins within it
    cancel_share: float = 0.03  # of trips: given up again, if the rider is not on board by then
    pause_s: float = 45.0  # mean time from the end of a trip to asking for the next, at night


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One trip that a rider wants. `pause_ms`: from the end of the trip before, or the start."""

    rider: int
    number: int
    pause_ms: int
    pickup: Spot
    destination: Spot
    pickup_place: tuple[float, float]  # lon, lat
    destination_place: tuple[float, float]
    cancel_after_ms: int | None  # from asking; None: the rider is patient


class Demand:
    """All riders' wishes at an hour of the day."""

    def __init__(
        self, streets: Streets, snap: RoadSnap, *, seed: int, hour: float, shape: DemandShape
    ) -> None:
        self._streets, self._graph, self._snap = streets, streets.graph, snap
        self._seed, self._hour, self._shape = seed, hour, shape
        graph = streets.graph
        # People are where streets are dense, more so in the centre; nobody waits on a motorway.
        weight = graph.length_m * (0.4 + 4.0 * centre_share(streets))
        weight[graph.road_class < RoadClass.SECONDARY] = 0.0
        if not weight.any():
            weight = graph.length_m.copy()
        self._until = np.cumsum(weight)

    def trip(self, rider: int, number: int) -> Trip:
        """Return the rider's trip; numbers count from 0."""
        pickup = self._anywhere(rider, number, 1)
        place = place_of(self._graph, pickup)
        destination = self._destination(rider, number, pickup, place)
        return Trip(
            rider=rider,
            number=number,
            pause_ms=self._pause_ms(rider, number),
            pickup=pickup,
            destination=destination,
            pickup_place=place,
            destination_place=place_of(self._graph, destination),
            cancel_after_ms=self._cancel_after_ms(rider, number),
        )

    def within(self, *, riders: int, duration_s: float) -> Iterator[Trip]:
        """Yield every trip that could be asked for in a run, rider by rider.

        That is, if all trips took no time: what a run asks for is always a beginning of it.
        """
        for rider in range(riders):
            number, at_ms = 0, 0
            while (at_ms := at_ms + self._pause_ms(rider, number)) < duration_s * 1000:
                yield self.trip(rider, number)
                number += 1

    def _chance(self, rider: int, number: int, what: int) -> float:
        return unit(self._seed, Purpose.TRIP, rider, number, what)

    def _pause_ms(self, rider: int, number: int) -> int:
        share = self._chance(rider, number, 0)
        if number == 0:
            return int(1000 * self._shape.first_wait_s * share)
        mean_s = self._shape.pause_s / (1.0 + rush(self._hour))
        return int(1000 * (5.0 - mean_s * log(1.0 - share)))

    def _cancel_after_ms(self, rider: int, number: int) -> int | None:
        share = self._chance(rider, number, 0xCA)
        if share >= self._shape.cancel_share:
            return None
        return 2_000 + int(18_000 * share / self._shape.cancel_share)

    def _anywhere(self, rider: int, number: int, what: int) -> Spot:
        """Return a place where people are, by two numbers of chance: `what` and the next."""
        wanted = self._chance(rider, number, what) * self._until[-1]
        edge = int(np.searchsorted(self._until, wanted, side="right"))
        edge = min(edge, len(self._until) - 1)
        share = self._chance(rider, number, what + 1)
        return Spot(edge=edge, offset_m=share * float(self._graph.length_m[edge]))

    def _destination(
        self, rider: int, number: int, pickup: Spot, place: tuple[float, float]
    ) -> Spot:
        if self._chance(rider, number, 3) < self._shape.short_share:
            return self._hop(rider, number, pickup, place)
        metres = self._usual_m(rider, number)
        plane = Plane(lon=place[0], lat=place[1])
        turn = 360.0 * self._chance(rider, number, 5)
        angles = [radians(turn + 360.0 * k / _TRIES) for k in range(_TRIES)]
        lon = plane.to_lon([metres * sin(angle) for angle in angles])
        lat = plane.to_lat([metres * cos(angle) for angle in angles])
        spots = self._snap.snap(lon, lat)
        is_good = spots.is_on_road & (spots.edge != pickup.edge)
        is_good &= spots.edge != self._graph.reverse[pickup.edge]
        found = np.flatnonzero(is_good)
        if len(found):
            return spots[int(found[0])]
        # The city ends there: anywhere else, then.
        elsewhere = (self._anywhere(rider, number, 6 + 2 * attempt) for attempt in range(_TRIES))
        return next((spot for spot in elsewhere if spot.edge != pickup.edge), pickup)

    def _hop(self, rider: int, number: int, pickup: Spot, place: tuple[float, float]) -> Spot:
        """Return the farthest end of some walks of one length: nobody rides round the block."""
        shape, share = self._shape, self._chance(rider, number, 4)
        metres = shape.short_m_min + (shape.short_m_max - shape.short_m_min) * share
        plane = Plane(lon=place[0], lat=place[1])

        def distance_m(spot: Spot) -> float:
            lon, lat = place_of(self._graph, spot)
            return float(np.hypot(plane.x(lon), plane.y(lat)))

        walks = (self._walk(rider, number, walk, pickup, metres) for walk in range(_WALKS))
        return max(walks, key=distance_m)

    def _walk(self, rider: int, number: int, walk: int, pickup: Spot, metres: float) -> Spot:
        streets, length_m = self._streets, self._graph.length_m
        edge, left_m, turn = pickup.edge, metres + pickup.offset_m, (1 + walk) << 16
        while left_m > length_m[edge]:
            left_m -= float(length_m[edge])
            ways = streets.turns[streets.turn_start[edge] : streets.turn_start[edge + 1]]
            edge = int(ways[int(len(ways) * self._chance(rider, number, turn))])
            turn += 1
        return Spot(edge=edge, offset_m=left_m)

    def _usual_m(self, rider: int, number: int) -> float:
        """Return a length of the usual kind: a logistic number, close to normal, of logarithms."""
        share = self._chance(rider, number, 4)
        bent = log(max(share, 1e-9) / max(1.0 - share, 1e-9)) / 1.702
        metres = self._shape.usual_m * exp(self._shape.spread * bent)
        return min(max(metres, _METRES_MIN), _METRES_MAX)

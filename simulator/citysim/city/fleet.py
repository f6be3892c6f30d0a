"""All drivers of the city as flat arrays, and the step that moves some of them.

A driver's free way is a pure function of (seed, driver, step): which drivers are stepped
together, and when on the clock, changes nothing. A driver with a ride follows its plan.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from citysim.city.chance import Purpose, hashes, key, units
from citysim.city.streets import Streets
from citysim.city.traffic import centre_share
from rideflow.roads.arrays import Floats, Ints, Longs
from rideflow.roads.routes import Route
from rideflow.roads.spots import Spot

_EDGES_PER_STEP_MAX = 64  # a step over more edges than that means that an edge has no length


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Where the drivers `first .. first + len(lon_e7)` are after a step."""

    first: int
    lon_e7: Floats
    lat_e7: Floats
    bearing_cdeg: Floats
    speed_mps: Floats
    arrived: list[int]  # drivers that stand at the end of their plan since this step


@dataclass(slots=True)
class _Plan:
    edges: deque[int]
    end_m: float
    has_arrived: bool = field(default=False)


class Fleet:
    """Where every driver is. Index = driver; what the world calls it is not known here."""

    def __init__(self, streets: Streets, *, drivers: int, seed: int) -> None:
        self._streets = streets
        self._turn_salt = key(seed, Purpose.TURN)
        everyone = np.arange(drivers)
        self.count = drivers
        self.at_m, self.edge = _start(streets, everyone, seed)
        # Some drive below the usual speed, some above: 0.85 .. 1.15.
        self.pace = 0.85 + 0.3 * units(key(seed, Purpose.DRIVER_PACE), everyone)
        self._edge_end = streets.base[self.edge + 1]
        self._stop_at = np.full(drivers, np.inf)
        self._point = streets.point(self.at_m)
        self._piece_end = streets.point_at[self._point + 1]
        self._is_planned = np.zeros(drivers, np.bool_)
        self._plans: dict[int, _Plan] = {}

    def spot(self, driver: int) -> Spot:
        edge = int(self.edge[driver])
        return Spot(edge=edge, offset_m=float(self.at_m[driver] - self._streets.base[edge]))

    def follow(self, driver: int, route: Route) -> None:
        """Drive along a route that begins at the driver's spot, and stand at its end."""
        assert int(route.edges[0]) == int(self.edge[driver])
        plan = _Plan(edges=deque(route.edges[1:].tolist()), end_m=route.end_m)
        self._plans[driver] = plan
        self._is_planned[driver] = True
        self._stop_at[driver] = np.inf
        self._stop_if_last(driver, plan)

    def release(self, driver: int) -> None:
        """Forget the plan; the driver roams again from where it is."""
        self._plans.pop(driver, None)
        self._is_planned[driver] = False
        self._stop_at[driver] = np.inf

    def step(self, first: int, last: int, *, step: int, dt_s: float, speeds_mps: Floats) -> Moved:
        """Move the drivers `first .. last` (exclusive) by `dt_s` seconds; `step` is their count."""
        here = slice(first, last)
        streets = self._streets
        speed_mps = speeds_mps[self.edge[here]] * self.pace[here]
        before = self.at_m[here].copy()
        # Whoever may not go beyond the end of its plan must not be seen crossing a junction.
        self.at_m[here] = np.minimum(before + speed_mps * dt_s, self._stop_at[here])
        self._cross_junctions(first, last, step)
        arrived = self._stop(first, last, before, speed_mps)
        self._find_pieces(first, last)
        at_m, point = self.at_m[here], self._point[here]
        into_m = at_m - streets.point_at[point]
        return Moved(
            first=first,
            lon_e7=streets.lon_e7[point] + into_m * streets.lon_e7_per_m[point],
            lat_e7=streets.lat_e7[point] + into_m * streets.lat_e7_per_m[point],
            bearing_cdeg=streets.bearing_cdeg[point],
            speed_mps=speed_mps,
            arrived=arrived,
        )

    def _cross_junctions(self, first: int, last: int, step: int) -> None:
        """Move those who are past the end of their edge on to the next, until nobody is."""
        crossing = first + np.flatnonzero(self.at_m[first:last] >= self._edge_end[first:last])
        for turn in range(_EDGES_PER_STEP_MAX):
            if not len(crossing):
                return
            over_m = self.at_m[crossing] - self._edge_end[crossing]
            edge = self._ways_on(crossing, step * _EDGES_PER_STEP_MAX + turn)
            self.edge[crossing] = edge
            self.at_m[crossing] = self._streets.base[edge] + over_m
            self._edge_end[crossing] = self._streets.base[edge + 1]
            self._piece_end[crossing] = -1.0
            if self._is_planned[crossing].any():
                self._enter_planned(crossing)
            is_past = self.at_m[crossing] >= self._edge_end[crossing]
            crossing = crossing[is_past]
        self.at_m[crossing] = self._streets.base[self.edge[crossing]]

    def _ways_on(self, crossing: Longs, when: int) -> Ints:
        edge = self.edge[crossing]
        start = self._streets.turn_start[edge]
        ways = (self._streets.turn_start[edge + 1] - start).astype(np.uint64)
        chosen = (hashes(self._turn_salt, crossing, when) >> np.uint64(32)) % ways
        turns = self._streets.turns[start + chosen.astype(np.int64)]
        for place in np.flatnonzero(self._is_planned[crossing]).tolist():
            plan = self._plans[int(crossing[place])]
            if plan.edges:
                turns[place] = plan.edges.popleft()
        return turns

    def _enter_planned(self, crossing: Longs) -> None:
        for driver in crossing[self._is_planned[crossing]].tolist():
            self._stop_if_last(driver, self._plans[driver])
            self.at_m[driver] = min(self.at_m[driver], self._stop_at[driver])

    def _stop_if_last(self, driver: int, plan: _Plan) -> None:
        if not plan.edges:
            edge = int(self.edge[driver])
            begin, end = float(self._streets.base[edge]), float(self._streets.base[edge + 1])
            # Below the end, else the driver would count as past it.
            self._stop_at[driver] = min(begin + plan.end_m, float(np.nextafter(end, begin)))

    def _stop(self, first: int, last: int, before: Floats, speed_mps: Floats) -> list[int]:
        """Hold those at the end of their plan; return the ones who came there now."""
        standing = np.flatnonzero(self.at_m[first:last] >= self._stop_at[first:last])
        arrived = []
        for place in standing.tolist():
            driver = first + place
            self._piece_end[driver] = -1.0
            if self.at_m[driver] == before[place]:
                speed_mps[place] = 0.0
            plan = self._plans[driver]
            if not plan.has_arrived:
                plan.has_arrived = True
                arrived.append(driver)
        return arrived

    def _find_pieces(self, first: int, last: int) -> None:
        """Find the piece of road of those who left theirs; -1 marks a change of edge."""
        gone = first + np.flatnonzero(self.at_m[first:last] >= self._piece_end[first:last])
        point = self._streets.point(self.at_m[gone])
        self._point[gone] = point
        self._piece_end[gone] = self._streets.point_at[point + 1]


def _start(streets: Streets, everyone: Longs, seed: int) -> tuple[Floats, Ints]:
    """Return where drivers begin: anywhere on a road, three times as likely in the centre."""
    weight = streets.graph.length_m * (1.0 + 2.0 * centre_share(streets))
    until = np.cumsum(weight)
    salt = key(seed, Purpose.DRIVER_START)
    edge = np.searchsorted(until, units(salt, everyone) * until[-1], side="right")
    edge = np.minimum(edge, len(until) - 1).astype(np.int32)
    share = units(salt, everyone, when=1)
    return streets.base[edge] + share * (streets.base[edge + 1] - streets.base[edge]), edge

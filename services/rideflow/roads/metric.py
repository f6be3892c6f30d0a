"""Travel times in force on the road network: ETAs of many drivers to one place, and routes.

New speeds come in every few seconds. Two metrics take turns: the one at rest is reset to
the new times while the other still answers, then they swap.
"""

from itertools import product

import numpy as np

from rideflow.roads.arrays import Ints, Longs
from rideflow.roads.graph import RoadGraph
from rideflow.roads.hierarchy import UNREACHABLE_MS, Hierarchy, Metric
from rideflow.roads.routes import Route
from rideflow.roads.spots import Spot, Spots

# A spot in one direction: the edge, and metres along it. Bare, since each fan-in makes two.
_Way = tuple[int, float]


class LiveMetric:
    """Answers how long it takes now. Use it in the thread that made it (see `Metric`)."""

    def __init__(self, hierarchy: Hierarchy, travel_ms: Ints | None = None) -> None:
        """Start with `travel_ms` by edge, or with free flow."""
        self._graph = hierarchy.graph
        times = self._graph.travel_ms if travel_ms is None else travel_ms
        self._pair: tuple[Metric, Metric] = (
            hierarchy.customised(times),
            hierarchy.customised(times),
        )
        self._live = 0
        # One row more than edges: NO_EDGE is -1, so a driver on no road finds himself there, as
        # far away as nothing is. That spares each fan-in a look for such drivers.
        self._head = np.append(self._graph.head, np.int32(0))
        self._length_m = np.append(np.maximum(self._graph.length_m, 1e-6), float(UNREACHABLE_MS))
        self._put_in_force(times)

    @property
    def graph(self) -> RoadGraph:
        return self._graph

    @property
    def travel_ms(self) -> Ints:
        """The times in force, by edge."""
        return self._travel_ms

    def refresh(self, travel_ms: Ints) -> None:
        """Put new times by edge, at least 1 ms each, in force; about 3 ms for 30,000 edges."""
        spare = 1 - self._live
        self._pair[spare].reset(travel_ms)
        self._live = spare
        self._put_in_force(travel_ms)

    def node_etas_ms(self, sources: Ints, target: int) -> Longs:
        """Return the time from each source node to the target node, in ms."""
        # A negative node is a large one without its sign: one look for both ends.
        assert sources.astype(np.uint32).max(initial=0) < self._graph.node_count
        return _longs(self._metric.fan_in_ms(sources.tolist(), [(target, 0)]))

    def etas_ms(self, drivers: Spots, pickup: Spot) -> Longs:
        """Return each driver's time to the pickup, which may be reached from either direction.

        A driver on the pickup's own stretch who has not passed it yet goes there straight;
        nobody turns in the middle of an edge. `UNREACHABLE_MS` or more for drivers on no road.
        """
        edge, ways = drivers.edge, self._both_ways(pickup)
        heads: list[int] = self._head.take(edge).tolist()
        rest_ms = (self._length_m.take(edge) - drivers.offset_m) * self._ms_per_m.take(edge)
        etas = _longs(self._metric.fan_in_ms(heads, self._approaches(ways)))
        etas += rest_ms.astype(np.int64)
        for way in ways:
            # Whoever is on an edge has its head before him, and a list is searched sooner than
            # an array.
            if self._head.item(way[0]) in heads:
                self._go_straight(etas, drivers, way)
        return etas

    def _go_straight(self, etas: Longs, drivers: Spots, way: _Way) -> None:
        """Put the time along the edge for drivers on it who are before the spot."""
        edge, until_m = way
        for place in np.flatnonzero(drivers.edge == edge).tolist():
            ahead_m = until_m - drivers.offset_m.item(place)
            if ahead_m >= 0.0:
                etas[place] = self._along_ms(edge, ahead_m)

    def route(self, start: Spot, end: Spot, *, either_way: bool = False) -> Route | None:
        """Return the quickest way, ending on whichever side of the road is sooner.

        `either_way`: it may begin in either direction too, as for a person at the kerb whose
        car is still to come; a car goes on in its own. None where there is no way, which a
        strongly connected city does not have.
        """
        starts = self._both_ways(start) if either_way else [(start.edge, start.offset_m)]
        ends = self._both_ways(end)
        for begin, target in product(starts, ends):
            if begin[0] == target[0] and begin[1] <= target[1]:
                travel_ms = self._along_ms(begin[0], target[1] - begin[1])
                return _route([begin[0]], begin, target, travel_ms)
        leaving = [(self._head.item(edge), self._rest_ms(edge, m)) for edge, m in starts]
        arriving = self._approaches(ends)
        found = self._metric.path(leaving, arriving)
        if found is None:
            return None
        travel_ms, nodes, edges = found
        begin = _used(starts, leaving, nodes[0])
        target = _used(ends, arriving, nodes[-1])
        return _route([begin[0], *edges, target[0]], begin, target, travel_ms)

    def _put_in_force(self, travel_ms: Ints) -> None:
        self._travel_ms = travel_ms
        self._ms_per_m = np.append(travel_ms / self._length_m[:-1], 1.0)

    @property
    def _metric(self) -> Metric:
        return self._pair[self._live]

    def _both_ways(self, spot: Spot) -> list[_Way]:
        """Return the spot and, on a two-way road, the same place on the other direction."""
        edge, offset_m = spot.edge, spot.offset_m
        reverse = self._graph.reverse.item(edge)
        if reverse < 0:
            return [(edge, offset_m)]
        return [(edge, offset_m), (reverse, max(0.0, self._length_m.item(reverse) - offset_m))]

    def _approaches(self, ways: list[_Way]) -> list[tuple[int, int]]:
        """Return the nodes from which a spot is driven to, with the time from there."""
        tail, ms_per_m = self._graph.tail, self._ms_per_m
        return [(tail.item(edge), int(metres * ms_per_m.item(edge))) for edge, metres in ways]

    def _along_ms(self, edge: int, metres: float) -> int:
        return int(metres * self._ms_per_m.item(edge))

    def _rest_ms(self, edge: int, offset_m: float) -> int:
        return self._along_ms(edge, max(0.0, self._length_m.item(edge) - offset_m))


def _route(edges: list[int], begin: _Way, end: _Way, travel_ms: int) -> Route:
    return Route(
        edges=np.array(edges, np.int32), start_m=begin[1], end_m=end[1], travel_ms=travel_ms
    )


def _used(ways: list[_Way], joints: list[tuple[int, int]], node: int) -> _Way:
    """Return the way that a route uses which meets `node`: of a loop's two, the sooner."""
    _, number = min((ms, i) for i, (joint, ms) in enumerate(joints) if joint == node)
    return ways[number]


def _longs(found: list[int | None]) -> Longs:
    try:
        return np.array(found, np.int64)
    except TypeError:  # None, which a strongly connected city does not have
        return np.array([UNREACHABLE_MS if ms is None else ms for ms in found], np.int64)

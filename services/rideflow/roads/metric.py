"""Travel times in force on the road network: ETAs of many drivers to one place, and routes.

New speeds come in every few seconds. Two metrics take turns: the one at rest is reset to
the new times while the other still answers, then they swap.
"""

import numpy as np

from rideflow.roads.arrays import Floats, Ints, Longs
from rideflow.roads.graph import RoadGraph
from rideflow.roads.hierarchy import UNREACHABLE_MS, Hierarchy, Metric
from rideflow.roads.routes import Route
from rideflow.roads.spots import NO_EDGE, Spot, Spots


class LiveMetric:
    """Answers how long it takes now. Use it in the thread that made it (see `Metric`)."""

    def __init__(self, hierarchy: Hierarchy, travel_ms: Ints | None = None) -> None:
        """Start with `travel_ms` by edge, or with free flow."""
        self._graph = hierarchy.graph
        self._travel_ms = self._graph.travel_ms if travel_ms is None else travel_ms
        self._pair: tuple[Metric, Metric] = (
            hierarchy.customised(self._travel_ms),
            hierarchy.customised(self._travel_ms),
        )
        self._live = 0

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
        self._travel_ms = travel_ms

    def node_etas_ms(self, sources: Ints, target: int) -> Longs:
        """Return the time from each source node to the target node, in ms."""
        return self._metric.fan_in_ms(sources, [(target, 0)])

    def etas_ms(self, drivers: Spots, pickup: Spot) -> Longs:
        """Return each driver's time to the pickup, which may be reached from either direction.

        A driver on the pickup's own stretch who has not passed it yet goes there straight;
        nobody turns in the middle of an edge. `UNREACHABLE_MS` for drivers on no road.
        """
        if len(drivers) and drivers.edge.min() < 0:
            return self._etas_of_those_on_roads(drivers, pickup)
        edge, both = drivers.edge, self._both_ways(pickup)
        around = self._metric.fan_in_ms(self._graph.head[edge], self._approaches(both))
        etas = around + self._remaining_ms(edge, drivers.offset_m)
        for target in both:
            for place in np.flatnonzero(edge == target.edge).tolist():
                ahead_m = target.offset_m - float(drivers.offset_m[place])
                if ahead_m >= 0.0:
                    etas[place] = self._part_ms(target.edge, ahead_m)
        return etas

    def _etas_of_those_on_roads(self, drivers: Spots, pickup: Spot) -> Longs:
        etas = np.full(len(drivers), UNREACHABLE_MS, np.int64)
        on_road = np.flatnonzero(drivers.edge != NO_EDGE)
        columns = (drivers.edge[on_road], drivers.offset_m[on_road], drivers.distance_m[on_road])
        edge, offset_m, distance_m = columns
        snapped = Spots(edge=edge, offset_m=offset_m, distance_m=distance_m)
        etas[on_road] = self.etas_ms(snapped, pickup)
        return etas

    def route(self, start: Spot, end: Spot) -> Route | None:
        """Return the quickest way, ending on whichever side of the road is sooner.

        None where there is no way, which a strongly connected city does not have.
        """
        both = self._both_ways(end)
        for target in both:
            if start.edge == target.edge and start.offset_m <= target.offset_m:
                share = (target.offset_m - start.offset_m) / self._length(target.edge)
                return Route(
                    edges=np.array([start.edge], np.int32),
                    start_m=start.offset_m,
                    end_m=target.offset_m,
                    travel_ms=int(share * self._travel_ms[target.edge]),
                )
        rest_ms = self._part_ms(start.edge, self._length(start.edge) - start.offset_m)
        sources = [(int(self._graph.head[start.edge]), rest_ms)]
        found = self._metric.path(sources, self._approaches(both))
        if found is None:
            return None
        travel_ms, nodes, edges = found
        target = next(way for way in both if self._graph.tail[way.edge] == nodes[-1])
        return Route(
            edges=np.array([start.edge, *edges, target.edge], np.int32),
            start_m=start.offset_m,
            end_m=target.offset_m,
            travel_ms=travel_ms,
        )

    @property
    def _metric(self) -> Metric:
        return self._pair[self._live]

    def _both_ways(self, spot: Spot) -> list[Spot]:
        """Return the spot and, on a two-way road, the same place on the other direction."""
        reverse = int(self._graph.reverse[spot.edge])
        if reverse < 0:
            return [spot]
        other_m = max(0.0, self._length(reverse) - spot.offset_m)
        return [spot, Spot(edge=reverse, offset_m=other_m)]

    def _approaches(self, both: list[Spot]) -> list[tuple[int, int]]:
        """Return the nodes from which a spot is driven to, with the time from there."""
        return [
            (int(self._graph.tail[way.edge]), self._part_ms(way.edge, way.offset_m)) for way in both
        ]

    def _length(self, edge: int) -> float:
        return max(float(self._graph.length_m[edge]), 1e-6)

    def _part_ms(self, edge: int, metres: float) -> int:
        return int(max(metres, 0.0) / self._length(edge) * self._travel_ms[edge])

    def _remaining_ms(self, edge: Ints, offset_m: Floats) -> Longs:
        share = 1.0 - offset_m / np.maximum(self._graph.length_m[edge], 1e-6)
        return np.asarray((share.clip(0.0, 1.0) * self._travel_ms[edge]).astype(np.int64))

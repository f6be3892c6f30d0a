"""Customisable contraction hierarchy of a road graph: built once, shared by its metrics.

After Dibbelt, Strasser and Wagner, "Customizable Contraction Hierarchies" (2014); the
engine is RoutingKit. This is the one module that speaks to it.
"""

from typing import Any

import routingkit_cch

from rideflow.roads.arrays import Ints
from rideflow.roads.graph import RoadGraph

UNREACHABLE_MS = 2**31 - 1


class Hierarchy:
    """The part of the routing index that does not depend on travel times. May be shared."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self.engine: Any = routingkit_cch.CCH(
            graph.node_order.tolist(), graph.tail.tolist(), graph.head.tolist(), False
        )

    def customised(self, travel_ms: Ints) -> "Metric":
        return Metric(self, travel_ms)


class Metric:
    """Travel times in force, and the queries on them.

    Belongs to the thread that made it: the engine panics when a query object is used in
    another, and its PanicException is no `Exception`.
    """

    def __init__(self, hierarchy: Hierarchy, travel_ms: Ints) -> None:
        self._node_count = hierarchy.graph.node_count
        self._edge_count = hierarchy.graph.edge_count
        self._engine: Any = routingkit_cch.CCHMetric(hierarchy.engine, self._weights(travel_ms))
        self._fan_in: Any = None
        self._query: Any = None

    def reset(self, travel_ms: Ints) -> None:
        """Replace the travel times. The queries made on the old ones are dropped first:

        the engine panics ("cannot reset weights while there are active queries") if one lives.
        """
        self._fan_in = self._query = None
        self._engine.reset(self._weights(travel_ms))

    def fan_in_ms(self, sources: list[int], targets: list[tuple[int, int]]) -> list[int | None]:
        """Return the time from each source node to the nearest of the targets.

        Targets are pairs of node and a time in ms to add. None where there is no way. Plain
        lists, which are what the engine speaks: an array made of them costs as much as using it.
        """
        assert len(targets) > 0
        if not sources:
            return []
        if self._fan_in is None:
            self._fan_in = routingkit_cch.CCHManyToOne(self._engine, sources)
        else:
            self._fan_in.repin_sources(sources)
        found: list[int | None] = self._fan_in.distances_to_multi(targets)
        return found

    def path(
        self, sources: list[tuple[int, int]], targets: list[tuple[int, int]]
    ) -> tuple[int, list[int], list[int]] | None:
        """Return the quickest way from any source to any target, as total ms, nodes and edges.

        Sources and targets are pairs of node and a time to add. None where there is no way.
        """
        if self._query is None:
            self._query = routingkit_cch.CCHQuery(self._engine)
        result = self._query.run_multi(sources, targets)
        if result.distance is None:
            return None
        return result.distance, result.node_path, result.arc_path

    def _weights(self, travel_ms: Ints) -> list[int]:
        assert len(travel_ms) == self._edge_count
        assert travel_ms.min() > 0, "an edge that takes no time makes routes ambiguous"
        weights: list[int] = travel_ms.tolist()
        return weights

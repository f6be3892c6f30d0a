"""The speeds of roads as read from traffic.speeds, and the travel times that follow."""

import numpy as np

from rideflow.contracts.rides import SegmentSpeed
from rideflow.roads.arrays import Ints
from rideflow.roads.graph import RoadGraph
from rideflow.roads.live_times import live_travel_ms

# The topic is compacted: what stands there may be of another day.
_FRESH_MS_MAX = 900_000


class SpeedsSeen:
    """The newest speed of each edge of one city pack."""

    def __init__(self, graph: RoadGraph, pack: str) -> None:
        """`pack`: digest of the city pack; speeds of others mean nothing here."""
        self._graph = graph
        self._pack = pack
        self._kmh = np.zeros(graph.edge_count)
        self._samples = np.zeros(graph.edge_count)
        self._at_ms = np.zeros(graph.edge_count, np.int64)
        self._is_changed = False

    def take(self, speed: SegmentSpeed) -> None:
        if speed.pack != self._pack or not 0 <= speed.edge < self._graph.edge_count:
            return
        if speed.at_ms < self._at_ms[speed.edge]:
            return
        self._kmh[speed.edge], self._samples[speed.edge] = speed.kmh, speed.samples
        self._at_ms[speed.edge] = speed.at_ms
        self._is_changed = True

    def new_travel_ms(self, *, now_ms: int) -> Ints | None:
        """Travel times by edge; None where nothing has changed since the last call."""
        if not self._is_changed:
            return None
        self._is_changed = False
        is_fresh = self._at_ms >= now_ms - _FRESH_MS_MAX
        return live_travel_ms(self._graph, self._kmh, np.where(is_fresh, self._samples, 0.0))

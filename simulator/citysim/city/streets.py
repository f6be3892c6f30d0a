"""The road graph as a driver sees it: where edges lead, and places by distance driven.

All edges lie one after another on one long line: edge e covers `base[e]` to `base[e + 1]`
metres of it, so one number says where a car is, and one binary search finds its piece of road.
"""

import numpy as np

from rideflow.roads.arrays import Floats, Ints, Longs
from rideflow.roads.graph import RoadGraph, Successors
from rideflow.roads.plane import Plane, bearing_deg

# Drivers without a rider keep to bigger roads: chance of each way on, by RoadClass.
_TURN_WEIGHTS = np.array([6, 6, 5, 5, 4, 2, 1, 1, 1], np.int64)


class Streets:
    """Flat arrays derived from a `RoadGraph`; never changed."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        plane = graph.plane
        self.base = np.concatenate(([0.0], np.cumsum(graph.length_m)))
        per_edge = np.diff(graph.shape_start)
        self.point_at = np.repeat(self.base[:-1], per_edge) + graph.shape_m
        # The end of an edge and the start of the next are one number: no rounding between them.
        self.point_at[graph.shape_start[1:] - 1] = self.base[1:]
        step_m = np.maximum(np.diff(self.point_at, append=self.base[-1]), 1e-9)
        is_last = np.zeros(len(self.point_at), np.bool_)
        is_last[graph.shape_start[1:] - 1] = True
        step_lon = np.where(is_last, 0.0, np.diff(graph.shape_lon, append=0.0))
        step_lat = np.where(is_last, 0.0, np.diff(graph.shape_lat, append=0.0))
        self.lon_e7 = graph.shape_lon * 1e7
        self.lat_e7 = graph.shape_lat * 1e7
        self.lon_e7_per_m = step_lon * 1e7 / step_m
        self.lat_e7_per_m = step_lat * 1e7 / step_m
        self.bearing_cdeg = _bearings_cdeg(step_lon, step_lat, plane)
        self.free_mps = graph.length_m / (graph.travel_ms / 1000.0)
        self.turn_start, self.turns = _turns(graph)

    def point(self, at_m: Floats) -> Longs:
        """Return the shape point that begins the piece of road under each place on the line."""
        return np.searchsorted(self.point_at, at_m, side="right") - 1


def _bearings_cdeg(step_lon: Floats, step_lat: Floats, plane: Plane) -> Floats:
    """Return the direction of each piece of road, in hundredths of a degree below 36,000."""
    east = step_lon * np.cos(np.radians(plane.lat))
    return np.floor(bearing_deg(east, step_lat) * 100.0) % 36_000.0


def _turns(graph: RoadGraph) -> tuple[Longs, Ints]:
    """Return for each edge the ways on, each as often as it weighs; turning back only if forced."""
    successors = Successors.of(graph)
    ways_on = np.diff(successors.start)[graph.head]
    edge = np.repeat(np.arange(graph.edge_count), ways_on)
    within = np.arange(len(edge)) - np.repeat(np.cumsum(ways_on) - ways_on, ways_on)
    following = successors.edges[successors.start[graph.head[edge]] + within]
    turns_back = following == graph.reverse[edge]
    weight = np.where(
        turns_back & (ways_on[edge] > 1), 0, _TURN_WEIGHTS[graph.road_class[following]]
    )
    start = np.zeros(graph.edge_count + 1, np.int64)
    np.cumsum(np.bincount(edge, weight, graph.edge_count), out=start[1:])
    return start, np.repeat(following, weight).astype(np.int32)

"""Road snap: from places to the nearest spots on the road network, many at once."""

import numpy as np

from rideflow.roads.arrays import Bools, Floats, Ints, Longs
from rideflow.roads.buckets import SegmentBuckets, project
from rideflow.roads.graph import RoadGraph
from rideflow.roads.spots import NO_EDGE, Spots

REACH_M = 200.0
_NEAR_REACH_M = 40.0  # nearly every ping is this close to its road; few candidates to look at
# A road at right angles to a driver's course counts as so many metres farther away, a one-way
# road against it as twice as many: near a junction noise alone would choose among its roads.
_ACROSS_M = 15.0


class RoadSnap:
    """Finds the nearest road within 200 m.

    Two grids of the same segments: a fine one for points near a road and a coarse one
    for the rest. Costs a few microseconds a point when asked for some hundred at once;
    of several equally near segments the one of the lowest edge is taken.
    """

    def __init__(self, graph: RoadGraph) -> None:
        self._graph = graph
        self._plane = graph.plane
        x, y = self._plane.x(graph.shape_lon), self._plane.y(graph.shape_lat)
        is_last = np.zeros(len(x), np.bool_)
        is_last[graph.shape_start[1:] - 1] = True
        edge = np.repeat(np.arange(graph.edge_count, dtype=np.int32), np.diff(graph.shape_start))
        # A two-way road is looked at once; its direction is chosen afterwards.
        once = (graph.reverse < 0) | (graph.reverse > np.arange(graph.edge_count))
        first = np.flatnonzero(~is_last & once[edge])
        self._point = first
        self._edge = edge[first]
        self._xa, self._ya = x[first], y[first]
        self._xb, self._yb = x[first + 1], y[first + 1]
        east, north = self._xb - self._xa, self._yb - self._ya
        metres = np.maximum(np.hypot(east, north), 1e-9)
        self._east, self._north = east / metres, north / metres
        self._is_one_way = graph.reverse[self._edge] < 0
        ends = (self._xa, self._ya, self._xb, self._yb)
        self._near = SegmentBuckets(*ends, cell_m=60.0, reach_m=_NEAR_REACH_M)
        self._far = SegmentBuckets(*ends, cell_m=250.0, reach_m=REACH_M)

    def snap(self, lon: Floats, lat: Floats, bearing_deg: Floats | None = None) -> Spots:
        """Return the nearest spots within 200 m of places in degrees.

        With bearings (NaN = not known) the direction of a two-way road is the one that
        the bearing agrees with better, and a road across it counts as 15 m farther away, a
        one-way road against it as 30. Without, it is the edge that the source gave first.
        """
        x, y = self._plane.x(lon), self._plane.y(lat)
        course = None if bearing_deg is None else np.radians(bearing_deg)
        spots = self._nearest(self._near, x, y, course)
        missed = np.flatnonzero(spots.distance_m > _NEAR_REACH_M)
        if len(missed):
            missed_course = None if course is None else course[missed]
            far = self._nearest(self._far, x[missed], y[missed], missed_course)
            for column in ("edge", "offset_m", "distance_m"):
                getattr(spots, column)[missed] = getattr(far, column)
        beyond = spots.distance_m > REACH_M
        spots.edge[beyond] = NO_EDGE
        spots.distance_m[beyond] = np.inf
        return spots

    def _nearest(
        self, buckets: SegmentBuckets, x: Floats, y: Floats, course: Floats | None
    ) -> Spots:
        count, segment = buckets.near(x, y)
        point = np.repeat(np.arange(len(x)), count)
        share, distance_m = project(
            x[point],
            y[point],
            self._xa[segment],
            self._ya[segment],
            self._xb[segment],
            self._yb[segment],
        )
        if course is None:
            best, against = _first_lowest(distance_m, count), np.zeros(len(segment), np.bool_)
        else:
            along = self._along(segment, np.sin(course)[point], np.cos(course)[point])
            agrees = np.where(self._is_one_way[segment], along, np.abs(along))
            best = _first_lowest(distance_m + _ACROSS_M * (1.0 - agrees), count)
            against = along < 0.0
        found = np.flatnonzero(count)
        spots = Spots(
            edge=np.full(len(x), NO_EDGE, np.int32),
            offset_m=np.zeros(len(x)),
            distance_m=np.full(len(x), np.inf),
        )
        edge, offset_m = self._spot(segment[best], share[best], against[best])
        spots.edge[found], spots.offset_m[found] = edge, offset_m
        spots.distance_m[found] = distance_m[best]
        return spots

    def _along(self, segment: Ints, east: Floats, north: Floats) -> Floats:
        """Return how far a course agrees with a segment's direction: 1, across 0, against -1."""
        along = self._east[segment] * east + self._north[segment] * north
        return np.where(np.isnan(along), 1.0, along)  # a course not known agrees with any

    def _spot(self, segment: Ints, share: Floats, against: Bools) -> tuple[Ints, Floats]:
        graph, point = self._graph, self._point[segment]
        edge = self._edge[segment]
        begin, end = graph.shape_m[point], graph.shape_m[point + 1]
        offset_m = begin + share * (end - begin)
        turned = against & (graph.reverse[edge] >= 0)
        length_m = graph.length_m[edge]
        return (
            np.where(turned, graph.reverse[edge], edge).astype(np.int32),
            np.where(turned, length_m - offset_m, offset_m),
        )


def _first_lowest(cost: Floats, count: Longs) -> Longs:
    """Return the index of the first lowest cost of each group that has any; groups in a row."""
    count = count[count > 0]
    if not len(count):
        return np.zeros(0, np.int64)
    start = np.cumsum(count) - count
    lowest = np.repeat(np.minimum.reduceat(cost, start), count)
    places = np.where(cost == lowest, np.arange(len(cost)), len(cost))
    return np.minimum.reduceat(places, start)

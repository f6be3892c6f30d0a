"""The drivable road network of a city as flat arrays: nodes, directed edges, their shapes.

Every node can reach every other one (the graph is strongly connected), so a route
always exists. An edge is one direction of a stretch of road between two junctions;
`reverse` names the same stretch the other way round, or -1 on a one-way road.
"""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from rideflow.roads.arrays import Bytes, Floats, Ints, Longs
from rideflow.roads.plane import Plane


class RoadClass(IntEnum):
    """How big a road is; the `c` of the base map. Cars may use those up to SERVICE."""

    MOTORWAY = 0
    TRUNK = 1
    PRIMARY = 2
    SECONDARY = 3
    TERTIARY = 4
    LOCAL = 5
    SERVICE = 6
    PEDESTRIAN = 7
    PATH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadGraph:
    """Arrays by node (N), by directed edge (E) and by shape point (P).

    The shape of edge e, both ends included, is the points
    `shape_start[e] : shape_start[e + 1]`, and `shape_m` says how far along the edge
    each lies. `node_order` is the contraction order of the CCH (rank -> node).
    """

    node_lon: Floats  # N, degrees
    node_lat: Floats  # N
    node_order: Ints  # N
    tail: Ints  # E, node
    head: Ints  # E, node
    travel_ms: Ints  # E, free flow, at least 1
    length_m: Floats  # E
    kmh: Floats  # E, the limit, or what is usual for the class
    road_class: Bytes  # E, RoadClass
    name: Ints  # E, index into the pack's names, -1 = none
    way: Longs  # E, OpenStreetMap way id
    reverse: Ints  # E, edge, -1 = one-way
    shape_start: Ints  # E + 1
    shape_lon: Floats  # P
    shape_lat: Floats  # P
    shape_m: Floats  # P

    def __post_init__(self) -> None:
        nodes, edges, points = len(self.node_lon), len(self.tail), len(self.shape_lon)
        lengths = {"node_lat": nodes, "node_order": nodes, "shape_lat": points, "shape_m": points}
        lengths["shape_start"] = edges + 1
        lengths |= dict.fromkeys(EDGE_COLUMNS, edges)
        for column, length in lengths.items():
            found = len(getattr(self, column))
            if found != length:
                raise RoadGraphBad(f"column {column!r} has {found} values instead of {length}")
        # The engine does not raise on a node that is none, it panics.
        for column in ("tail", "head"):
            ends = getattr(self, column)
            if edges and not 0 <= ends.min() <= ends.max() < nodes:
                raise RoadGraphBad(f"column {column!r} names a node that is none of the {nodes}")

    @property
    def node_count(self) -> int:
        return len(self.node_lon)

    @property
    def edge_count(self) -> int:
        return len(self.tail)

    @property
    def plane(self) -> Plane:
        """The flat plane around the middle of the network."""
        return Plane(
            lon=float((self.node_lon.min() + self.node_lon.max()) / 2),
            lat=float((self.node_lat.min() + self.node_lat.max()) / 2),
        )

    def shape(self, edge: int) -> slice:
        """Return where the points of an edge lie in the shape columns."""
        return slice(int(self.shape_start[edge]), int(self.shape_start[edge + 1]))


class RoadGraphBad(ValueError):
    """The arrays do not fit together."""


EDGE_COLUMNS = (
    "tail",
    "head",
    "travel_ms",
    "length_m",
    "kmh",
    "road_class",
    "name",
    "way",
    "reverse",
)
COLUMNS = tuple(field.name for field in fields(RoadGraph))


@dataclass(frozen=True, slots=True, kw_only=True)
class Successors:
    """Which edges leave each node: those of node n are `edges[start[n] : start[n + 1]]`."""

    start: Ints
    edges: Ints

    @classmethod
    def of(cls, graph: RoadGraph) -> "Successors":
        counts = np.bincount(graph.tail, minlength=graph.node_count)
        start = np.zeros(graph.node_count + 1, np.int32)
        np.cumsum(counts, out=start[1:])
        return cls(start=start, edges=np.argsort(graph.tail, kind="stable").astype(np.int32))

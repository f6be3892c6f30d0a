"""From ways to the road graph: split at junctions, keep what is strongly connected."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import routingkit_cch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from citysim.citypack.features import Point, Way
from citysim.citypack.tags import Direction, Tags, direction, is_drivable, kmh, road_class
from rideflow.roads.arrays import Bools, Floats, Ints, Longs
from rideflow.roads.graph import RoadGraph
from rideflow.roads.plane import haversine_m

# Free flow is slower than the limit: junctions, lights, giving way. The factor brings
# our times near those of OSRM and Valhalla for the same trips.
JUNCTION_FACTOR = 1.3


class NoDrivableRoads(Exception):
    """There is not one road in the source that a car could go round on."""


@dataclass(slots=True)
class _Edges:
    """Directed edges as they are found; index = edge."""

    nodes: dict[Point, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    kmh: list[float] = field(default_factory=list)
    road_class: list[int] = field(default_factory=list)
    name: list[int] = field(default_factory=list)
    way: list[int] = field(default_factory=list)
    reverse: list[int] = field(default_factory=list)
    shape: list[list[Point]] = field(default_factory=list)

    def add(self, way: Way, shape: list[Point], reverse: int) -> None:
        street = way.tags.get("name") or way.tags.get("ref") or ""
        self.tail.append(self.nodes.setdefault(shape[0], len(self.nodes)))
        self.head.append(self.nodes.setdefault(shape[-1], len(self.nodes)))
        self.kmh.append(kmh(way.tags))
        self.road_class.append(_drivable_class(way.tags))
        self.name.append(self.names.setdefault(street, len(self.names)) if street else -1)
        self.way.append(way.way_id)
        self.reverse.append(reverse)
        self.shape.append(shape)


def road_graph(ways: list[Way]) -> tuple[RoadGraph, list[str]]:
    """Return the largest strongly connected part of the drivable ways, and its street names.

    Ways meet where they share a coordinate. Deterministic: nodes and edges are numbered
    in the order of the ways. Raises `NoDrivableRoads`.
    """
    edges = _Edges()
    drivable = [way for way in ways if is_drivable(way.tags) and len(way.points) > 1]
    uses = _uses(drivable)
    for way in drivable:
        _add_way(edges, way, uses)
    if not edges.tail:
        raise NoDrivableRoads
    node_kept, edge_kept = _strongly_connected(edges)
    if not edge_kept.any():
        raise NoDrivableRoads
    return _assemble(edges, node_kept, edge_kept)


def _uses(ways: list[Way]) -> Counter[Point]:
    """Count how often each point is used; more than once makes it a node. Ends always are."""
    uses: Counter[Point] = Counter()
    for way in ways:
        uses.update(way.points)
        uses.update((way.points[0], way.points[-1]))
    return uses


def _add_way(edges: _Edges, way: Way, uses: Counter[Point]) -> None:
    allowed = direction(way.tags)
    for shape in _stretches(way.points, uses):
        edge = len(edges.tail)
        if allowed is Direction.BOTH:
            edges.add(way, shape, edge + 1)
            edges.add(way, shape[::-1], edge)
        else:
            edges.add(way, shape if allowed is Direction.FORWARD else shape[::-1], -1)


def _stretches(points: list[Point], uses: Counter[Point]) -> Iterator[list[Point]]:
    first = 0
    for last in range(1, len(points)):
        if uses[points[last]] > 1:
            yield points[first : last + 1]
            first = last


def _drivable_class(tags: Tags) -> int:
    found = road_class(tags)
    assert found is not None, "drivable ways have a class"
    return int(found)


def _strongly_connected(edges: _Edges) -> tuple[Bools, Bools]:
    """Return which nodes and which edges belong to the largest part; loops do not."""
    tail, head = np.array(edges.tail), np.array(edges.head)
    count = len(edges.nodes)
    links = coo_matrix((np.ones(len(tail)), (tail, head)), shape=(count, count))
    _, label = connected_components(links, directed=True, connection="strong")
    largest = label == np.bincount(label).argmax()
    return largest, largest[tail] & largest[head] & (tail != head)


def _assemble(edges: _Edges, node_kept: Bools, edge_kept: Bools) -> tuple[RoadGraph, list[str]]:
    kept = np.flatnonzero(edge_kept)
    new_node = _renumbering(node_kept)
    new_edge = _renumbering(edge_kept)
    shapes = [edges.shape[edge] for edge in kept]
    shape_start = np.zeros(len(kept) + 1, np.int32)
    np.cumsum([len(shape) for shape in shapes], out=shape_start[1:])
    points = np.array([point for shape in shapes for point in shape], np.float64)
    shape_m = _along_m(points, shape_start)
    length_m = shape_m[shape_start[1:] - 1]
    lonlat = np.array(list(edges.nodes), np.float64)[node_kept]
    speed = np.array(edges.kmh)[kept]
    name, names = _names(edges, kept)
    tail, head = new_node[np.array(edges.tail)[kept]], new_node[np.array(edges.head)[kept]]
    reverse = np.array(edges.reverse)[kept]
    graph = RoadGraph(
        node_lon=np.ascontiguousarray(lonlat[:, 0]),
        node_lat=np.ascontiguousarray(lonlat[:, 1]),
        node_order=_node_order(lonlat, tail, head),
        tail=tail,
        head=head,
        travel_ms=(length_m / (speed / 3.6) * JUNCTION_FACTOR * 1000).astype(np.int32).clip(1),
        length_m=length_m,
        kmh=speed,
        road_class=np.array(edges.road_class, np.uint8)[kept],
        name=name,
        way=np.array(edges.way, np.int64)[kept],
        reverse=np.where(reverse >= 0, new_edge[reverse], -1).astype(np.int32),
        shape_start=shape_start,
        shape_lon=np.ascontiguousarray(points[:, 0]),
        shape_lat=np.ascontiguousarray(points[:, 1]),
        shape_m=shape_m,
    )
    return graph, names


def _renumbering(kept: Bools) -> Ints:
    """Return old number -> new number, -1 for what is dropped."""
    return np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)


def _along_m(points: Floats, shape_start: Ints) -> Floats:
    """Return how far along its own edge each shape point lies, in metres."""
    step = np.zeros(len(points))
    step[1:] = haversine_m(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1])
    step[shape_start[:-1]] = 0.0
    total = np.cumsum(step)
    return np.asarray(total - np.repeat(total[shape_start[:-1]], np.diff(shape_start)), np.float64)


def _names(edges: _Edges, kept: Longs) -> tuple[Ints, list[str]]:
    """Return the edges' names and the list they point into, without those of dropped edges."""
    name = np.array(edges.name)[kept]
    used = np.zeros(len(edges.names) + 1, np.bool_)
    used[name] = True  # -1, no name, falls on the extra last place
    used[-1] = False
    names = [street for street, number in edges.names.items() if used[number]]
    return np.where(name >= 0, _renumbering(used)[name], -1).astype(np.int32), names


def _node_order(lonlat: Floats, tail: Ints, head: Ints) -> Ints:
    order = routingkit_cch.compute_order_inertial(
        len(lonlat), tail.tolist(), head.tolist(), lonlat[:, 1].tolist(), lonlat[:, 0].tolist()
    )
    return np.array(order, np.int32)

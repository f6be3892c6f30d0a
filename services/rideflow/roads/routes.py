"""A route on the road network: its edges, its shape on the map, its streets."""

from dataclasses import dataclass

import numpy as np

from rideflow.roads.arrays import Floats, Ints
from rideflow.roads.graph import RoadGraph
from rideflow.roads.pack import CityPack
from rideflow.roads.spots import Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way from a spot on the first edge to a spot on the last; both may be the same edge."""

    edges: Ints
    start_m: float  # where it begins on the first edge
    end_m: float  # where it ends on the last edge
    travel_ms: int

    @property
    def end(self) -> Spot:
        return Spot(edge=int(self.edges[-1]), offset_m=self.end_m)

    def length_m(self, graph: RoadGraph) -> float:
        return float(graph.length_m[self.edges[:-1]].sum()) - self.start_m + self.end_m

    def polyline(self, graph: RoadGraph) -> Floats:
        """Return the shape as rows of longitude and latitude, from first spot to last."""
        last = len(self.edges) - 1
        pieces = []
        for place, edge in enumerate(self.edges.tolist()):
            begin_m = self.start_m if place == 0 else 0.0
            end_m = self.end_m if place == last else float(graph.length_m[edge])
            pieces.append(stretch(graph, edge, begin_m, end_m))
        line = np.concatenate(pieces)
        is_new = np.ones(len(line), np.bool_)
        is_new[1:] = (line[1:] != line[:-1]).any(axis=1)
        return np.asarray(line[is_new])

    def streets(self, pack: CityPack) -> tuple[str, ...]:
        """Return the named streets in order of travel, each stretch of one street once."""
        streets: list[str] = []
        for edge in self.edges.tolist():
            street = pack.street(edge)
            if street and streets[-1:] != [street]:
                streets.append(street)
        return tuple(streets)


def stretch(graph: RoadGraph, edge: int, begin_m: float, end_m: float) -> Floats:
    """Return the part of an edge between two distances from its tail, as rows of lon and lat."""
    points = graph.shape(edge)
    along = graph.shape_m[points]
    inner = along[(along > begin_m) & (along < end_m)]
    wanted = np.concatenate(([begin_m], inner, [end_m]))
    lon = np.interp(wanted, along, graph.shape_lon[points])
    lat = np.interp(wanted, along, graph.shape_lat[points])
    return np.stack((lon, lat), axis=1)


def place_of(graph: RoadGraph, spot: Spot) -> tuple[float, float]:
    """Return longitude and latitude of a spot, in degrees."""
    lon, lat = stretch(graph, spot.edge, spot.offset_m, spot.offset_m)[0].tolist()
    return lon, lat

"""How fast traffic really flows: below the limit, slower in the middle and at rush hour.

The services know only the limits and must learn this from pings. It is a pure function of
seed, edge and time of day, constant for a minute.
"""

from dataclasses import dataclass

import numpy as np

from citysim.city.chance import Purpose, key, units
from citysim.city.streets import Streets
from rideflow.roads.arrays import Floats
from rideflow.roads.graph import RoadClass

_RUSH_HOURS = ((8.0, 1.2), (17.0, 1.6))  # centre and width, in hours
_SLOWEST = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Speeds by edge. `centre_share` is 1 in the middle of the city and falls to 0 outwards."""

    streets: Streets
    habit: Floats  # E: what is particular to an edge, 0.75 .. 1.15
    centre_share: Floats  # E
    is_big: Floats  # E: 1 for roads that fill up first

    @classmethod
    def of(cls, streets: Streets, seed: int) -> "Traffic":
        graph = streets.graph
        salt = key(seed, Purpose.TRAFFIC)
        by_way = units(salt, graph.way)  # neighbours on the same road are slow together
        by_edge = units(salt, np.arange(graph.edge_count), when=1)
        return cls(
            streets=streets,
            habit=0.75 + 0.3 * by_way + 0.1 * by_edge,
            centre_share=centre_share(streets),
            is_big=(graph.road_class <= RoadClass.SECONDARY).astype(np.float64),
        )

    def speeds_mps(self, hour: float) -> Floats:
        """Return metres per second by edge at an hour of the day, 0 <= hour < 24."""
        jam = rush(hour) * (0.15 + 0.3 * self.centre_share + 0.15 * self.is_big)
        return self.streets.free_mps * np.maximum(self.habit * (1.0 - jam), _SLOWEST)


def rush(hour: float) -> float:
    """Return how much of a rush hour it is, 0 .. 1."""
    return max(float(np.exp(-(((hour - peak) / width) ** 2))) for peak, width in _RUSH_HOURS)


def centre_share(streets: Streets) -> Floats:
    """Return how central each edge is: 1 at the middle node, 1/e at 2.5 km from it."""
    graph, plane = streets.graph, streets.graph.plane
    x, y = plane.x(graph.node_lon[graph.tail]), plane.y(graph.node_lat[graph.tail])
    distance_m = np.hypot(x - np.median(x), y - np.median(y))
    return np.asarray(np.exp(-((distance_m / 2500.0) ** 2)), np.float64)

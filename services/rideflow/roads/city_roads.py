"""A city's roads as a service uses them: places in degrees in, seconds by road out."""

from pathlib import Path

import numpy as np

from rideflow.roads.arrays import Floats, Ints, Longs
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.pack import CityPack
from rideflow.roads.routes import Route
from rideflow.roads.snap import RoadSnap
from rideflow.roads.spots import NO_EDGE, Spot, Spots


class CityRoads:
    """The roads of one city pack. Use it in the thread that made it."""

    def __init__(self, pack: CityPack) -> None:
        self.pack = pack
        self.graph = pack.graph
        self.plane = pack.graph.plane
        # Edge numbers mean something only together with this.
        self.digest = f"{pack.facts.source.get('sha256', '')[:16]}-{pack.graph.edge_count}"
        self._snap = RoadSnap(pack.graph)
        self._metric = LiveMetric(Hierarchy(pack.graph))

    @classmethod
    def load(cls, folder: Path) -> "CityRoads":
        """Read the pack in `folder`. Raises `CityPackBad`."""
        return cls(CityPack.load(folder))

    def refresh(self, travel_ms: Ints) -> None:
        """Put travel times by edge in force."""
        self._metric.refresh(travel_ms)

    def spot(self, lat: float, lon: float, bearing_deg: float | None = None) -> Spot | None:
        """The nearest spot on a road; None where there is none within 200 m."""
        course = None if bearing_deg is None else np.array([bearing_deg])
        found = self.spots(np.array([lat]), np.array([lon]), course)
        return found[0] if found.edge[0] != NO_EDGE else None

    def spots(self, lat: Floats, lon: Floats, bearing_deg: Floats | None = None) -> Spots:
        """The nearest spots of many places; a bearing chooses the side of the road."""
        return self._snap.snap(lon, lat, bearing_deg)

    def etas_ms(self, starts: Spots, end: Spot) -> Longs:
        """How long each start takes to `end`, in ms; `UNREACHABLE_MS` or more from no road."""
        return self._metric.etas_ms(starts, end)

    def route(self, start: Spot, end: Spot, *, either_way: bool = False) -> Route | None:
        """The quickest way now; `either_way`: it may leave `start` in either direction."""
        return self._metric.route(start, end, either_way=either_way)

"""Spots: places on the road network, as an edge and a distance along it."""

from dataclasses import dataclass

import numpy as np

from rideflow.roads.arrays import Bools, Floats, Ints, Longs

NO_EDGE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One place on a directed edge, `offset_m` metres after its tail."""

    edge: int
    offset_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spots:
    """Many places, as columns. An edge of `NO_EDGE` means that no road was near enough."""

    edge: Ints
    offset_m: Floats
    distance_m: Floats  # from the place that was asked for to the road; inf where none is near

    def __len__(self) -> int:
        return len(self.edge)

    def __getitem__(self, index: int) -> Spot:
        return Spot(edge=int(self.edge[index]), offset_m=float(self.offset_m[index]))

    def take(self, index: Longs) -> "Spots":
        """Return the places named by `index`, in its order."""
        return Spots(
            edge=self.edge.take(index),
            offset_m=self.offset_m.take(index),
            distance_m=self.distance_m.take(index),
        )

    @property
    def is_on_road(self) -> Bools:
        return np.asarray(self.edge != NO_EDGE)

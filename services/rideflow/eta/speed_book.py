"""How fast the roads are now, learnt from the drivers on them.

Per directed edge a count and a sum of speeds, both halved every two minutes: an exponentially
weighted mean that knows how much it rests on. Samples come at even intervals from cars that
are part of the traffic, so their mean is distance over time, waiting at lights included.
"""

import numpy as np

from rideflow.contracts.rides import SegmentSpeed
from rideflow.roads.arrays import Floats, Ints, Longs
from rideflow.roads.graph import RoadGraph
from rideflow.roads.live_times import live_travel_ms

_HALF_LIFE_MS = 120_000
_SAMPLES_MIN = 3.0  # a speed on fewer says nothing
_CHANGE_MIN = 0.1  # a speed is news when it differs by a tenth
_REPEATED_AFTER_MS = 300_000  # and otherwise so often, for readers that start


class SpeedBook:
    """Speeds by edge of one city pack."""

    def __init__(self, graph: RoadGraph, *, pack: str) -> None:
        """`pack`: digest of the city pack, since edge numbers mean nothing without it."""
        self._graph = graph
        self._pack = pack
        self._count = np.zeros(graph.edge_count)
        self._total_kmh = np.zeros(graph.edge_count)
        self._told_kmh = np.zeros(graph.edge_count)
        self._told_ms = np.zeros(graph.edge_count, np.int64)

    @property
    def edges_seen(self) -> int:
        return int((self._count >= _SAMPLES_MIN).sum())

    def add(self, edges: Ints, kmh: Floats) -> None:
        """Take in samples: an edge and a speed each."""
        edge_count = self._graph.edge_count
        self._count += np.bincount(edges, minlength=edge_count)
        self._total_kmh += np.bincount(edges, weights=kmh, minlength=edge_count)

    def fade(self, passed_ms: int) -> None:
        """Let time pass: what was seen before counts less."""
        share = 0.5 ** (passed_ms / _HALF_LIFE_MS)
        self._count *= share
        self._total_kmh *= share

    def travel_ms(self) -> Ints:
        """Travel times by edge at the speeds seen."""
        return live_travel_ms(self._graph, self._kmh(), self._samples())

    def news(self, *, now_ms: int, limit: int) -> list[SegmentSpeed]:
        """Return at most `limit` speeds that have changed, largest changes first.

        They count as told: the next call does not repeat them.
        """
        kmh, samples = self._kmh(), self._samples()
        change = np.abs(kmh - self._told_kmh) / np.maximum(self._told_kmh, 1.0)
        change[now_ms - self._told_ms > _REPEATED_AFTER_MS] += _CHANGE_MIN
        due = np.flatnonzero((samples > 0) & (change >= _CHANGE_MIN))
        due = due[np.argsort(-change[due], kind="stable")][:limit]
        self._told_kmh[due], self._told_ms[due] = kmh[due], now_ms
        return [self._segment(edge, kmh, samples, now_ms) for edge in due.tolist()]

    def _kmh(self) -> Floats:
        return self._total_kmh / np.maximum(self._count, 1e-9)

    def _samples(self) -> Floats:
        """Rounded as readers of traffic.speeds get them, so that they make the same times."""
        return np.where(self._count >= _SAMPLES_MIN, np.round(self._count), 0.0)

    def _segment(self, edge: int, kmh: Floats, samples: Floats, now_ms: int) -> SegmentSpeed:
        return SegmentSpeed(
            edge=edge,
            pack=self._pack,
            kmh=round(float(kmh[edge]), 2),
            samples=int(samples[edge]),
            at_ms=now_ms,
        )


def evenly(count: int, limit: int) -> Longs:
    """Indexes of at most `limit` of `count` things, spread evenly."""
    step = max(1, -(-count // limit))
    return np.arange(0, count, step)

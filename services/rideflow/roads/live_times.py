"""Travel times now: free flow, bent by the speeds that were seen.

Both the estimator that sees the speeds and whoever reads them from the log make their
travel times here, so that they agree. A seen speed is the mean over time of cars that are
part of the traffic, standing ones too: distance over time, so it needs no factor for lights.
"""

import numpy as np

from rideflow.roads.arrays import Floats, Ints
from rideflow.roads.graph import RoadClass, RoadGraph

# So many samples of the road's class weigh as much as what the road itself has shown: a single
# car that waits at a light must not close a street.
_CLASS_SAMPLES = 4.0
# A class speaks for its unseen roads from so many samples on.
_CLASS_SAMPLES_MIN = 50
# A street is never thought more than five times slower or twice as fast as free flow.
_PACE_MIN, _PACE_MAX = 0.5, 5.0


def free_kmh(graph: RoadGraph) -> Floats:
    """The speed by edge that free flow's travel times amount to, lights and junctions included."""
    return np.asarray(graph.length_m / graph.travel_ms * 3_600.0)


def live_travel_ms(graph: RoadGraph, kmh: Floats, samples: Floats) -> Ints:
    """Return travel times by edge, at least 1 ms.

    `kmh` is the mean speed seen on each edge and `samples` how many it rests on; where there
    are none the edge goes with its class, and where that is unknown too with free flow.
    """
    assert len(kmh) == len(samples) == graph.edge_count
    share = _share_of_free_flow(graph, kmh, samples)
    pace = 1.0 / share.clip(1.0 / _PACE_MAX, 1.0 / _PACE_MIN)
    return np.maximum(graph.travel_ms * pace, 1.0).astype(np.int32)


def _share_of_free_flow(graph: RoadGraph, kmh: Floats, samples: Floats) -> Floats:
    """Speed now over free flow's speed, by edge."""
    seen = np.where(samples > 0, kmh / np.maximum(free_kmh(graph), 1e-3), 0.0)
    by_class = _class_shares(graph, seen, samples)[graph.road_class]
    weight = samples + _CLASS_SAMPLES
    return np.asarray((seen * samples + by_class * _CLASS_SAMPLES) / weight)


def _class_shares(graph: RoadGraph, seen: Floats, samples: Floats) -> Floats:
    classes = len(RoadClass)
    count = np.bincount(graph.road_class, weights=samples, minlength=classes)
    total = np.bincount(graph.road_class, weights=samples * seen, minlength=classes)
    return np.where(count >= _CLASS_SAMPLES_MIN, total / np.maximum(count, 1.0), 1.0)

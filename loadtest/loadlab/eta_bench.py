"""What an ETA costs: many drivers to one pickup, a route, the nearest cars, new speeds.

    python -m loadlab.eta_bench --city DIR

CPU time per call, the mean of a timed series after a warm-up: the machine is shared.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rideflow.columns.position_frames import make_frames
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import POSITION
from rideflow.eta.nearby import Nearby
from rideflow.eta.speed_book import SpeedBook
from rideflow.eta.speed_samples import speed_samples
from rideflow.geo.driver_view import DriverView, FramesRead
from rideflow.geo.nearest import NearestGrid
from rideflow.roads.city_roads import CityRoads
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.spots import Spot, Spots

NOW_MS = 1_700_000_000_000
FAN_IN = 50
NEAREST = 10
_ENDS = slice(100, 150)  # drivers whose places stand for pickups


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """CPU microseconds a call, unless the name says milliseconds."""

    drivers: int
    fan_in_nodes_us: float  # 50 drivers, already at junctions, to one pickup: the engine alone
    fan_in_us: float  # 50 drivers anywhere in the city, anywhere on their edges, to one spot
    fan_in_near_us: float  # the 50 nearest drivers to one spot: what a dispatcher asks
    route_us: float
    nearest_build_ms: float
    nearest_us: float  # 10 nearest as the crow flies, one asker
    nearest_of_many_us: float  # the same per asker, 1,000 at once
    nearby_us: float  # 10 soonest by road, of the 30 nearest, with names and places
    refresh_ms: float  # new travel times of all edges in force
    sample_us: float  # a position that teaches a speed


def run(*, city: Path, drivers: int = 100_000, seed: int = 1, series_s: float = 0.4) -> Measured:
    """Measure with so many open drivers on the roads of the city pack `city`.

    `series_s`: CPU seconds that each figure is measured for.
    """
    roads, chance = CityRoads.load(city), np.random.default_rng(seed)
    view = DriverView()
    read = _see(view, roads, drivers, chance)
    lat, lon = read.rows["lat_e7"] / 1e7, read.rows["lon_e7"] / 1e7
    x, y = roads.plane.x(lon), roads.plane.y(lat)
    spots = roads.spots(lat[:1_000], lon[:1_000])
    few, ends = spots.take(np.arange(FAN_IN)), _ends(spots)
    grid, nearby = NearestGrid(x, y), Nearby(view, roads, privacy_key=seed)
    around, _ = grid.nearest(x[_ENDS], y[_ENDS], k=FAN_IN)
    near = [roads.spots(lat.take(who), lon.take(who)) for who in around]
    metric = LiveMetric(Hierarchy(roads.graph))
    heads, tails = roads.graph.head[few.edge], roads.graph.tail[spots.edge]
    book = SpeedBook(roads.graph, pack=roads.digest)
    samples = speed_samples(read.rows, roads, limit=2_000)
    book.add(samples.edges, samples.kmh)
    us = partial(_us, series_s=series_s)
    return Measured(
        drivers=drivers,
        fan_in_nodes_us=us(lambda n: metric.node_etas_ms(heads, int(tails[n]))),
        fan_in_us=us(lambda n: roads.etas_ms(few, ends[n % 50])),
        fan_in_near_us=us(lambda n: roads.etas_ms(near[n % 50], ends[n % 50])),
        route_us=us(lambda n: roads.route(ends[n % 50], ends[(n + 1) % 50])),
        nearest_build_ms=us(lambda _: NearestGrid(x, y)) / 1_000,
        nearest_us=us(lambda n: grid.nearest(x[n : n + 1], y[n : n + 1], k=NEAREST)),
        nearest_of_many_us=us(lambda _: grid.nearest(x[:1_000], y[:1_000], k=NEAREST)) / 1_000,
        nearby_us=us(
            lambda n: nearby.cars(
                float(lat[n]), float(lon[n]), ends[n % 50], k=NEAREST, now_ms=NOW_MS
            )
        ),
        refresh_ms=us(lambda _: roads.refresh(book.travel_ms())) / 1_000,
        sample_us=us(lambda _: speed_samples(read.rows, roads, limit=2_000)) / 2_000,
    )


def _us(work: Callable[[int], object], *, series_s: float) -> float:
    """Mean CPU microseconds of `work`, called with 0, 1, 2 ..."""
    work(0)
    calls, began = 0, time.process_time()
    while (passed := time.process_time() - began) < series_s:
        work(calls % 1_000)
        calls += 1
    return round(passed / calls * 1e6, 2)


def _see(view: DriverView, roads: CityRoads, count: int, chance: np.random.Generator) -> FramesRead:
    """Put open drivers on random junctions."""
    nodes = chance.integers(0, roads.graph.node_count, count)
    rows = np.zeros(count, POSITION)
    rows["driver"] = np.arange(1, count + 1)
    rows["fix_ms"] = NOW_MS
    rows["lat_e7"] = (roads.graph.node_lat[nodes] * 1e7).astype(np.int32)
    rows["lon_e7"] = (roads.graph.node_lon[nodes] * 1e7).astype(np.int32)
    rows["bearing_cdeg"] = chance.integers(0, 36_000, count)
    rows["speed_cm_s"] = chance.integers(300, 1_500, count)
    rows["state"] = DriverState.OPEN
    frames = make_frames(rows, np.ones(count, np.uint64), rows["fix_ms"].copy(), produced_ms=NOW_MS)
    return view.take_frames(frame for _, frame in frames)


def _ends(spots: Spots) -> list[Spot]:
    return [spots[number] for number in range(len(spots))[_ENDS]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU of ETAs, routes and nearest drivers.")
    parser.add_argument("--city", type=Path, required=True, help="folder of a city pack")
    parser.add_argument("--drivers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    measured = run(city=given.city, drivers=given.drivers, seed=given.seed)
    print(json.dumps(asdict(measured), indent=2))  # noqa: T201  # this is what was asked for


if __name__ == "__main__":
    main()

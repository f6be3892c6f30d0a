"""Roads get the speed that cars drive on them; few samples do not shout, old ones fade."""

import numpy as np
import pytest

from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import PositionFlag
from rideflow.eta.speed_book import SpeedBook, evenly
from rideflow.eta.speed_samples import speed_samples
from rideflow.geo.driver_view import DriverView
from rideflow.roads.city_roads import CityRoads
from rideflow.roads.live_times import free_kmh
from tests.support.frames import at, position_frame
from tests.support.tiny_city import junction, tiny_city

NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


@pytest.fixture
def book(roads: CityRoads) -> SpeedBook:
    return SpeedBook(roads.graph, pack="p")


def many(value: float, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(count, value)


def test_without_samples_free_flow_holds(roads: CityRoads, book: SpeedBook) -> None:
    assert (book.travel_ms() == roads.graph.travel_ms).all()
    assert book.news(now_ms=NOW_MS, limit=10) == []


def test_a_well_seen_road_takes_as_long_as_its_cars(roads: CityRoads, book: SpeedBook) -> None:
    slow_kmh = float(free_kmh(roads.graph)[3]) / 2
    book.add(np.full(400, 3, np.int32), many(slow_kmh, 400))
    assert book.travel_ms()[3] == pytest.approx(2 * roads.graph.travel_ms[3], rel=0.02)


def test_one_car_that_stands_does_not_close_a_street(roads: CityRoads, book: SpeedBook) -> None:
    book.add(np.array([3], np.int32), many(0.0, 1))
    assert book.travel_ms()[3] == roads.graph.travel_ms[3]
    book.add(np.full(4, 3, np.int32), many(0.0, 4))
    assert book.travel_ms()[3] < 2.5 * roads.graph.travel_ms[3]


def test_an_unseen_road_goes_with_its_class(roads: CityRoads, book: SpeedBook) -> None:
    same = np.flatnonzero(roads.graph.road_class == roads.graph.road_class[0])
    seen, unseen = same[:10].astype(np.int32), int(same[-1])
    free = free_kmh(roads.graph)[seen]
    for _ in range(20):
        book.add(seen, free * 0.5)
    assert book.travel_ms()[unseen] == pytest.approx(2 * roads.graph.travel_ms[unseen], rel=0.05)


def test_no_speed_is_believed_beyond_reason(roads: CityRoads, book: SpeedBook) -> None:
    book.add(np.full(5_000, 3, np.int32), many(0.0, 5_000))
    book.add(np.full(5_000, 4, np.int32), many(500.0, 5_000))
    free, live = roads.graph.travel_ms, book.travel_ms()
    assert live[3] <= 5 * free[3]
    assert live[4] >= free[4] // 2


def test_what_was_seen_before_fades(book: SpeedBook) -> None:
    book.add(np.full(8, 3, np.int32), many(20.0, 8))
    assert book.edges_seen == 1
    book.fade(240_000)
    assert book.edges_seen == 0


def test_speeds_are_told_when_they_change_and_largest_changes_first(book: SpeedBook) -> None:
    book.add(np.repeat(np.array([1, 2], np.int32), 10), np.repeat([10.0, 30.0], 10))
    (first,) = book.news(now_ms=NOW_MS, limit=1)
    assert (first.edge, first.kmh, first.samples, first.pack) == (2, 30.0, 10, "p")
    assert [s.edge for s in book.news(now_ms=NOW_MS, limit=10)] == [1]
    assert book.news(now_ms=NOW_MS + 1, limit=10) == []
    book.add(np.full(10, 2, np.int32), many(10.0, 10))
    assert [s.kmh for s in book.news(now_ms=NOW_MS + 2, limit=10)] == [20.0]


def test_only_cars_in_traffic_tell_a_speed(roads: CityRoads) -> None:
    on_road = at(junction(2, 1)) | {"speed_cm_s": 800, "bearing_cdeg": 9_000}
    rows = [
        on_road,
        on_road | {"speed_cm_s": 0},  # parked
        on_road | {"speed_cm_s": 0, "state": int(DriverState.ON_TRIP)},  # at a light
        on_road | {"flags": int(PositionFlag.SUSPECT)},
        on_road | {"flags": int(PositionFlag.HELD)},
        on_road | at((11.0, 57.0)),
    ]
    read = DriverView().take_frames([position_frame(*rows, fix_ms=NOW_MS)])
    samples = speed_samples(read.rows, roads, limit=100)
    assert sorted(samples.kmh.round(1).tolist()) == [0.0, 28.8]
    edge = int(samples.edges[0])
    heading = (
        roads.graph.node_lon[roads.graph.head[edge]] - roads.graph.node_lon[roads.graph.tail[edge]]
    )
    assert heading > 0


@pytest.mark.parametrize(("count", "limit"), [(0, 5), (4, 5), (5, 5), (6, 5), (1_000, 7)])
def test_samples_are_spread_evenly_within_the_limit(count: int, limit: int) -> None:
    taken = evenly(count, limit)
    assert len(taken) <= limit
    assert len(taken) == count or len(taken) > limit // 2
    assert (taken < max(count, 1)).all()

"""Looking up many areas at once gives what looking at each car would give."""

import numpy as np
import pytest

from rideflow.contracts.ids import AREA_RESOLUTION
from rideflow.contracts.pings import DriverState
from rideflow.contracts.push import AREA_CARS_MAX, AREA_CELLS_MAX, WatchArea
from rideflow.fanout.area_board import AreaBoard, AreaKey
from rideflow.fanout.area_cells import cells_of
from rideflow.fanout.area_deltas import area_deltas
from rideflow.fanout.area_index import AreaIndex
from rideflow.fanout.city_view import SAMPLE_LEVELS, CityView
from tests.support.watching import LAT, LON, position_frame

NOW_MS = 1_700_000_000_000


def _scattered(seed: int, count: int) -> CityView:
    rng = np.random.default_rng(seed)
    view = CityView()
    view.take(
        [
            position_frame(
                range(1, count + 1),
                NOW_MS,
                lat_e7=rng.integers(int((LAT - 0.03) * 1e7), int((LAT + 0.03) * 1e7), count),
                lon_e7=rng.integers(int((LON - 0.03) * 1e7), int((LON + 0.03) * 1e7), count),
                state=rng.choice([DriverState.OPEN, DriverState.ON_TRIP], count),
            )
        ]
    )
    return view


def _box(offset: float, half_side: float = 0.004) -> WatchArea:
    return WatchArea(
        south=LAT + offset - half_side,
        north=LAT + offset + half_side,
        west=LON - half_side,
        east=LON + half_side,
    )


def _board(view: CityView, *offsets: float) -> AreaBoard[str]:
    board: AreaBoard[str] = AreaBoard(view, slices_per_second=25)
    for offset in offsets:
        key = AreaKey(cells=cells_of(_box(offset)), economy=False)
        board.watch(f"watcher {offset}", key)
    return board


@pytest.mark.parametrize("seed", range(5))
def test_every_open_car_of_an_area_is_found_and_no_other(seed: int) -> None:
    view = _scattered(seed, 300)
    board = _board(view, -0.01, 0.0, 0.011)
    areas = list(board.all_areas())
    deltas = area_deltas(areas, AreaIndex(view, board.watched_cells(), NOW_MS), view)
    shown_in = view.shown_in()
    start = 0
    for area, end in zip(areas, deltas.changed_ends, strict=True):
        assert (
            deltas.changed[start:end].tolist()
            == np.flatnonzero(np.isin(shown_in, area.cells) & (shown_in > 0)).tolist()
        )
        start = end


@pytest.mark.parametrize("count", [2_000, 50_000])
def test_a_crowded_area_shows_a_bounded_sample_that_stays(count: int) -> None:
    view = _scattered(1, count)
    board = _board(view, 0.0)
    (area,) = board.all_areas()
    area_deltas([area], AreaIndex(view, board.watched_cells(), NOW_MS), view)
    shown = area.shown.tolist()
    view.take([position_frame([1], NOW_MS, state=DriverState.ON_TRIP)])
    area_deltas([area], AreaIndex(view, board.watched_cells(), NOW_MS), view)
    assert AREA_CARS_MAX // 4 < len(shown) <= AREA_CARS_MAX
    assert len(set(shown) - set(area.shown.tolist())) <= 1


def test_levels_halve_from_one_to_the_next() -> None:
    view = _scattered(1, 20_000)
    sizes = np.bincount(view.levels_of(np.arange(20_000)), minlength=SAMPLE_LEVELS)
    assert 9_700 < sizes[0] < 10_300
    assert 4_700 < sizes[1] < 5_300
    assert sizes[2:].all()


def test_areas_of_equal_cells_are_one_and_lanes_are_filled_evenly() -> None:
    view = CityView()
    board = _board(view, *(0.01 * number for number in range(10)))
    board.watch("another", AreaKey(cells=cells_of(_box(0.0)), economy=False))
    assert len(board) == 10
    assert [len(board.due(number)) for number in range(5)] == [2, 2, 2, 2, 2]


def test_an_area_nobody_watches_any_more_is_gone() -> None:
    view = CityView()
    board = _board(view, 0.0)
    board.leave("watcher 0.0")
    assert len(board) == 0
    assert not board.watched_cells().any()
    assert not any(board.due(number) for number in range(5))


@pytest.mark.parametrize(
    ("half_side", "count"), [(0.0, 7), (0.001, 7), (0.03, 60), (1.0, 200), (30.0, 200)]
)
def test_a_box_has_its_cells_and_a_ring_and_never_too_many(half_side: float, count: int) -> None:
    cells = cells_of(_box(0.0, half_side))
    assert count <= len(cells) <= AREA_CELLS_MAX
    assert AREA_RESOLUTION == 8

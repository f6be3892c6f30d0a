"""The uniform grid gives what looking at every point gives."""

import numpy as np
import pytest

from rideflow.geo.nearest import NOBODY, NearestGrid


def _brute(
    x: np.ndarray, y: np.ndarray, asker_x: float, asker_y: float, k: int
) -> tuple[list[int], list[float]]:
    metres = np.hypot(x - asker_x, y - asker_y)
    order = np.lexsort((np.arange(len(x)), metres))[:k]
    return order.tolist(), metres[order].tolist()


@pytest.mark.parametrize("seed", range(25))
def test_the_grid_agrees_with_looking_at_every_point(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 400))
    spread = rng.choice([1.0, 50.0, 20_000.0], 2)
    x, y = rng.normal(0, spread[0], count), rng.normal(0, spread[1], count)
    asker_x, asker_y = rng.uniform(-30_000, 30_000, 20), rng.normal(0, spread[1], 20)
    k = int(rng.integers(1, 20))
    indexes, metres = NearestGrid(x, y).nearest(asker_x, asker_y, k=k)
    for asker in range(20):
        expected, expected_m = _brute(x, y, asker_x[asker], asker_y[asker], k)
        assert indexes[asker, : len(expected)].tolist() == expected
        assert metres[asker, : len(expected)].tolist() == pytest.approx(expected_m)
        assert (indexes[asker, len(expected) :] == NOBODY).all()


def test_no_points_means_nobody() -> None:
    indexes, metres = NearestGrid(np.zeros(0), np.zeros(0)).nearest(np.zeros(2), np.zeros(2), k=3)
    assert (indexes == NOBODY).all()
    assert np.isinf(metres).all()


def test_no_askers_means_no_answers() -> None:
    indexes, _ = NearestGrid(np.zeros(4), np.zeros(4)).nearest(np.zeros(0), np.zeros(0), k=3)
    assert indexes.shape == (0, 3)


def test_a_point_at_the_far_end_of_the_world_does_not_cost_a_huge_grid() -> None:
    x = np.r_[np.linspace(0, 1_000, 1_000), 2e7]
    y = np.r_[np.linspace(0, 1_000, 1_000), 1e7]
    indexes, _ = NearestGrid(x, y).nearest(np.array([500.0]), np.array([500.0]), k=1)
    assert 498 <= indexes[0, 0] <= 501


def test_equally_near_points_come_in_the_order_of_their_indexes() -> None:
    grid = NearestGrid(np.array([10.0, -10.0, 10.0]), np.zeros(3))
    indexes, _ = grid.nearest(np.zeros(1), np.zeros(1), k=3)
    assert indexes.tolist() == [[0, 1, 2]]

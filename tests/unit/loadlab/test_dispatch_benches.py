"""The benches of matching and eta run on any city, and their figures make sense."""

from pathlib import Path

import pytest

from loadlab import eta_bench, matching_bench
from tests.support.tiny_city import tiny_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    tiny_city(folder, columns=12, rows=12)
    return folder


def test_a_window_serves_every_rider_while_there_are_drivers(city: Path) -> None:
    measured = matching_bench.run(city=city, rides=20, drivers=60)
    assert measured.served == 20
    assert measured.window_ms >= measured.assignment_ms > 0
    assert measured.pickup_mean_s <= measured.pickup_mean_greedy_s + 1e-6


def test_every_figure_of_the_eta_bench_is_measured(city: Path) -> None:
    measured = eta_bench.run(city=city, drivers=2_000, series_s=0.005)
    figures = {name: getattr(measured, name) for name in measured.__slots__}
    assert all(value > 0 for value in figures.values()), figures

"""The raster gives H3's cells, all over the Earth, and survives running out of tiles."""

import h3.api.basic_int as h3
import numpy as np
import pytest

from rideflow.columns import cell_raster
from rideflow.columns.cell_raster import CellRaster
from rideflow.contracts.ids import AREA_RESOLUTION, REGION_RESOLUTION


def _town(count: int, seed: int = 1) -> tuple[np.typing.NDArray[np.int32], ...]:
    rng = np.random.default_rng(seed)
    lat = rng.integers(576_500_000, 577_600_000, count).astype(np.int32)
    lon = rng.integers(118_000_000, 121_000_000, count).astype(np.int32)
    return lat, lon


@pytest.mark.parametrize("resolution", [REGION_RESOLUTION, AREA_RESOLUTION])
def test_nearly_all_places_have_h3s_own_cell_and_the_others_a_neighbour(resolution: int) -> None:
    lat, lon = _town(1_000)
    cells = CellRaster(resolution=resolution).cells_of(lat, lon).tolist()
    pairs = zip(lat.tolist(), lon.tolist(), strict=True)
    exact = [h3.latlng_to_cell(a / 1e7, b / 1e7, resolution) for a, b in pairs]
    wrong = [(got, want) for got, want in zip(cells, exact, strict=True) if got != want]
    assert len(wrong) < 100
    assert all(h3.are_neighbor_cells(got, want) for got, want in wrong)


def test_the_ends_of_the_earth_have_cells() -> None:
    lat = np.array([900_000_000, -900_000_000, 0, 0], np.int32)
    lon = np.array([0, 0, 1_800_000_000, -1_800_000_000], np.int32)
    assert all(map(h3.is_valid_cell, CellRaster(resolution=6).cells_of(lat, lon).tolist()))


def test_a_raster_out_of_tiles_still_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    lat = rng.integers(-800_000_000, 800_000_000, 60).astype(np.int32)
    lon = rng.integers(-1_700_000_000, 1_700_000_000, 60).astype(np.int32)
    expected = CellRaster(resolution=6).cells_of(lat, lon).tolist()
    monkeypatch.setattr(cell_raster, "_TILES_MAX", 8)
    small = CellRaster(resolution=6)
    for _ in range(2):
        assert small.cells_of(lat, lon).tolist() == expected
    assert small.cells_of(lat[:4], lon[:4]).tolist() == expected[:4]


def test_a_cell_has_its_number_before_anyone_is_in_it() -> None:
    raster = CellRaster(resolution=8)
    cell = h3.latlng_to_cell(57.7, 11.97, 8)
    number = raster.number_of_cell(cell)
    assert raster.cells[number] == cell

"""The default city, built from the package that ships its data."""

import json
from pathlib import Path

import numpy as np
import pytest

from citysim.citypack.build import build_city_pack
from citysim.citypack.source import DEFAULT_NAME, DEFAULT_SLUG, default_source
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.pack import CityPack
from rideflow.roads.snap import RoadSnap

pytestmark = pytest.mark.integration

SOURCE = default_source(Path(__file__).parents[2])


@pytest.mark.skipif(SOURCE is None, reason="`npm ci` in web/ brings the data of Göteborg")
def test_goteborg_is_as_large_as_it_is(tmp_path: Path) -> None:
    assert SOURCE is not None
    build_city_pack(SOURCE, tmp_path / "goteborg", name=DEFAULT_NAME)
    pack = CityPack.load(tmp_path / "goteborg")
    graph = pack.graph
    assert (pack.facts.name, pack.facts.slug) == ("Göteborg", DEFAULT_SLUG)
    assert (graph.node_count, graph.edge_count) == (13_622, 29_099)
    bounds = pack.facts.bounds
    assert (bounds.west, bounds.south) == pytest.approx((11.872, 57.660), abs=0.001)
    assert (bounds.east, bounds.north) == pytest.approx((12.061, 57.750), abs=0.001)
    drawn = json.loads((tmp_path / "goteborg" / "basemap.geojson").read_text())["features"]
    assert {feature["properties"]["k"] for feature in drawn} >= {"road", "plaza"}
    snap = RoadSnap(graph)
    lon, lat = np.array([11.9735, 11.9430]), np.array([57.7089, 57.7210])
    central, hisingen = (snap.snap(lon, lat)[number] for number in (0, 1))
    route = LiveMetric(Hierarchy(graph)).route(central, hisingen)
    assert route is not None
    assert any(
        "bron" in street.lower() or "tunnel" in street.lower() for street in (route.streets(pack))
    )

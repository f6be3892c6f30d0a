"""The road network of a city pack: reading, snapping, travel times and routes."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from rideflow.roads.arrays import Ints
from rideflow.roads.buckets import project
from rideflow.roads.graph import RoadGraph, RoadGraphBad, Successors
from rideflow.roads.hierarchy import UNREACHABLE_MS, Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.pack import CityPack, CityPackBad
from rideflow.roads.plane import Plane, bearing_deg, haversine_m
from rideflow.roads.routes import place_of
from rideflow.roads.snap import REACH_M, RoadSnap
from rideflow.roads.spots import NO_EDGE, Spot, Spots
from tests.support.tiny_city import junction, tiny_city


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> CityPack:
    return tiny_city(tmp_path_factory.mktemp("city") / "pack")


@pytest.fixture(scope="module")
def snap(pack: CityPack) -> RoadSnap:
    return RoadSnap(pack.graph)


@pytest.fixture(scope="module")
def hierarchy(pack: CityPack) -> Hierarchy:
    return Hierarchy(pack.graph)


def spot_near(snap: RoadSnap, lon: float, lat: float, bearing: float | None = None) -> Spot:
    course = None if bearing is None else np.array([bearing])
    return snap.snap(np.array([lon]), np.array([lat]), course)[0]


def oracle_ms(graph: RoadGraph, travel_ms: Ints, target: int) -> np.ndarray:
    """Return Dijkstra's times from all nodes to the target, taking the best of parallel edges."""
    order = np.lexsort((travel_ms, graph.tail, graph.head))
    head, tail = graph.head[order], graph.tail[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (head[1:] != head[:-1]) | (tail[1:] != tail[:-1])
    size = (graph.node_count, graph.node_count)
    backwards = coo_matrix((travel_ms[order][first], (head[first], tail[first])), shape=size)
    return np.asarray(dijkstra(backwards.tocsr(), indices=target))


def random_times(graph: RoadGraph, seed: int) -> Ints:
    factor = np.random.default_rng(seed).uniform(0.3, 3.0, graph.edge_count)
    return (graph.travel_ms * factor).astype(np.int32).clip(1)


class TestPack:
    def test_a_pack_is_read_as_it_was_built(self, pack: CityPack) -> None:
        assert pack.facts.name == "Tiny"
        assert pack.facts.counts["nodes"] == pack.graph.node_count == 8 * 6
        assert pack.facts.counts["edges"] == pack.graph.edge_count == 2 * (7 * 6 + 8 * 5)
        assert {pack.street(edge) for edge in range(pack.graph.edge_count)} == set(pack.names)

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CityPackBad, match="nowhere: there is no such folder"):
            CityPack.load(tmp_path / "nowhere")

    @pytest.mark.parametrize("file", ["city.json", "names.json", "roads.npz"])
    def test_a_missing_file_is_named(self, tmp_path: Path, file: str) -> None:
        tiny_city(tmp_path / "pack", columns=2, rows=2)
        (tmp_path / "pack" / file).unlink()
        with pytest.raises(CityPackBad, match=f"{file}: the file is missing"):
            CityPack.load(tmp_path / "pack")

    @pytest.mark.parametrize("file", ["city.json", "names.json", "roads.npz"])
    def test_a_damaged_file_is_named(self, tmp_path: Path, file: str) -> None:
        tiny_city(tmp_path / "pack", columns=2, rows=2)
        (tmp_path / "pack" / file).write_bytes(b"{ damaged")
        with pytest.raises(CityPackBad, match=file):
            CityPack.load(tmp_path / "pack")

    def test_another_version_is_refused(self, tmp_path: Path) -> None:
        tiny_city(tmp_path / "pack", columns=2, rows=2)
        path = tmp_path / "pack" / "city.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pack_version": 99}))
        with pytest.raises(CityPackBad, match="version 99, this program reads 1"):
            CityPack.load(tmp_path / "pack")

    def test_columns_of_unequal_length_are_refused(self, pack: CityPack) -> None:
        columns = {name: getattr(pack.graph, name) for name in RoadGraph.__slots__}
        with pytest.raises(RoadGraphBad, match="'head' has 3 values instead of 164"):
            RoadGraph(**columns | {"head": np.zeros(3, np.int32)})

    @pytest.mark.parametrize("node", [-1, 48])
    def test_an_edge_to_a_node_that_is_none_is_refused(self, pack: CityPack, node: int) -> None:
        columns = {name: getattr(pack.graph, name) for name in RoadGraph.__slots__}
        head = pack.graph.head.copy()
        head[5] = node
        with pytest.raises(RoadGraphBad, match="'head' names a node that is none of the 48"):
            RoadGraph(**columns | {"head": head})


class TestGraph:
    def test_every_two_way_edge_is_the_reverse_of_its_reverse(self, pack: CityPack) -> None:
        graph = pack.graph
        edges = np.arange(graph.edge_count)
        assert (graph.reverse >= 0).all()
        assert (graph.reverse[graph.reverse] == edges).all()
        assert (graph.tail[graph.reverse] == graph.head).all()

    def test_successors_are_the_edges_that_leave_a_node(self, pack: CityPack) -> None:
        successors = Successors.of(pack.graph)
        for node in range(pack.graph.node_count):
            leaving = successors.edges[successors.start[node] : successors.start[node + 1]]
            assert (pack.graph.tail[leaving] == node).all()
        assert sorted(successors.edges.tolist()) == list(range(pack.graph.edge_count))

    def test_the_plane_agrees_with_the_great_circle(self) -> None:
        plane = Plane(lon=11.97, lat=57.7)
        flat = np.hypot(plane.x(12.1), plane.y(57.75))
        assert flat == pytest.approx(haversine_m(11.97, 57.7, 12.1, 57.75), rel=0.002)
        assert plane.to_lon(plane.x(12.1)) == pytest.approx(12.1)
        assert plane.to_lat(plane.y(57.75)) == pytest.approx(57.75)

    def test_bearings_go_clockwise_from_north(self) -> None:
        east, north = np.array([0.0, 1.0, 0.0, -1.0]), np.array([1.0, 0.0, -1.0, 0.0])
        assert bearing_deg(east, north).tolist() == [0.0, 90.0, 180.0, 270.0]


class TestSnap:
    @pytest.mark.parametrize("seed", range(5))
    def test_the_nearest_segment_is_found_exactly(
        self, pack: CityPack, snap: RoadSnap, seed: int
    ) -> None:
        rng, graph = np.random.default_rng(seed), pack.graph
        lon = rng.uniform(graph.node_lon.min() - 0.006, graph.node_lon.max() + 0.006, 200)
        lat = rng.uniform(graph.node_lat.min() - 0.003, graph.node_lat.max() + 0.003, 200)
        spots = snap.snap(lon, lat)
        plane = graph.plane
        for place in range(len(lon)):
            x, y = plane.x(lon[place]), plane.y(lat[place])
            _, distance_m = project(x, y, snap._xa, snap._ya, snap._xb, snap._yb)
            if distance_m.min() > REACH_M:
                assert spots.edge[place] == NO_EDGE
                assert spots.distance_m[place] == np.inf
            else:
                assert spots.distance_m[place] == pytest.approx(distance_m.min())

    def test_a_spot_lies_where_the_place_was(self, pack: CityPack, snap: RoadSnap) -> None:
        (lon_a, lat), (lon_b, _) = junction(2, 3), junction(3, 3)
        middle = lon_a + 0.3 * (lon_b - lon_a)
        spot = spot_near(snap, middle, lat + 0.00003)
        assert pack.street(spot.edge) == "Row 3"
        assert place_of(pack.graph, spot) == pytest.approx((middle, lat), abs=1e-6)

    def test_a_bearing_chooses_the_direction(self, pack: CityPack, snap: RoadSnap) -> None:
        lon, lat = np.add(junction(2, 3), (0.0005, 0.0))
        east, west = spot_near(snap, lon, lat, 80.0), spot_near(snap, lon, lat, 260.0)
        assert pack.graph.reverse[east.edge] == west.edge
        assert pack.graph.node_lon[pack.graph.head[east.edge]] > lon
        assert place_of(pack.graph, east) == pytest.approx(place_of(pack.graph, west), abs=1e-7)

    @pytest.mark.parametrize(("course", "street"), [(90.0, "Row 3"), (0.0, "Column 3")])
    def test_near_a_junction_the_course_tells_which_road_it_is(
        self, pack: CityPack, snap: RoadSnap, course: float, street: str
    ) -> None:
        # 5 m north and 3 m east of the junction, or the other way round: the noise of a fix.
        for east_m, north_m in ((3.0, 5.0), (5.0, 3.0)):
            lon, lat = np.add(junction(3, 3), (east_m / 59_600, north_m / 111_200))
            assert pack.street(spot_near(snap, lon, lat, course).edge) == street

    def test_a_course_does_not_carry_a_car_to_a_road_too_far_away(
        self, pack: CityPack, snap: RoadSnap
    ) -> None:
        lon, lat = np.add(junction(3, 3), (3.0 / 59_600, 30.0 / 111_200))
        assert pack.street(spot_near(snap, lon, lat, 90.0).edge) == "Column 3"

    def test_a_course_not_known_leaves_the_nearest_road(
        self, pack: CityPack, snap: RoadSnap
    ) -> None:
        lon, lat = np.add(junction(3, 3), (3.0 / 59_600, 5.0 / 111_200))
        assert spot_near(snap, lon, lat, np.nan) == spot_near(snap, lon, lat)

    def test_no_places_give_no_spots(self, snap: RoadSnap) -> None:
        assert len(snap.snap(np.zeros(0), np.zeros(0))) == 0


class TestMetric:
    @pytest.mark.parametrize("seed", range(3))
    def test_times_equal_dijkstras(self, pack: CityPack, hierarchy: Hierarchy, seed: int) -> None:
        graph, travel_ms = pack.graph, random_times(pack.graph, seed)
        metric = LiveMetric(hierarchy, travel_ms)
        sources = np.arange(graph.node_count, dtype=np.int32)
        for target in (0, 17, 40):
            found = metric.node_etas_ms(sources, target)
            assert found.tolist() == oracle_ms(graph, travel_ms, target).tolist()

    def test_refreshing_again_and_again_is_safe_and_exact(
        self, pack: CityPack, hierarchy: Hierarchy
    ) -> None:
        metric = LiveMetric(hierarchy)
        sources = np.arange(pack.graph.node_count, dtype=np.int32)
        for seed in range(6):
            travel_ms = random_times(pack.graph, seed)
            metric.refresh(travel_ms)
            assert metric.travel_ms is travel_ms
            expected = oracle_ms(pack.graph, travel_ms, 11).tolist()
            assert metric.node_etas_ms(sources, 11).tolist() == expected
            assert metric.route(Spot(edge=0, offset_m=5.0), Spot(edge=90, offset_m=9.0))

    def test_etas_and_routes_agree(
        self, pack: CityPack, hierarchy: Hierarchy, snap: RoadSnap
    ) -> None:
        rng, graph = np.random.default_rng(3), pack.graph
        metric = LiveMetric(hierarchy, random_times(graph, 9))
        edge = rng.integers(0, graph.edge_count, 40).astype(np.int32)
        offset_m = rng.uniform(0.0, 1.0, 40) * graph.length_m[edge]
        drivers = Spots(edge=edge, offset_m=offset_m, distance_m=np.zeros(40))
        pickup = spot_near(snap, *np.add(junction(4, 2), (0.0004, 0.0)))
        etas = metric.etas_ms(drivers, pickup)
        for number in range(len(drivers)):
            route = metric.route(drivers[number], pickup)
            assert route is not None
            assert abs(route.travel_ms - etas[number]) <= 2
            assert (graph.head[route.edges[:-1]] == graph.tail[route.edges[1:]]).all()
            line = route.polyline(graph)
            assert line[0] == pytest.approx(place_of(graph, drivers[number]), abs=1e-7)
            assert line[-1] == pytest.approx(place_of(graph, pickup), abs=1e-6)
            step = haversine_m(line[:-1, 0], line[:-1, 1], line[1:, 0], line[1:, 1])
            assert route.length_m(graph) == pytest.approx(step.sum(), abs=0.5)

    def test_a_driver_before_the_pickup_on_its_street_goes_straight(
        self, pack: CityPack, hierarchy: Hierarchy
    ) -> None:
        graph, metric = pack.graph, LiveMetric(hierarchy)
        pickup = Spot(edge=7, offset_m=float(graph.length_m[7]) * 0.75)
        other_side = int(graph.reverse[7])
        drivers = Spots(
            edge=np.array([7, other_side, NO_EDGE], np.int32),
            offset_m=np.array([float(graph.length_m[7]) * 0.25, 0.0, 0.0]),
            distance_m=np.zeros(3),
        )
        etas = metric.etas_ms(drivers, pickup)
        assert etas[0] == pytest.approx(graph.travel_ms[7] * 0.5, abs=2)
        assert etas[1] == pytest.approx(graph.travel_ms[7] * 0.25, abs=2)
        assert etas[2] >= UNREACHABLE_MS

    def test_a_driver_past_the_pickup_goes_around(
        self, pack: CityPack, hierarchy: Hierarchy
    ) -> None:
        metric, length_m = LiveMetric(hierarchy), float(pack.graph.length_m[7])
        route = metric.route(
            Spot(edge=7, offset_m=length_m * 0.9), Spot(edge=7, offset_m=length_m * 0.1)
        )
        assert route is not None
        assert len(route.edges) > 1
        assert route.end.edge in (7, int(pack.graph.reverse[7]))

    def test_somebody_at_the_kerb_sets_off_in_whichever_direction_is_sooner(
        self, pack: CityPack, hierarchy: Hierarchy, snap: RoadSnap
    ) -> None:
        graph, metric = pack.graph, LiveMetric(hierarchy)
        kerb = spot_near(snap, *np.add(junction(3, 3), (0.0008, 0.0)))
        west = spot_near(snap, *np.add(junction(1, 3), (0.0008, 0.0)))
        east = spot_near(snap, *np.add(junction(5, 3), (0.0008, 0.0)))
        for end in (west, east):
            route = metric.route(kerb, end, either_way=True)
            assert route is not None
            assert route.length_m(graph) == pytest.approx(200, abs=3)
            line = route.polyline(graph)
            assert line[0] == pytest.approx(place_of(graph, kerb), abs=1e-7)

    def test_somebody_at_the_kerb_needs_no_way_round_to_a_place_behind(
        self, pack: CityPack, hierarchy: Hierarchy
    ) -> None:
        metric, length_m = LiveMetric(hierarchy), float(pack.graph.length_m[7])
        start, end = Spot(edge=7, offset_m=length_m * 0.9), Spot(edge=7, offset_m=length_m * 0.1)
        route = metric.route(start, end, either_way=True)
        assert route is not None
        assert route.edges.tolist() == [int(pack.graph.reverse[7])]
        assert route.travel_ms == pytest.approx(int(pack.graph.travel_ms[7]) * 0.8, abs=2)

    def test_a_route_names_its_streets_in_order(
        self, pack: CityPack, hierarchy: Hierarchy, snap: RoadSnap
    ) -> None:
        lon, lat = junction(0, 0)
        start = spot_near(snap, lon + 0.0004, lat, 90.0)
        end = spot_near(snap, *np.add(junction(5, 4), (0.0, 0.0004)))
        route = LiveMetric(hierarchy).route(start, end)
        assert route is not None
        streets = route.streets(pack)
        assert streets[0] == "Row 0"
        assert streets[-1] == "Column 5"
        assert all(a != b for a, b in pairwise(streets))

    def test_no_drivers_give_no_etas(self, hierarchy: Hierarchy) -> None:
        nobody = Spots(edge=np.zeros(0, np.int32), offset_m=np.zeros(0), distance_m=np.zeros(0))
        assert len(LiveMetric(hierarchy).etas_ms(nobody, Spot(edge=0, offset_m=0.0))) == 0

    def test_a_time_of_zero_is_refused(self, pack: CityPack, hierarchy: Hierarchy) -> None:
        with pytest.raises(AssertionError, match="takes no time"):
            LiveMetric(hierarchy, np.zeros(pack.graph.edge_count, np.int32))

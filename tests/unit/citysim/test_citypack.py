"""City packs: from OpenStreetMap data to roads and base map."""

import json
from pathlib import Path
from typing import Any

import osmium
import pytest

from citysim.citypack.basemap import basemap
from citysim.citypack.build import STEPS, build_city_pack, slug_of
from citysim.citypack.features import Area, Features, SourceBad, Way
from citysim.citypack.network import NoDrivableRoads, road_graph
from citysim.citypack.source import default_source
from citysim.citypack.tags import (
    USUAL_KMH,
    Direction,
    area_kind,
    direction,
    is_drivable,
    kmh,
    line_kind,
    road_class,
)
from rideflow.roads.graph import RoadClass
from tests.support.tiny_city import grid_source, street, tiny_city

A, B, C, D = (11.95, 57.70), (11.951, 57.70), (11.951, 57.701), (11.95, 57.701)


def way(number: int, *points: tuple[float, float], **tags: str) -> Way:
    return Way(way_id=number, tags={"highway": "residential"} | tags, points=list(points))


def write(path: Path, found: object) -> Path:
    path.write_text(json.dumps(found))
    return path


class TestTags:
    @pytest.mark.parametrize(
        ("maxspeed", "expected"),
        [
            ("50", 50.0),
            ("50 km/h", 50.0),
            ("30 mph", 48.28),
            ("30mph", 48.28),
            ("walk", 7.0),
            ("DE:walk", 7.0),
            ("70;50", 50.0),
            ("SE:urban", 30.0),
            ("none", 30.0),
            ("signals", 30.0),
            ("0", 30.0),
            ("", 30.0),
        ],
    )
    def test_speed_limits_are_read_or_taken_from_the_class(
        self, maxspeed: str, expected: float
    ) -> None:
        tags = {"highway": "residential", "maxspeed": maxspeed}
        assert kmh(tags) == pytest.approx(expected, abs=0.01)

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ({"highway": "primary"}, Direction.BOTH),
            ({"highway": "primary", "oneway": "yes"}, Direction.FORWARD),
            ({"highway": "primary", "oneway": "-1"}, Direction.BACKWARD),
            ({"highway": "primary", "oneway": "no"}, Direction.BOTH),
            ({"highway": "motorway"}, Direction.FORWARD),
            ({"highway": "motorway", "oneway": "no"}, Direction.BOTH),
            ({"highway": "tertiary", "junction": "roundabout"}, Direction.FORWARD),
        ],
    )
    def test_directions_follow_oneway_motorways_and_roundabouts(
        self, tags: dict[str, str], expected: Direction
    ) -> None:
        assert direction(tags) is expected

    def test_every_drivable_kind_has_a_class_for_cars(self) -> None:
        for highway in USUAL_KMH:
            found = road_class({"highway": highway})
            assert found is not None
            assert found <= RoadClass.SERVICE

    def test_private_roads_and_paths_are_not_for_cars(self) -> None:
        assert not is_drivable({"highway": "service", "access": "private"})
        assert not is_drivable({"highway": "footway"})
        assert not is_drivable({"railway": "tram"})

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ({"natural": "water"}, "water"),
            ({"waterway": "riverbank"}, "water"),
            ({"leisure": "park"}, "green"),
            ({"landuse": "forest"}, "green"),
            ({"building": "yes", "leisure": "park"}, "building"),
            ({"highway": "pedestrian"}, "plaza"),
            ({"landuse": "industrial"}, None),
        ],
    )
    def test_areas_have_kinds(self, tags: dict[str, str], expected: str | None) -> None:
        assert area_kind(tags) == expected

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ({"highway": "steps"}, "road"),
            ({"highway": "platform"}, None),
            ({"railway": "tram"}, "rail"),
            ({"natural": "coastline"}, "coast"),
            ({"waterway": "river"}, "stream"),
        ],
    )
    def test_lines_have_kinds(self, tags: dict[str, str], expected: str | None) -> None:
        assert line_kind(tags) == expected


class TestNetwork:
    def test_ways_are_split_where_they_meet_and_one_ways_have_no_reverse(self) -> None:
        ring = way(1, A, B, C, D, A, oneway="yes", name="Ring")
        across = way(2, A, C, name="Across")
        graph, names = road_graph([ring, across])
        assert names == ["Ring", "Across"]
        assert graph.node_count == 2
        assert graph.edge_count == 4
        assert (graph.reverse[graph.way == 1] == -1).all()
        assert sorted(graph.reverse[graph.way == 2].tolist()) == [2, 3]
        assert graph.travel_ms.min() > 0

    def test_a_backward_one_way_is_turned_round(self) -> None:
        ring = way(1, A, D, C, B, A, oneway="-1")
        graph, _ = road_graph([ring, way(2, A, C)])
        forward, _ = road_graph([way(1, A, B, C, D, A, oneway="yes"), way(2, A, C)])
        arcs = {(graph.length_m[e].round(), graph.tail[e] == graph.tail[2]) for e in (0, 1)}
        assert arcs == {(forward.length_m[e].round(), forward.tail[e] == 0) for e in (0, 1)}

    def test_what_cannot_be_reached_both_ways_is_left_out(self) -> None:
        dead_end = way(2, B, (11.953, 57.70), oneway="yes", name="Nowhere")
        graph, names = road_graph([way(1, A, B, C), dead_end])
        assert graph.edge_count == 4
        assert names == []

    def test_a_name_is_replaced_by_the_number_of_the_road(self) -> None:
        graph, names = road_graph([way(1, A, B, ref="E 6")])
        assert [names[name] for name in graph.name] == ["E 6", "E 6"]

    @pytest.mark.parametrize(
        "ways", [[], [way(1, A, B, highway="footway")], [way(1, A)], [way(1, A, B, oneway="yes")]]
    )
    def test_without_drivable_roads_there_is_no_graph(self, ways: list[Way]) -> None:
        with pytest.raises(NoDrivableRoads):
            road_graph(ways)


class TestBasemap:
    def test_features_carry_kind_class_name_and_direction(self) -> None:
        drawn = basemap(
            Features(
                ways=[
                    way(1, A, B, name="Bron", bridge="yes", oneway="yes"),
                    way(2, A, B, highway="cycleway"),
                    way(3, A, B, highway="construction"),
                ],
                areas=[
                    Area(tags={"leisure": "park", "name": "Slottsskogen"}, polygons=[[[A, B, C]]]),
                    Area(tags={"landuse": "industrial"}, polygons=[[[A, B, C]]]),
                ],
            )
        )
        assert [feature["properties"] for feature in drawn["features"]] == [
            {"k": "green", "n": "Slottsskogen"},
            {"k": "road", "n": "Bron", "c": 5, "o": 1, "b": 1},
            {"k": "road", "c": 8},
        ]


class TestBuild:
    def test_the_same_source_gives_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = tmp_path / "a", tmp_path / "b"
        tiny_city(first / "pack")
        tiny_city(second / "pack")
        for file in sorted((first / "pack").iterdir()):
            assert file.read_bytes() == (second / "pack" / file.name).read_bytes()

    def test_a_rebuilt_pack_replaces_the_old_one_whole(self, tmp_path: Path) -> None:
        pack = tmp_path / "pack"
        tiny_city(pack, columns=3)
        (pack / "left over").touch()
        tiny_city(pack, columns=4)
        assert sorted(path.name for path in pack.iterdir()) == [
            "basemap.geojson",
            "city.json",
            "names.json",
            "roads.npz",
        ]

    def test_each_step_is_announced(self, tmp_path: Path) -> None:
        said: list[str] = []
        source = write(tmp_path / "my-town.geojson", grid_source(columns=2, rows=2))
        pack = build_city_pack(source, tmp_path / "pack", on_step=said.append)
        assert said == list(STEPS)
        assert (pack.facts.name, pack.facts.slug) == ("My Town", "my-town")

    def test_a_slug_is_plain(self) -> None:
        assert slug_of("Göteborg") == "goteborg"
        assert slug_of("La Serena / Coquimbo") == "la-serena-coquimbo"
        assert slug_of("東京") == "city"

    def test_the_default_source_is_looked_for_in_web(self, tmp_path: Path) -> None:
        assert default_source(tmp_path) is None
        test = tmp_path / "web/node_modules/geojson-path-finder/test"
        test.mkdir(parents=True)
        (test / "large-network.json").touch()
        assert default_source(tmp_path) == test / "large-network.json"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("not json", "is not GeoJSON"),
            ("[1]", "no FeatureCollection"),
            ('{"features": [7]}', "feature 0 is not a GeoJSON feature"),
            ('{"features": []}', "has no drivable roads among 0 ways"),
        ],
    )
    def test_a_bad_source_is_named_with_what_is_wrong(
        self, tmp_path: Path, content: str, reason: str
    ) -> None:
        source = tmp_path / "town.geojson"
        source.write_text(content)
        with pytest.raises(SourceBad, match=reason) as caught:
            build_city_pack(source, tmp_path / "pack")
        assert str(source) in str(caught.value)
        assert not (tmp_path / "pack").exists()

    @pytest.mark.parametrize("name", ["none.geojson", "none.osm.pbf"])
    def test_a_missing_source_is_named(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SourceBad, match=f"{name}: there is no such file"):
            build_city_pack(tmp_path / name, tmp_path / "pack")


class TestPbf:
    def test_a_pbf_extract_gives_the_same_roads_as_geojson(self, tmp_path: Path) -> None:
        source = grid_source(columns=4, rows=3)
        from_geojson = build_city_pack(write(tmp_path / "a.geojson", source), tmp_path / "a")
        write_pbf(tmp_path / "b.osm.pbf", source["features"])
        from_pbf = build_city_pack(tmp_path / "b.osm.pbf", tmp_path / "b")
        assert from_pbf.names == from_geojson.names
        for column in ("tail", "head", "travel_ms", "way", "reverse", "shape_start"):
            assert getattr(from_pbf.graph, column).tolist() == (
                getattr(from_geojson.graph, column).tolist()
            )

    def test_areas_of_an_extract_are_drawn(self, tmp_path: Path) -> None:
        park = street(number=900, name="Parken", points=[A, B, C, D, A])
        park["properties"] = {"leisure": "park", "@id": "way/900"}
        roads = grid_source(columns=3, rows=3)["features"]
        write_pbf(tmp_path / "c.osm.pbf", [*roads, park])
        build_city_pack(tmp_path / "c.osm.pbf", tmp_path / "c")
        drawn = json.loads((tmp_path / "c" / "basemap.geojson").read_text())
        kinds = {feature["properties"]["k"] for feature in drawn["features"]}
        assert kinds == {"road", "green"}

    def test_a_file_that_is_no_pbf_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "d.osm.pbf").write_bytes(b"this is not a pbf file, not even nearly")
        with pytest.raises(SourceBad, match=r"d\.osm\.pbf: is not an \.osm\.pbf file"):
            build_city_pack(tmp_path / "d.osm.pbf", tmp_path / "d")


def write_pbf(path: Path, features: list[dict[str, Any]]) -> None:
    """Write ways as an extract: nodes first, numbered from 1, one for each coordinate."""
    numbers: dict[tuple[float, float], int] = {}
    for feature in features:
        for lon, lat in feature["geometry"]["coordinates"]:
            numbers.setdefault((lon, lat), len(numbers) + 1)
    with osmium.SimpleWriter(str(path)) as writer:
        for place, number in numbers.items():
            writer.add_node(osmium.osm.mutable.Node(id=number, location=place))
        for feature in features:
            nodes = [numbers[lon, lat] for lon, lat in feature["geometry"]["coordinates"]]
            tags = {k: v for k, v in feature["properties"].items() if k != "@id"}
            number = int(feature["properties"]["@id"].removeprefix("way/"))
            writer.add_way(osmium.osm.mutable.Way(id=number, nodes=nodes, tags=tags))

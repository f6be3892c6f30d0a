"""The simulated city, without I/O: chance, streets, traffic, drivers, schedule."""

import numpy as np
import pytest

from citysim.city.chance import Purpose, hashes, key, unit, units
from citysim.city.digest import hour_at
from citysim.city.fleet import Fleet
from citysim.city.schedule import Schedule
from citysim.city.streets import Streets
from citysim.city.traffic import Traffic, rush
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.pack import CityPack
from rideflow.roads.plane import haversine_m
from rideflow.roads.routes import place_of
from rideflow.roads.snap import RoadSnap
from rideflow.roads.spots import Spot
from tests.support.tiny_city import tiny_city


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> CityPack:
    return tiny_city(tmp_path_factory.mktemp("city") / "pack", columns=10, rows=10)


@pytest.fixture(scope="module")
def streets(pack: CityPack) -> Streets:
    return Streets(pack.graph)


def drive(fleet: Fleet, streets: Streets, *, steps: int, slice_size: int, first: int = 0) -> None:
    for step in range(first, first + steps):
        for begin in range(0, fleet.count, slice_size):
            end = min(begin + slice_size, fleet.count)
            fleet.step(begin, end, step=step, dt_s=1.0, speeds_mps=streets.free_mps)


class TestChance:
    def test_the_same_question_has_the_same_answer(self) -> None:
        assert unit(1, Purpose.TURN, 7, 3) == unit(1, Purpose.TURN, 7, 3)
        assert unit(1, Purpose.TURN, 7, 3) != unit(2, Purpose.TURN, 7, 3)
        assert unit(1, Purpose.TURN, 7, 3) != unit(1, Purpose.TRIP, 7, 3)
        assert unit(1, Purpose.TURN, 7, 3) != unit(1, Purpose.TURN, 3, 7)

    def test_an_answer_does_not_depend_on_who_else_is_asked(self) -> None:
        salt, everyone = key(1, Purpose.TURN), np.arange(100)
        assert hashes(salt, everyone, 5)[40:50].tolist() == (
            hashes(salt, everyone[40:50], 5).tolist()
        )

    def test_answers_are_spread_evenly(self) -> None:
        found = units(key(3, Purpose.NOISE), np.arange(100_000))
        assert found.min() >= 0.0
        assert found.max() < 1.0
        counts = np.histogram(found, 20, (0.0, 1.0))[0]
        assert abs(counts - 5_000).max() < 350
        later = units(key(3, Purpose.NOISE), np.arange(100_000), when=1)
        assert abs(np.corrcoef(found, later)[0, 1]) < 0.02


class TestStreets:
    def test_nobody_turns_back_where_there_is_another_way(self, streets: Streets) -> None:
        graph = streets.graph
        for edge in range(graph.edge_count):
            ways = streets.turns[streets.turn_start[edge] : streets.turn_start[edge + 1]]
            assert len(ways) > 0
            assert (graph.tail[ways] == graph.head[edge]).all()
            assert int(graph.reverse[edge]) not in ways.tolist()

    def test_a_place_on_the_line_is_a_place_on_its_edge(self, streets: Streets) -> None:
        graph = streets.graph
        for edge in (0, 5, graph.edge_count - 1):
            at_m = np.array([streets.base[edge], streets.base[edge] + 42.0])
            point = streets.point(at_m)
            into_m = at_m - streets.point_at[point]
            lon = (streets.lon_e7[point] + into_m * streets.lon_e7_per_m[point]) / 1e7
            expected = [place_of(graph, Spot(edge=edge, offset_m=m))[0] for m in (0.0, 42.0)]
            assert lon == pytest.approx(expected, abs=1e-7)


class TestTraffic:
    def test_it_is_slower_at_rush_hour_and_never_stands(self, streets: Streets) -> None:
        traffic = Traffic.of(streets, 1)
        night, evening = traffic.speeds_mps(3.0), traffic.speeds_mps(17.0)
        assert (evening < night).all()
        assert (evening >= 0.25 * streets.free_mps - 1e-9).all()
        assert rush(17.0) == 1.0

    def test_the_hour_goes_on_by_the_minute(self) -> None:
        assert hour_at(23.5, 59.0) == 23.5
        assert hour_at(23.5, 3_600.0) == pytest.approx(0.5)


class TestFleet:
    @pytest.mark.parametrize("slice_size", [1, 7, 64, 300])
    def test_how_drivers_are_batched_changes_nothing(
        self, streets: Streets, slice_size: int
    ) -> None:
        whole = Fleet(streets, drivers=300, seed=4)
        parts = Fleet(streets, drivers=300, seed=4)
        drive(whole, streets, steps=20, slice_size=300)
        drive(parts, streets, steps=20, slice_size=slice_size)
        assert whole.edge.tolist() == parts.edge.tolist()
        assert whole.at_m.tolist() == parts.at_m.tolist()

    def test_drivers_stay_on_roads_and_move_at_road_speed(self, streets: Streets) -> None:
        fleet = Fleet(streets, drivers=400, seed=2)
        plane = streets.graph.plane
        before = fleet.step(0, 400, step=0, dt_s=1.0, speeds_mps=streets.free_mps)
        for step in range(1, 30):
            after = fleet.step(0, 400, step=step, dt_s=1.0, speeds_mps=streets.free_mps)
            distance_m = haversine_m(
                before.lon_e7 / 1e7, before.lat_e7 / 1e7, after.lon_e7 / 1e7, after.lat_e7 / 1e7
            )
            assert (distance_m <= 1.15 * streets.free_mps.max() + 0.1).all()
            begin, end = streets.base[fleet.edge], streets.base[fleet.edge + 1]
            assert ((fleet.at_m >= begin) & (fleet.at_m < end)).all()
            before = after
        spots = RoadSnap(streets.graph).snap(after.lon_e7 / 1e7, after.lat_e7 / 1e7)
        assert spots.distance_m.max() < 0.5
        assert plane.lat == pytest.approx(57.704, abs=0.01)

    @pytest.mark.parametrize("seed", range(6))
    def test_a_planned_driver_arrives_where_it_is_sent_and_stands(
        self, pack: CityPack, streets: Streets, seed: int
    ) -> None:
        fleet = Fleet(streets, drivers=20, seed=seed)
        goal = Spot(edge=11 * seed % pack.graph.edge_count, offset_m=31.0)
        route = LiveMetric(Hierarchy(pack.graph)).route(fleet.spot(3), goal)
        assert route is not None
        fleet.follow(3, route)
        arrivals = []
        for step in range(600):
            moved = fleet.step(0, 20, step=step, dt_s=1.0, speeds_mps=streets.free_mps)
            arrivals += moved.arrived
        assert arrivals == [3]
        assert moved.speed_mps[3] == 0.0
        place = place_of(pack.graph, fleet.spot(3))
        assert place == pytest.approx(place_of(pack.graph, route.end), abs=1e-6)
        fleet.release(3)
        drive(fleet, streets, steps=10, slice_size=20, first=600)
        assert place_of(pack.graph, fleet.spot(3)) != place

    def test_a_long_step_does_not_run_past_the_end_of_a_plan(
        self, pack: CityPack, streets: Streets
    ) -> None:
        fleet = Fleet(streets, drivers=1, seed=1)
        route = LiveMetric(Hierarchy(pack.graph)).route(fleet.spot(0), Spot(edge=77, offset_m=50.0))
        assert route is not None
        fleet.follow(0, route)
        moved = fleet.step(0, 1, step=0, dt_s=900.0, speeds_mps=streets.free_mps)
        assert moved.arrived == [0]
        assert place_of(pack.graph, fleet.spot(0)) == pytest.approx(
            place_of(pack.graph, route.end), abs=1e-6
        )


class TestSchedule:
    def test_each_block_reports_once_a_period_at_its_own_time(self) -> None:
        schedule = Schedule(start_ms=1_000, period_ms=1_000.0, blocks=10)
        seen: dict[int, list[int]] = {}
        for now_ms in range(1_000, 4_000, 37):
            for due in schedule.take(now_ms, blocks_max=1_000):
                for block, fix_ms in zip(
                    range(due.first, due.last), due.fix_ms.tolist(), strict=True
                ):
                    assert fix_ms <= now_ms
                    assert fix_ms == 1_000 + 1_000 * due.step + 100 * block
                    seen.setdefault(block, []).append(due.step)
        assert set(map(tuple, seen.values())) == {(0, 1, 2)}

    def test_what_is_late_is_made_up_for_and_never_skipped(self) -> None:
        schedule = Schedule(start_ms=0, period_ms=1_000.0, blocks=8)
        taken = 0
        while batch := list(schedule.take(60_000, blocks_max=50)):
            taken += sum(due.last - due.first for due in batch)
        assert taken == 60 * 8 + 1
        assert schedule.steps_begun() == 61

    def test_before_the_start_nothing_is_due(self) -> None:
        schedule = Schedule(start_ms=5_000, period_ms=1_000.0, blocks=8)
        assert list(schedule.take(4_999, blocks_max=10)) == []

"""The simulated city, without I/O: drivers, phones, faults, demand, schedule."""

from dataclasses import replace

import numpy as np
import pytest

from citysim.city.chance import Purpose, hashes, key, unit, units
from citysim.city.demand import Demand, DemandShape
from citysim.city.digest import hour_at, plan_digests
from citysim.city.faults import INJECTED, FaultJournal, FaultKind, FaultRates
from citysim.city.fleet import Fleet, Moved
from citysim.city.phones import DARK_PINGS_MAX, Phones
from citysim.city.schedule import Schedule
from citysim.city.streets import Streets
from citysim.city.traffic import Traffic, rush
from rideflow.contracts.pings import PING, DriverState, PingFlag
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.pack import CityPack
from rideflow.roads.plane import haversine_m
from rideflow.roads.routes import place_of
from rideflow.roads.snap import RoadSnap
from rideflow.roads.spots import Spot
from tests.support.tiny_city import tiny_city

PERFECT = replace(FaultRates().scaled(0.0), noise_m=0.0)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> CityPack:
    return tiny_city(tmp_path_factory.mktemp("city") / "pack", columns=10, rows=10)


@pytest.fixture(scope="module")
def streets(pack: CityPack) -> Streets:
    return Streets(pack.graph)


@pytest.fixture(scope="module")
def demand(pack: CityPack, streets: Streets) -> Demand:
    return Demand(streets, RoadSnap(pack.graph), seed=5, hour=8.0, shape=DemandShape())


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


def phones_of(count: int, rates: FaultRates, seed: int = 1) -> tuple[Phones, FaultJournal]:
    journal = FaultJournal()
    phones = Phones(
        driver_ids=np.arange(1, count + 1, dtype=np.uint64),
        block_size=10,
        latitude=57.7,
        rates=rates,
        seed=seed,
        journal=journal,
    )
    return phones, journal


def moved_of(count: int) -> Moved:
    return Moved(
        first=0,
        lon_e7=np.full(count, 119_500_000.0),
        lat_e7=np.full(count, 577_000_000.0),
        bearing_cdeg=np.full(count, 9_000.0),
        speed_mps=np.full(count, 12.5),
        arrived=[],
    )


def sent_by(phones: Phones, count: int, steps: int, *, and_leave: bool = True) -> np.ndarray:
    """Return all pings in the order of sending; fix times are the step in seconds."""
    payloads = []
    for step in range(steps):
        fix_ms = np.full(count, 1_000 * step, np.int64)
        for sending in phones.report(moved_of(count), step=step, fix_ms=fix_ms):
            payloads += [sending.frame, sending.extras]
    if and_leave:
        payloads += [sending.extras for sending in phones.leave()]
    return np.frombuffer(b"".join(payloads), PING)


class TestPhones:
    def test_in_a_perfect_world_every_step_is_one_true_ping(self) -> None:
        phones, journal = phones_of(20, PERFECT)
        phones.set_state(4, DriverState.ON_TRIP)
        pings = sent_by(phones, 20, 3)
        assert len(pings) == 60
        assert pings["sequence"].tolist() == [1] * 20 + [2] * 20 + [3] * 20
        assert pings["driver"][:20].tolist() == list(range(1, 21))
        assert set(pings["lat_e7"].tolist()) == {577_000_000}
        assert set(pings["speed_cm_s"].tolist()) == {1_250}
        assert pings["state"][:6].tolist() == [1, 1, 1, 1, DriverState.ON_TRIP, 1]
        assert set(journal.counts().values()) == {0}

    @pytest.mark.parametrize("seed", range(4))
    def test_whatever_goes_wrong_no_sequence_is_missing(self, seed: int) -> None:
        phones, journal = phones_of(50, FaultRates().scaled(40.0), seed)
        pings = sent_by(phones, 50, 80)
        found = journal.all()
        repeats = found[found["kind"] == FaultKind.DUPLICATE]
        expected = {(driver, sequence): 1 for driver in range(1, 51) for sequence in range(1, 81)}
        for row in repeats:
            expected[int(row["driver"]), int(row["sequence"])] += 1
        sent: dict[tuple[int, int], int] = {}
        for ping in pings:
            name = (int(ping["driver"]), int(ping["sequence"]))
            sent[name] = sent.get(name, 0) + 1
        assert sent == expected
        counts = journal.counts()
        assert min(counts[kind] for kind in ("duplicate", "swapped", "dark", "jitter")) > 0

    def test_a_swapped_ping_follows_its_successor(self) -> None:
        phones, journal = phones_of(10, replace(PERFECT, swapped=0.1))
        pings = sent_by(phones, 10, 20)
        swapped = journal.all()
        assert len(swapped) > 5
        for row in swapped:
            own = pings["sequence"][pings["driver"] == row["driver"]].tolist()
            later = own[: own.index(int(row["sequence"]))]
            assert int(row["sequence"]) + 1 in later or int(row["sequence"]) == 20

    def test_a_dark_phone_sends_the_newest_first_and_the_rest_as_backlog(self) -> None:
        phones, journal = phones_of(10, replace(PERFECT, dark=0.02))
        pings = sent_by(phones, 10, 100)
        first = journal.all()[0]
        start, size = int(first["sequence"]), int(first["size"])
        assert 3 <= size <= DARK_PINGS_MAX
        own = pings[pings["driver"] == first["driver"]]
        order = own["sequence"].tolist()
        returned = order.index(start + size)
        assert order[:returned] == list(range(1, start))
        assert order[returned + 1 : returned + 1 + size] == list(range(start, start + size))
        is_backlog = (own["flags"] & PingFlag.BACKLOG) != 0
        assert is_backlog[returned + 1 : returned + 1 + size].all()
        assert not is_backlog[: returned + 1].any()

    def test_a_dark_phone_hears_nothing_until_it_is_back(self) -> None:
        phones, journal = phones_of(10, replace(PERFECT, dark=1.0))
        sent_by(phones, 10, 1, and_leave=False)
        assert all(phones.is_dark(driver) for driver in range(10))
        assert len(list(phones.leave())) == 1
        assert not phones.is_dark(0)
        assert journal.counts()["dark"] == 10

    def test_displaced_fixes_are_as_far_off_as_noted(self) -> None:
        rates = replace(PERFECT, jitter=0.05, teleport=0.05)
        phones, journal = phones_of(10, rates)
        pings = sent_by(phones, 10, 40)
        lon, lat = pings["lon_e7"] / 1e7, pings["lat_e7"] / 1e7
        off_m = haversine_m(lon, lat, 11.95, 57.7)
        for row in journal.all():
            here = (pings["driver"] == row["driver"]) & (pings["sequence"] == row["sequence"])
            assert off_m[here][0] == pytest.approx(float(row["size"]), rel=0.02)
        assert np.count_nonzero(off_m > 1.0) == len(journal.all())

    def test_ordinary_noise_has_the_size_that_was_asked_for(self) -> None:
        phones, _ = phones_of(2_000, replace(PERFECT, noise_m=5.0))
        pings = sent_by(phones, 2_000, 2)
        north_m = (pings["lat_e7"] - 577_000_000) / 1e7 * 111_195
        assert north_m.std() == pytest.approx(5.0, rel=0.1)
        assert abs(north_m.mean()) < 0.5

    def test_clocks_ahead_are_noted_with_how_far(self) -> None:
        rates = replace(PERFECT, clock_ahead=0.05, future=0.05)
        phones, journal = phones_of(10, rates)
        pings = sent_by(phones, 10, 40)
        ahead_ms = pings["fix_ms"] - 1_000 * (pings["sequence"].astype(np.int64) - 1)
        for row in journal.all():
            here = (pings["driver"] == row["driver"]) & (pings["sequence"] == row["sequence"])
            assert ahead_ms[here][0] == int(row["size"])
            assert (row["size"] > 60_000) == (row["kind"] == FaultKind.FUTURE)

    def test_mocked_phones_always_say_so(self) -> None:
        phones, journal = phones_of(50, replace(PERFECT, mocked=0.2))
        pings = sent_by(phones, 50, 2)
        fakes = set(pings["driver"][(pings["flags"] & PingFlag.MOCKED) != 0].tolist())
        assert fakes == set(journal.all()["driver"].tolist())
        assert 0 < len(fakes) < 30


class TestFaults:
    def test_a_rate_that_is_no_share_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match=r"fault rate dark is 1\.5"):
            FaultRates(dark=1.5)

    def test_scaling_keeps_the_noise_and_stops_at_certainty(self) -> None:
        scaled = FaultRates().scaled(1e9)
        assert scaled.noise_m == FaultRates().noise_m
        assert scaled.dark == 1.0

    def test_the_journal_keeps_all_in_order(self) -> None:
        journal = FaultJournal()
        for number in range(25_000):
            journal.note(FaultKind.SWAPPED, 1, number)
        assert journal.all().dtype == INJECTED
        assert journal.all()["sequence"].tolist() == list(range(25_000))
        assert journal.counts()["swapped"] == 25_000

    def test_an_empty_journal_is_empty(self) -> None:
        assert len(FaultJournal().all()) == 0


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


class TestDemand:
    def test_trips_are_the_same_whenever_they_are_asked_for(self, demand: Demand) -> None:
        assert demand.trip(7, 3) == demand.trip(7, 3)
        assert demand.trip(7, 3) != demand.trip(7, 4)
        assert demand.trip(7, 3) != demand.trip(8, 3)

    def test_a_trip_leads_somewhere_else(self, pack: CityPack, demand: Demand) -> None:
        for rider in range(200):
            trip = demand.trip(rider, 0)
            assert trip.destination.edge != trip.pickup.edge
            assert trip.pickup_place == place_of(pack.graph, trip.pickup)
            assert 0 <= trip.pause_ms < 12_000

    def test_the_way_of_a_short_hop_is_as_short_as_was_asked_for(
        self, pack: CityPack, streets: Streets
    ) -> None:
        shape = DemandShape(short_share=1.0, short_m_min=200.0, short_m_max=400.0)
        short = Demand(streets, RoadSnap(pack.graph), seed=5, hour=8.0, shape=shape)
        metric, lengths = LiveMetric(Hierarchy(pack.graph)), []
        for rider in range(100):
            trip = short.trip(rider, 0)
            route = metric.route(trip.pickup, trip.destination)
            assert route is not None
            lengths.append(route.length_m(pack.graph))
        assert max(lengths) < 400.0
        assert np.median(lengths) > 200.0

    def test_usual_trips_have_the_median_that_was_asked_for(self, demand: Demand) -> None:
        metres = [demand._usual_m(rider, 0) for rider in range(2_000)]
        assert np.median(metres) == pytest.approx(2_600.0, rel=0.1)


class TestDigests:
    def test_the_same_seed_gives_the_same_city(self, pack: CityPack, streets: Streets) -> None:
        found = []
        for seed in (1, 1, 2):
            demand = Demand(streets, RoadSnap(pack.graph), seed=seed, hour=8.0, shape=DemandShape())
            digests = plan_digests(
                demand,
                Traffic.of(streets, seed),
                seed=seed,
                drivers=200,
                riders=20,
                duration_s=None,
                dt_s=1.0,
                hour=8.0,
            )
            found.append(digests)
        assert found[0] == found[1]
        assert found[0].trips >= 20
        assert found[0].demand != found[2].demand
        assert found[0].routes != found[2].routes

    def test_a_longer_run_begins_like_a_shorter_one(self, demand: Demand) -> None:
        short = list(demand.within(riders=1, duration_s=60.0))
        long = list(demand.within(riders=1, duration_s=600.0))
        assert long[: len(short)] == short
        assert len(long) > len(short)

"""Who wants to go where, and the digests of what a seed decides."""

import numpy as np
import pytest

from citysim.city.demand import Demand, DemandShape
from citysim.city.digest import plan_digests
from citysim.city.streets import Streets
from citysim.city.traffic import Traffic
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.pack import CityPack
from rideflow.roads.routes import place_of
from rideflow.roads.snap import RoadSnap
from tests.support.tiny_city import tiny_city


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> CityPack:
    return tiny_city(tmp_path_factory.mktemp("city") / "pack", columns=10, rows=10)


@pytest.fixture(scope="module")
def streets(pack: CityPack) -> Streets:
    return Streets(pack.graph)


@pytest.fixture(scope="module")
def demand(pack: CityPack, streets: Streets) -> Demand:
    return Demand(streets, RoadSnap(pack.graph), seed=5, hour=8.0, shape=DemandShape())


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

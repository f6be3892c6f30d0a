"""Every leg of a ride gets a promise, then renewals, and at its end a score."""

import numpy as np
import pytest
from msgspec import structs

from rideflow.contracts.rides import EtaKind, Place, RideEvent, RideFact, RideState
from rideflow.eta.estimator import Estimator
from rideflow.geo.driver_view import DriverView
from rideflow.roads.city_roads import CityRoads
from tests.support.frames import at, position_frame
from tests.support.rides import NOW_MS, led_to
from tests.support.tiny_city import junction, tiny_city


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


@pytest.fixture
def estimator(roads: CityRoads) -> Estimator:
    view = DriverView()
    view.take_frames([position_frame(at(junction(7, 5)), fix_ms=NOW_MS)])
    return Estimator(roads, view)


def facts_to(state: RideState) -> list[RideFact]:
    _, facts = led_to(state, driver=1)
    return facts


def test_an_accepted_offer_promises_the_pickup_and_the_trip_behind_it(
    estimator: Estimator,
) -> None:
    told = [
        eta
        for fact in facts_to(RideState.EN_ROUTE)
        for eta in estimator.follow(fact, now_ms=NOW_MS, is_live=True)
    ]
    assert [(eta.kind, eta.driver, eta.actual_s) for eta in told] == [
        (EtaKind.PICKUP, 1, None),
        (EtaKind.TRIP, 1, None),
    ]
    assert all(0 < eta.predicted_s < eta.p90_s for eta in told)


def test_the_first_promise_of_a_leg_is_the_one_that_is_scored(estimator: Estimator) -> None:
    *before, arrived = facts_to(RideState.WAITING)
    first, _ = [
        eta for fact in before for eta in estimator.follow(fact, now_ms=NOW_MS + 500, is_live=True)
    ]
    again = estimator.promise_again(now_ms=NOW_MS + 5_500)
    assert [eta.at_ms for eta in again] == [NOW_MS + 5_500]
    late = structs.replace(arrived, at_ms=NOW_MS + 60_500)
    (score,) = estimator.follow(late, now_ms=NOW_MS + 60_600, is_live=True)
    assert (score.actual_s, score.at_ms) == (60.0, NOW_MS + 500)
    assert score.predicted_s == first.predicted_s
    assert estimator.legs_count == 0


def test_a_leg_that_is_broken_off_is_not_scored(estimator: Estimator) -> None:
    book, facts = led_to(RideState.EN_ROUTE, driver=1)
    for fact in facts:
        estimator.follow(fact, now_ms=NOW_MS, is_live=True)
    ride = book.get(facts[0].ride)
    assert ride is not None
    cancelled = book.next_fact(ride, RideEvent.RIDE_CANCELLED, at_ms=NOW_MS)
    assert estimator.follow(cancelled, now_ms=NOW_MS, is_live=True) == []
    assert estimator.promise_again(now_ms=NOW_MS) == []


def test_old_facts_are_followed_but_nothing_is_promised_for_them(estimator: Estimator) -> None:
    for fact in facts_to(RideState.ON_TRIP):
        assert estimator.follow(fact, now_ms=NOW_MS, is_live=False) == []
    (promise,) = estimator.promise_again(now_ms=NOW_MS)
    assert promise.kind is EtaKind.TRIP


def test_a_driver_never_seen_gets_no_promise(roads: CityRoads) -> None:
    estimator = Estimator(roads, DriverView())
    told = [
        eta.kind
        for fact in facts_to(RideState.EN_ROUTE)
        for eta in estimator.follow(fact, now_ms=NOW_MS, is_live=True)
    ]
    assert told == [EtaKind.TRIP]


@pytest.mark.parametrize("towards_it", [True, False], ids=["towards", "away"])
@pytest.mark.parametrize("street", ["row", "column"])
def test_a_driver_is_on_the_side_of_the_road_that_he_drives_on(
    roads: CityRoads, street: str, *, towards_it: bool
) -> None:
    """Whoever drives away from the pickup comes back from the next junction, only he."""
    fact = facts_to(RideState.EN_ROUTE)[-1]
    column, row = 3, 3
    if street == "row":
        lon, lat = np.add(junction(column, row), (0.0008, 0.0))
        goal, course = junction(column + 2, row), 90.0
    else:
        lon, lat = np.add(junction(column, row), (0.0, 0.00045))
        goal, course = junction(column, row + 2), 0.0
    bearing = course if towards_it else course + 180.0
    row_of_driver = at((lon, lat)) | {"bearing_cdeg": round(bearing * 100)}
    view = DriverView()
    view.take_frames([position_frame(row_of_driver, fix_ms=NOW_MS)])
    accepted = structs.replace(fact, pickup=Place(lat=goal[1], lon=goal[0]))
    promise, _ = Estimator(roads, view).follow(accepted, now_ms=NOW_MS, is_live=True)
    block_s = 100 / (30 / 3.6 if street == "row" else 50 / 3.6) * 1.3
    expected_s = (1.5 if towards_it else 2.5) * block_s
    assert promise.predicted_s == pytest.approx(expected_s, rel=0.1)


def test_the_trip_behind_a_pickup_may_set_off_in_either_direction(roads: CityRoads) -> None:
    fact = facts_to(RideState.EN_ROUTE)[-1]
    told = []
    for column in (1, 5):
        pickup, goal = np.add(junction(3, 3), (0.0008, 0.0)), junction(column, 3)
        ahead = structs.replace(
            fact,
            pickup=Place(lat=pickup[1], lon=pickup[0]),
            destination=Place(lat=goal[1], lon=goal[0]),
        )
        (trip,) = Estimator(roads, DriverView()).follow(ahead, now_ms=NOW_MS, is_live=True)
        told.append(trip.predicted_s)
    assert told == pytest.approx([2.5 * 15.6, 1.5 * 15.6], rel=0.1)

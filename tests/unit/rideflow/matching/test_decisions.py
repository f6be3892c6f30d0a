"""A decision says who was looked at, who was chosen, and why, in words for a person."""

from collections.abc import Sequence

import numpy as np
from msgspec import structs

from rideflow.contracts.rides import DispatchDecision
from rideflow.matching.candidates import Bools, Floats, Longs, OpenDrivers
from rideflow.matching.decisions import DecisionsTold, decisions
from rideflow.matching.ride_book import Ride
from rideflow.matching.window import WindowRules, plan_window
from rideflow.roads.plane import Plane
from tests.support.rides import NOW_MS, PICKUP, request_fact

RULES = WindowRules(
    candidates=3,
    pickup_eta_s_max=900.0,
    rides_max=10,
    unassigned_s=3_600.0,
    waiting_weight=10.0,
)
PLANE = Plane(lon=PICKUP.lon, lat=PICKUP.lat)


class GivenTimes:
    """Road times by ride and driver, as a table."""

    def __init__(self, table: Sequence[Sequence[float]]) -> None:
        self._table = np.array(table, np.float64)

    def etas_s(self, driver: Longs, asked: Bools) -> Floats:
        rows = np.arange(len(driver))[:, None]
        return np.where(asked, self._table[rows, driver], np.inf)


def decide(
    times: Sequence[Sequence[float]], *, turned_down: int = 0, refused: frozenset[int] = frozenset()
) -> list[DispatchDecision]:
    drivers = len(times[0])
    rides = [
        Ride(fact=request_fact(f"r{number}"), turned_down={turned_down} if turned_down else set())
        for number in range(len(times))
    ]
    offered = OpenDrivers(
        ids=np.arange(101, 101 + drivers, dtype=np.uint64),
        x=np.linspace(0.0, 100.0 * (drivers - 1), drivers),
        y=np.zeros(drivers),
        age_ms=np.full(drivers, 400),
    )
    plan = plan_window(rides, offered, GivenTimes(times), PLANE, RULES, now_ms=NOW_MS)
    return decisions(plan, window=7, at_ms=NOW_MS, solve_ms=1.0, refused=refused)


def test_the_soonest_by_road_is_chosen_though_another_is_nearer() -> None:
    (decision,) = decide([[300.0, 40.0]])
    assert (decision.chosen, decision.chosen_eta_s) == (102, 40.0)
    assert decision.why == "soonest there by road of 2 candidates: 40 s"
    assert [c.driver for c in decision.candidates] == [101, 102]
    assert [c.metres for c in decision.candidates] == [0.0, 100.0]
    assert (decision.window, decision.requests, decision.drivers) == (7, 1, 2)


def test_who_serves_another_rider_better_is_named_and_the_shadow_policy_differs() -> None:
    first, second = decide([[50.0, 60.0], [55.0, 300.0]])
    assert (first.chosen, second.chosen) == (102, 101)
    assert first.why.startswith("number 2 of 2 by road, 60 s: 10 s later than the soonest")
    assert first.candidates[0].passed_over == "given to ride r1"
    assert [s.driver for s in first.shadow + second.shadow] == [101, 102]


def test_who_turned_the_ride_down_is_not_asked_again() -> None:
    (decision,) = decide([[40.0, 300.0]], turned_down=101)
    assert decision.chosen == 102
    passed = decision.candidates[0]
    assert (passed.eta_s, passed.passed_over) == (40.0, "turned this ride down")


def test_nobody_is_asked_to_drive_too_far_or_where_no_road_leads() -> None:
    (decision,) = decide([[901.0, np.inf]])
    assert decision.chosen is None
    assert [c.passed_over for c in decision.candidates] == ["too far by road", "no way by road"]
    assert decision.why == "none of the 2 nearest drivers is in question"


def test_too_few_drivers_is_said_to_the_rider_left_out() -> None:
    decision = decide([[50.0], [60.0]])[1]
    assert decision.chosen is None
    assert decision.why == "all 1 candidates went to riders who gain more or wait longer"


def test_a_driver_held_by_another_matcher_is_not_chosen() -> None:
    (decision,) = decide([[50.0]], refused=frozenset({101}))
    assert (decision.chosen, decision.chosen_eta_s) == (None, None)
    assert decision.why == "driver 101 is reserved by another matcher"


def test_a_rider_waiting_in_vain_is_told_about_once_in_a_while() -> None:
    told = DecisionsTold()
    (waiting,) = decide([[901.0]])
    (served,) = decide([[90.0]])

    def news(decision: DispatchDecision, window: int) -> int:
        return len(told.news([structs.replace(decision, window=window)]))

    assert [news(waiting, window) for window in range(1, 13)] == [1, *([0] * 9), 1, 0]
    assert news(served, 13) == news(served, 14) == 1
    told.forget_all_but(set())
    assert news(waiting, 15) == 1

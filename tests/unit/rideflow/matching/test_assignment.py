"""The pairing of a window costs no more than any other, and gives no driver twice."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from rideflow.geo.nearest import NOBODY
from rideflow.matching.assignment import (
    UNASSIGNED,
    assign,
    costs_s,
    greedy,
    price_of_waiting_s,
)
from rideflow.matching.candidates import Floats, Longs, PassedOver, Shortlist

PRICE_S = 3_600.0


def total(driver: Longs, cost_s: Floats, chosen: Longs) -> float:
    given = [int(driver[ride, column]) for ride, column in enumerate(chosen) if column >= 0]
    assert len(given) == len(set(given)), "a driver is given twice"
    return sum(
        PRICE_S if column == UNASSIGNED else float(cost_s[ride, column])
        for ride, column in enumerate(chosen)
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_other_pairing_costs_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rides, drivers = int(rng.integers(1, 30)), int(rng.integers(1, 30))
    k = min(drivers, int(rng.integers(1, 8)))
    driver = np.array([rng.choice(drivers, k, replace=False) for _ in range(rides)], np.int64)
    cost_s = np.where(rng.random((rides, k)) < 0.2, np.inf, rng.uniform(1, 900, (rides, k)))
    dense = np.full((rides, drivers + rides), 1e7)
    for ride in range(rides):
        dense[ride, driver[ride]] = np.where(np.isinf(cost_s[ride]), 1e7, cost_s[ride])
        dense[ride, drivers + ride] = PRICE_S
    best = dense[linear_sum_assignment(dense)].sum()
    ours = total(driver, cost_s, assign(driver, cost_s, np.full(rides, PRICE_S)))
    assert ours == pytest.approx(best)
    assert ours <= total(driver, cost_s, greedy(driver, cost_s)) + 1e-6


def test_who_waits_longer_gets_the_only_driver() -> None:
    driver, cost_s = np.array([[0], [0]]), np.array([[60.0], [80.0]])
    price_s = price_of_waiting_s(np.array([1.0, 30.0]), unassigned_s=PRICE_S, weight=10.0)
    assert assign(driver, cost_s, price_s).tolist() == [UNASSIGNED, 0]


def test_of_two_equally_near_drivers_the_better_known_one_is_taken() -> None:
    found = Shortlist(
        driver=np.array([[0, 1, NOBODY]]),
        metres=np.zeros((1, 3)),
        eta_s=np.array([[60.0, 60.0, np.inf]]),
        passed_over=np.array([[0, 0, PassedOver.NOBODY]], np.uint8),
    )
    cost_s = costs_s(found, np.array([4_000, 500]))
    assert assign(found.driver, cost_s, np.full(1, PRICE_S)).tolist() == [1]


def test_a_driver_on_the_spot_costs_something_and_is_not_lost_in_the_matrix() -> None:
    found = Shortlist(
        driver=np.array([[0]]),
        metres=np.zeros((1, 1)),
        eta_s=np.zeros((1, 1)),
        passed_over=np.zeros((1, 1), np.uint8),
    )
    cost_s = costs_s(found, np.zeros(1, np.int64))
    assert assign(found.driver, cost_s, np.full(1, PRICE_S)).tolist() == [0]


def test_nobody_in_question_means_nobody_is_assigned() -> None:
    chosen = assign(np.array([[0], [1]]), np.full((2, 1), np.inf), np.full(2, PRICE_S))
    assert chosen.tolist() == [UNASSIGNED, UNASSIGNED]


def test_greed_serves_the_first_comer_and_lets_the_second_drive_farther() -> None:
    driver = np.array([[0, 1], [0, 1]])
    cost_s = np.array([[50.0, 60.0], [55.0, 300.0]])
    assert greedy(driver, cost_s).tolist() == [0, 1]
    assert assign(driver, cost_s, np.full(2, PRICE_S)).tolist() == [1, 0]

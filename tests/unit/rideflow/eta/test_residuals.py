"""Promises get better by what earlier ones were worth."""

import random

import pytest

from rideflow.contracts.rides import EtaKind
from rideflow.eta.residuals import Residuals


def test_before_anything_is_known_the_p90_is_a_sixth_longer() -> None:
    told = Residuals().predict(EtaKind.PICKUP, 100.0)
    assert told.p50_s == pytest.approx(100.0)
    assert told.p90_s == pytest.approx(118.0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.08, 0.16])
def test_the_p90_is_learnt_within_the_waits_of_a_short_run(spread: float, seed: int) -> None:
    rng = random.Random(seed)
    residuals = Residuals()
    covered = 0
    for _ in range(150):
        road_s = rng.uniform(5, 120)
        actual_s = (road_s + 20.0) * rng.lognormvariate(0.0, spread) - 20.0
        covered += actual_s <= residuals.predict(EtaKind.PICKUP, road_s).p90_s
        residuals.learn(EtaKind.PICKUP, road_s=road_s, actual_s=actual_s)
    assert 0.83 <= covered / 150 <= 0.97


@pytest.mark.parametrize("seed", range(5))
def test_the_p90_comes_to_cover_nine_of_ten(seed: int) -> None:
    rng = random.Random(seed)
    residuals = Residuals()
    covered, errors, naive = 0, 0.0, 0.0
    for number in range(1_500):
        road_s = rng.uniform(60, 600)
        actual_s = road_s * rng.lognormvariate(0.3, 0.25)
        told = residuals.predict(EtaKind.TRIP, road_s)
        if number >= 500:
            covered += actual_s <= told.p90_s
            errors += abs(actual_s - told.p50_s)
            naive += abs(actual_s - road_s)
        residuals.learn(EtaKind.TRIP, road_s=road_s, actual_s=actual_s)
    assert 0.87 <= covered / 1_000 <= 0.93
    assert errors < 0.8 * naive


def test_pickups_and_trips_are_learnt_apart() -> None:
    residuals = Residuals()
    for _ in range(200):
        residuals.learn(EtaKind.PICKUP, road_s=100.0, actual_s=200.0)
    assert residuals.predict(EtaKind.PICKUP, 100.0).p50_s > 150
    assert residuals.predict(EtaKind.TRIP, 100.0).p50_s == pytest.approx(100.0)


def test_nothing_is_promised_in_less_than_a_second_and_the_p90_is_never_below_the_p50() -> None:
    residuals = Residuals()
    for _ in range(500):
        residuals.learn(EtaKind.PICKUP, road_s=300.0, actual_s=30.0)
    told = residuals.predict(EtaKind.PICKUP, 0.0)
    assert 1.0 <= told.p50_s <= told.p90_s

"""Time alone moves rides on: offers lapse, searches end, silent drivers are given up."""

import pytest

from rideflow.contracts.rides import RideEvent, RideState
from rideflow.matching.deadlines import Patience, facts_due
from tests.support.rides import NOW_MS, led_to

PATIENCE = Patience(offer_ms=15_000, accept_grace_ms=1_000, search_ms=120_000, dark_ms=90_000)


def events(state: RideState, *, after_ms: int, silent_ms: int | None = 0) -> list[RideEvent]:
    book, _ = led_to(state)
    due = facts_due(book, PATIENCE, now_ms=NOW_MS + after_ms, silent_ms=lambda _: silent_ms)
    return [fact.event for fact in due]


def test_an_offer_lapses_behind_its_deadline_and_a_grace_for_accepts_on_their_way() -> None:
    assert events(RideState.OFFERED, after_ms=16_000) == []
    assert events(RideState.OFFERED, after_ms=16_001) == [RideEvent.OFFER_LAPSED]


def test_a_search_ends() -> None:
    assert events(RideState.REQUESTED, after_ms=120_000) == []
    assert events(RideState.REQUESTED, after_ms=120_001) == [RideEvent.SEARCH_ENDED]


@pytest.mark.parametrize("state", [RideState.EN_ROUTE, RideState.WAITING])
def test_a_driver_who_went_dark_before_the_pickup_has_lost_the_ride(state: RideState) -> None:
    assert events(state, after_ms=0, silent_ms=90_000) == []
    assert events(state, after_ms=0, silent_ms=90_001) == [RideEvent.DRIVER_LOST]


def test_a_driver_with_a_passenger_is_never_given_up() -> None:
    assert events(RideState.ON_TRIP, after_ms=10**9, silent_ms=10**9) == []


def test_nobody_is_given_up_while_we_are_blind() -> None:
    assert events(RideState.EN_ROUTE, after_ms=10**9, silent_ms=None) == []

"""The ride book follows the life-cycle table, binds a driver once, and comes back from the log."""

from itertools import product

import pytest

from rideflow.contracts.rides import RIDE_TRANSITIONS, IllegalTransition, RideEvent, RideState
from rideflow.matching.ride_book import DriverTaken, FactOutOfPlace, RideBook
from tests.support.rides import NOW_MS, happen, led_to, request_fact

PAIRS = [
    (state, event)
    for state, event in product(RideState, RideEvent)
    if event is not RideEvent.REQUEST_MADE
]


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda value: str(value))
def test_every_pair_moves_as_listed_or_is_refused_and_changes_nothing(
    state: RideState, event: RideEvent
) -> None:
    book, facts = led_to(state)
    if (state, event) in RIDE_TRANSITIONS:
        happen(book, facts, event)
        assert facts[-1].state is RIDE_TRANSITIONS[state, event]
        assert book.count(facts[-1].state) == 1
        return
    engaged = dict(book.engaged)
    with pytest.raises(IllegalTransition):
        happen(book, facts, event)
    ride = book.get(facts[-1].ride)
    assert ride is not None
    assert ride.fact == facts[-1]
    assert book.engaged == engaged
    assert [s for s in RideState if book.count(s)] == [state]


def test_a_fact_that_binds_a_bound_driver_is_refused_and_changes_nothing() -> None:
    book, _ = led_to(RideState.ON_TRIP, ride="r1", driver=1)
    _, other = led_to(RideState.REQUESTED, ride="r2", book=book)
    with pytest.raises(DriverTaken, match="driver 1 of ride r2 already belongs to ride r1"):
        happen(book, other, RideEvent.OFFER_SENT, driver=1)
    assert book.count(RideState.REQUESTED) == 1
    assert book.engaged == {1: "r1"}


def test_a_gap_in_the_numbers_of_a_ride_is_refused() -> None:
    book, facts = led_to(RideState.REQUESTED)
    with pytest.raises(FactOutOfPlace, match="number 2"):
        book.add(request_fact(number=3, event=RideEvent.RIDE_CANCELLED, state=RideState.CANCELLED))
    assert book.count(RideState.REQUESTED) == len(facts) == 1


@pytest.mark.parametrize("state", list(RideState))
def test_the_book_comes_back_from_its_facts(state: RideState) -> None:
    book, facts = led_to(state)
    again = RideBook.restored(facts)
    assert again.engaged == book.engaged
    assert [again.count(s) for s in RideState] == [book.count(s) for s in RideState]
    assert again.get(facts[0].ride) == book.get(facts[0].ride)


def test_partitions_may_be_read_in_any_order_when_the_book_comes_back() -> None:
    book, first = led_to(RideState.COMPLETED, ride="r1", driver=1)
    _, second = led_to(RideState.EN_ROUTE, ride="r2", driver=1, book=book)
    assert RideBook.restored(second + first).engaged == {1: "r2"}


def test_the_book_comes_back_from_a_log_that_begins_in_the_middle_of_a_life() -> None:
    _, facts = led_to(RideState.ON_TRIP)
    again = RideBook.restored(facts[2:])
    assert again.engaged == {1: "r1"}
    happen(again, facts, RideEvent.RIDER_DROPPED)
    assert again.engaged == {}


def test_who_has_turned_a_ride_down_is_remembered_through_a_restart() -> None:
    book, facts = led_to(RideState.OFFERED, driver=1)
    happen(book, facts, RideEvent.OFFER_LAPSED)
    happen(book, facts, RideEvent.OFFER_SENT, driver=2)
    happen(book, facts, RideEvent.OFFER_DECLINED)
    for known in (book, RideBook.restored(facts)):
        ride = known.get(facts[0].ride)
        assert ride is not None
        assert ride.turned_down == {1, 2}


def test_a_fact_names_the_driver_whose_bond_it_ends_and_nobody_afterwards() -> None:
    book, facts = led_to(RideState.OFFERED, driver=1)
    happen(book, facts, RideEvent.OFFER_DECLINED)
    assert facts[-1].driver == 1
    happen(book, facts, RideEvent.RIDE_CANCELLED)
    assert facts[-1].driver is None


def test_rides_that_have_ended_are_forgotten_and_others_are_not() -> None:
    book, _ = led_to(RideState.COMPLETED, ride="r1", driver=1)
    led_to(RideState.ON_TRIP, ride="r2", driver=2, book=book)
    assert book.forget(final_before_ms=NOW_MS) == 0
    assert book.forget(final_before_ms=NOW_MS + 1) == 1
    assert len(book) == book.active_count == 1

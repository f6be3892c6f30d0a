"""Commands become facts or refusals; what comes too late or from the wrong one changes nothing."""

import pytest

from rideflow.contracts.rides import (
    CommandKind,
    RideCommand,
    RideEvent,
    RideFact,
    RideState,
)
from rideflow.matching.answers import answer
from rideflow.matching.refusals import Refusal
from rideflow.matching.ride_book import RideBook
from tests.support.rides import NOW_MS, command, happen, led_to


def reply(book: RideBook, wish: RideCommand, *, rides_max: int = 10) -> RideFact | Refusal:
    return answer(book, wish, now_ms=NOW_MS + 5, rides_max=rides_max)


@pytest.mark.parametrize(
    ("state", "kind", "event"),
    [
        (RideState.OFFERED, CommandKind.ACCEPT, RideEvent.OFFER_ACCEPTED),
        (RideState.OFFERED, CommandKind.DECLINE, RideEvent.OFFER_DECLINED),
        (RideState.OFFERED, CommandKind.CANCEL, RideEvent.OFFER_DECLINED),
        (RideState.EN_ROUTE, CommandKind.ARRIVE, RideEvent.DRIVER_ARRIVED),
        (RideState.EN_ROUTE, CommandKind.CANCEL, RideEvent.DRIVER_LOST),
        (RideState.WAITING, CommandKind.CANCEL, RideEvent.DRIVER_LOST),
        (RideState.WAITING, CommandKind.BOARD, RideEvent.RIDER_BOARDED),
        (RideState.ON_TRIP, CommandKind.DROP, RideEvent.RIDER_DROPPED),
    ],
)
def test_the_rides_driver_is_heard_and_no_other(
    state: RideState, kind: CommandKind, event: RideEvent
) -> None:
    book, _ = led_to(state, driver=1)
    fact = reply(book, command(kind, driver=1))
    assert isinstance(fact, RideFact)
    assert (fact.event, fact.driver, fact.at_ms) == (event, 1, NOW_MS + 5)
    assert reply(book, command(kind, driver=2)) is Refusal.OTHER_DRIVER


def test_a_request_makes_a_ride_once() -> None:
    book = RideBook()
    fact = reply(book, command(CommandKind.REQUEST, at_ms=NOW_MS - 70))
    assert isinstance(fact, RideFact)
    assert (fact.number, fact.state, fact.requested_ms) == (1, RideState.REQUESTED, NOW_MS - 70)
    book.add(fact)
    assert reply(book, command(CommandKind.REQUEST)) is Refusal.ASKED_BEFORE


def test_a_request_without_a_pickup_is_incomplete() -> None:
    assert reply(RideBook(), command(CommandKind.REQUEST, pickup=None)) is Refusal.INCOMPLETE


def test_a_driver_command_without_a_driver_is_incomplete() -> None:
    book, _ = led_to(RideState.OFFERED)
    assert reply(book, command(CommandKind.ACCEPT)) is Refusal.INCOMPLETE


def test_a_full_book_takes_no_more_requests_until_a_ride_ends() -> None:
    book, facts = led_to(RideState.REQUESTED)
    wish = command(CommandKind.REQUEST, "r2")
    assert reply(book, wish, rides_max=1) is Refusal.FULL
    happen(book, facts, RideEvent.RIDE_CANCELLED)
    assert isinstance(reply(book, wish, rides_max=1), RideFact)


@pytest.mark.parametrize("kind", [kind for kind in CommandKind if kind != CommandKind.REQUEST])
def test_nothing_happens_to_an_unknown_ride(kind: CommandKind) -> None:
    assert reply(RideBook(), command(kind, driver=1)) is Refusal.UNKNOWN_RIDE


def test_an_accept_counts_from_when_the_gateway_took_it() -> None:
    book, facts = led_to(RideState.OFFERED, driver=1)
    deadline_ms = facts[-1].deadline_ms
    assert deadline_ms is not None
    in_time = command(CommandKind.ACCEPT, driver=1, at_ms=deadline_ms)
    too_late = command(CommandKind.ACCEPT, driver=1, at_ms=deadline_ms + 1)
    assert isinstance(reply(book, in_time), RideFact)
    assert reply(book, too_late) is Refusal.TOO_LATE


def test_an_answer_to_an_earlier_offer_is_refused() -> None:
    book, facts = led_to(RideState.OFFERED, driver=1)
    happen(book, facts, RideEvent.OFFER_LAPSED)
    happen(book, facts, RideEvent.OFFER_SENT, driver=2)
    assert reply(book, command(CommandKind.ACCEPT, driver=1, offer=1)) is Refusal.OTHER_DRIVER
    assert reply(book, command(CommandKind.ACCEPT, driver=2, offer=1)) is Refusal.OTHER_OFFER
    assert isinstance(reply(book, command(CommandKind.ACCEPT, driver=2, offer=2)), RideFact)


def test_the_order_of_the_log_decides_between_cancel_and_accept() -> None:
    cancel, accept = command(CommandKind.CANCEL), command(CommandKind.ACCEPT, driver=1)
    book, _ = led_to(RideState.OFFERED, driver=1)
    first = reply(book, cancel)
    assert isinstance(first, RideFact)
    book.add(first)
    assert reply(book, accept) is Refusal.NOT_NOW
    book, _ = led_to(RideState.OFFERED, driver=1)
    first = reply(book, accept)
    assert isinstance(first, RideFact)
    book.add(first)
    second = reply(book, cancel)
    assert isinstance(second, RideFact)
    assert (second.event, second.driver) == (RideEvent.RIDE_CANCELLED, 1)


@pytest.mark.parametrize("state", [RideState.ON_TRIP, RideState.COMPLETED, RideState.UNMATCHED])
def test_a_ride_on_its_way_or_at_its_end_cannot_be_cancelled(state: RideState) -> None:
    book, _ = led_to(state)
    assert reply(book, command(CommandKind.CANCEL)) is Refusal.NOT_NOW
    assert reply(book, command(CommandKind.CANCEL, driver=1)) is Refusal.NOT_NOW

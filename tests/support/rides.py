"""Rides for tests of whatever reads or writes them."""

from typing import Any

from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.rides import (
    CommandKind,
    Place,
    RideCommand,
    RideEvent,
    RideFact,
    RideState,
)
from rideflow.matching.ride_book import ENGAGED_STATES, RideBook

NOW_MS = 1_700_000_000_000
REGION = "861f25607ffffff"
PICKUP = Place(lat=57.7009, lon=11.9517)
DESTINATION = Place(lat=57.7027, lon=11.9567)
# The events that lead a ride to each state, driver 1 being the one asked.
WAYS: dict[RideState, tuple[RideEvent, ...]] = {
    RideState.REQUESTED: (),
    RideState.OFFERED: (RideEvent.OFFER_SENT,),
    RideState.EN_ROUTE: (RideEvent.OFFER_SENT, RideEvent.OFFER_ACCEPTED),
    RideState.WAITING: (
        RideEvent.OFFER_SENT,
        RideEvent.OFFER_ACCEPTED,
        RideEvent.DRIVER_ARRIVED,
    ),
    RideState.ON_TRIP: (
        RideEvent.OFFER_SENT,
        RideEvent.OFFER_ACCEPTED,
        RideEvent.DRIVER_ARRIVED,
        RideEvent.RIDER_BOARDED,
    ),
    RideState.COMPLETED: (
        RideEvent.OFFER_SENT,
        RideEvent.OFFER_ACCEPTED,
        RideEvent.DRIVER_ARRIVED,
        RideEvent.RIDER_BOARDED,
        RideEvent.RIDER_DROPPED,
    ),
    RideState.CANCELLED: (RideEvent.RIDE_CANCELLED,),
    RideState.UNMATCHED: (RideEvent.SEARCH_ENDED,),
}


def command(kind: CommandKind, ride: str = "r1", **fields: Any) -> RideCommand:
    """A command as the gateway writes it."""
    given: dict[str, Any] = {"region": REGION, "at_ms": NOW_MS}
    if kind is CommandKind.REQUEST:
        given |= {"rider": RiderId("anna"), "pickup": PICKUP, "destination": DESTINATION}
    return RideCommand(kind=kind, ride=RideId(ride), **(given | fields))


def request_fact(ride: str = "r1", **fields: Any) -> RideFact:
    """The first fact of a ride."""
    given: dict[str, Any] = {
        "region": REGION,
        "at_ms": NOW_MS,
        "requested_ms": NOW_MS,
        "rider": RiderId("anna"),
        "pickup": PICKUP,
        "destination": DESTINATION,
        "number": 1,
        "event": RideEvent.REQUEST_MADE,
        "state": RideState.REQUESTED,
    }
    return RideFact(ride=RideId(ride), **(given | fields))


def led_to(
    state: RideState, *, ride: str = "r1", driver: int = 1, book: RideBook | None = None
) -> tuple[RideBook, list[RideFact]]:
    """A book with a ride in `state`, and the facts that led there."""
    book = RideBook() if book is None else book
    facts = [request_fact(ride)]
    book.add(facts[0])
    for event in WAYS[state]:
        happen(book, facts, event, driver=driver)
    return book, facts


def happen(book: RideBook, facts: list[RideFact], event: RideEvent, *, driver: int = 1) -> None:
    """Let an event happen to the ride of the last fact."""
    ride = book.get(facts[-1].ride)
    assert ride is not None
    changes: dict[str, Any] = {}
    if event is RideEvent.OFFER_SENT:
        offer = (ride.fact.offer or 0) + 1
        changes = {"driver": driver, "offer": offer, "deadline_ms": NOW_MS + 15_000}
    facts.append(book.next_fact(ride, event, at_ms=NOW_MS, **changes))
    book.add(facts[-1])


def double_assignments(facts: list[RideFact]) -> list[str]:
    """Find every moment at which a driver had two rides or a ride two drivers.

    Knows nothing of how matching works: it reads the facts in the order of the log.
    """
    ride_of: dict[int, str] = {}
    driver_of: dict[str, int] = {}
    wrong: list[str] = []
    for fact in facts:
        before = driver_of.pop(fact.ride, None)
        if before is not None and ride_of.get(before) == fact.ride:
            del ride_of[before]
        if fact.state not in ENGAGED_STATES:
            continue
        assert fact.driver is not None
        if before is not None and before != fact.driver:
            wrong.append(f"ride {fact.ride} passed from driver {before} to {fact.driver}")
        other = ride_of.get(fact.driver)
        if other is not None:
            wrong.append(f"driver {fact.driver} has {other} and {fact.ride}")
        ride_of[fact.driver], driver_of[fact.ride] = fact.ride, fact.driver
    return wrong

"""What a command makes of a ride: a fact, or a refusal. Decides; changes nothing."""

from rideflow.contracts.rides import (
    RIDE_TRANSITIONS,
    CommandKind,
    RideCommand,
    RideEvent,
    RideFact,
    RideState,
    next_state,
)
from rideflow.matching.refusals import Refusal
from rideflow.matching.ride_book import Ride, RideBook

_EVENTS = {
    CommandKind.CANCEL: RideEvent.RIDE_CANCELLED,
    CommandKind.ACCEPT: RideEvent.OFFER_ACCEPTED,
    CommandKind.DECLINE: RideEvent.OFFER_DECLINED,
    CommandKind.ARRIVE: RideEvent.DRIVER_ARRIVED,
    CommandKind.BOARD: RideEvent.RIDER_BOARDED,
    CommandKind.DROP: RideEvent.RIDER_DROPPED,
}
# What a driver's "cancel" means: he gives the ride back, only its rider can end it.
_DRIVER_CANCELS = {
    RideState.OFFERED: RideEvent.OFFER_DECLINED,
    RideState.EN_ROUTE: RideEvent.DRIVER_LOST,
    RideState.WAITING: RideEvent.DRIVER_LOST,
}
_ABOUT_AN_OFFER = frozenset({CommandKind.ACCEPT, CommandKind.DECLINE})


def answer(
    book: RideBook, command: RideCommand, *, now_ms: int, rides_max: int
) -> RideFact | Refusal:
    """Return the fact that follows from a command, or why none does."""
    if command.kind is CommandKind.REQUEST:
        return _request(book, command, now_ms=now_ms, rides_max=rides_max)
    ride = book.get(command.ride)
    if ride is None:
        return Refusal.UNKNOWN_RIDE
    event = _event(ride, command)
    refusal = _refusal(ride, command, event)
    if event is None or refusal is not None:
        return refusal or Refusal.NOT_NOW
    return book.next_fact(ride, event, at_ms=now_ms, reason=command.reason)


def _request(
    book: RideBook, command: RideCommand, *, now_ms: int, rides_max: int
) -> RideFact | Refusal:
    if book.get(command.ride) is not None:
        return Refusal.ASKED_BEFORE
    if command.rider is None or command.pickup is None or command.destination is None:
        return Refusal.INCOMPLETE
    if book.active_count >= rides_max:
        return Refusal.FULL
    return RideFact(
        ride=command.ride,
        number=1,
        event=RideEvent.REQUEST_MADE,
        state=next_state(None, RideEvent.REQUEST_MADE),
        at_ms=now_ms,
        region=command.region,
        rider=command.rider,
        pickup=command.pickup,
        destination=command.destination,
        requested_ms=command.at_ms,
    )


def _event(ride: Ride, command: RideCommand) -> RideEvent | None:
    if command.kind is CommandKind.CANCEL and command.driver is not None:
        return _DRIVER_CANCELS.get(ride.fact.state)
    return _EVENTS[command.kind]


def _refusal(ride: Ride, command: RideCommand, event: RideEvent | None) -> Refusal | None:
    fact = ride.fact
    if event is None or (fact.state, event) not in RIDE_TRANSITIONS:
        return Refusal.NOT_NOW
    if event is RideEvent.RIDE_CANCELLED:
        return None
    if command.driver is None:
        return Refusal.INCOMPLETE
    if command.driver != fact.driver:
        return Refusal.OTHER_DRIVER
    if command.kind in _ABOUT_AN_OFFER and command.offer not in (None, fact.offer):
        return Refusal.OTHER_OFFER
    if command.kind is CommandKind.ACCEPT:
        # The gateway's clock counts: how long the log took is not the driver's fault.
        assert fact.deadline_ms is not None
        return Refusal.TOO_LATE if command.at_ms > fact.deadline_ms else None
    return None

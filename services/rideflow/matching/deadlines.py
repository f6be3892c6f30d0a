"""What happens to rides by the passing of time: offers lapse, searches end, drivers go dark."""

from collections.abc import Callable
from dataclasses import dataclass

from rideflow.contracts.rides import RideEvent, RideFact, RideState
from rideflow.matching.ride_book import Ride, RideBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long matching waits for whom."""

    offer_ms: int  # a driver may think about an offer this long
    accept_grace_ms: int  # an accept given in time may be this long on its way through the log
    search_ms: int  # a rider may be searched for this long
    dark_ms: int  # an assigned driver may be silent this long before the pickup


# A silent driver is given up before the rider is in the car; afterwards he has a passenger.
_BEFORE_PICKUP = (RideState.EN_ROUTE, RideState.WAITING)


def facts_due(
    book: RideBook,
    patience: Patience,
    *,
    now_ms: int,
    silent_ms: Callable[[int], int | None],
) -> list[RideFact]:
    """Return what time has brought about. Each ride appears at most once.

    `silent_ms` tells how long a driver has not been seen, None where that cannot be known.
    """
    facts = [
        book.next_fact(ride, RideEvent.OFFER_LAPSED, at_ms=now_ms)
        for ride in book.rides_in(RideState.OFFERED)
        if _is_lapsed(ride, patience, now_ms)
    ]
    facts += [
        book.next_fact(ride, RideEvent.SEARCH_ENDED, at_ms=now_ms, reason="no driver took it")
        for ride in book.rides_in(RideState.REQUESTED)
        if now_ms - ride.fact.requested_ms > patience.search_ms
    ]
    facts += [
        book.next_fact(ride, RideEvent.DRIVER_LOST, at_ms=now_ms, reason="driver went dark")
        for ride in book.rides_in(*_BEFORE_PICKUP)
        if _is_dark(ride, patience, silent_ms)
    ]
    return facts


def _is_lapsed(ride: Ride, patience: Patience, now_ms: int) -> bool:
    assert ride.fact.deadline_ms is not None
    return now_ms > ride.fact.deadline_ms + patience.accept_grace_ms


def _is_dark(ride: Ride, patience: Patience, silent_ms: Callable[[int], int | None]) -> bool:
    assert ride.fact.driver is not None
    silent = silent_ms(ride.fact.driver)
    return silent is not None and silent > patience.dark_ms

"""The ride book: all rides that are under way, and which driver belongs to which.

It is a view of `ride.events` and can be made from it again. Whatever happens to a ride is
first a fact (`next_fact`), and only a fact changes the book (`add`), so what the log says and
what the book holds cannot part.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import (
    ASSIGNED_STATES,
    FINAL_STATES,
    RideEvent,
    RideFact,
    RideState,
    next_state,
)

# In these a driver is bound to the ride, asked or assigned, and may not be asked by another.
ENGAGED_STATES = ASSIGNED_STATES | {RideState.OFFERED}

# After these the driver is not asked for the same ride again.
_TURNED_DOWN = frozenset({RideEvent.OFFER_LAPSED, RideEvent.OFFER_DECLINED, RideEvent.DRIVER_LOST})


class DriverTaken(Exception):
    """A fact would bind a driver to a second ride."""

    def __init__(self, driver: int, ride: RideId, other: RideId) -> None:
        super().__init__(f"driver {driver} of ride {ride} already belongs to ride {other}")
        self.driver = driver
        self.ride = ride
        self.other = other


class FactOutOfPlace(Exception):
    """A fact that does not follow on the newest one of its ride."""


@dataclass(slots=True, kw_only=True)
class Ride:
    """The newest fact of a ride, and the drivers who have turned it down."""

    fact: RideFact
    turned_down: set[int] = field(default_factory=set)

    def take(self, fact: RideFact) -> None:
        self.fact = fact
        if fact.event in _TURNED_DOWN and fact.driver is not None:
            self.turned_down.add(fact.driver)


class RideBook:
    """Rides by id and by state. Final rides stay until `forget`, so that repeats are known."""

    def __init__(self) -> None:
        self._rides: dict[RideId, Ride] = {}
        self._in_state: dict[RideState, dict[RideId, Ride]] = {state: {} for state in RideState}
        self._engaged: dict[int, RideId] = {}

    @classmethod
    def restored(cls, facts: Iterable[RideFact]) -> "RideBook":
        """Make the book from the log. Facts come in order per ride, in any order across rides.

        The log may begin in the middle of a ride's life: every fact carries the whole ride.
        Drivers are bound by the newest facts alone, since partitions are read side by side.
        """
        book = cls()
        for fact in facts:
            ride = book._rides.setdefault(fact.ride, Ride(fact=fact))
            if fact.number >= ride.fact.number:
                ride.take(fact)
        for ride in book._rides.values():
            book._in_state[ride.fact.state][ride.fact.ride] = ride
            book._bind(None, ride.fact)
        return book

    def __len__(self) -> int:
        return len(self._rides)

    def get(self, ride: RideId) -> Ride | None:
        return self._rides.get(ride)

    def ride_of(self, driver: int) -> RideId | None:
        """The ride that a driver is asked for or assigned to."""
        return self._engaged.get(driver)

    @property
    def engaged(self) -> Mapping[int, RideId]:
        """Every driver who is asked or assigned, and the ride."""
        return self._engaged

    def count(self, state: RideState) -> int:
        return len(self._in_state[state])

    @property
    def active_count(self) -> int:
        return len(self._rides) - sum(self.count(state) for state in FINAL_STATES)

    def rides_in(self, *states: RideState) -> Iterator[Ride]:
        """Rides in these states; those longest in their state first. Take a list to change."""
        for state in states:
            yield from self._in_state[state].values()

    def next_fact(self, ride: Ride, event: RideEvent, *, at_ms: int, **changes: Any) -> RideFact:
        """Make the fact that `event` happened to a ride. Raises `IllegalTransition`.

        The driver stays in the fact that ends the bond, so that he can be told; a ride that
        nobody was bound to names no driver.
        """
        before = ride.fact
        kept: dict[str, Any] = {
            "state": next_state(before.state, event),
            "driver": before.driver if before.state in ENGAGED_STATES else None,
            "deadline_ms": None,
            "reason": None,
        }
        return msgspec.structs.replace(
            before, number=before.number + 1, event=event, at_ms=at_ms, **(kept | changes)
        )

    def add(self, fact: RideFact) -> None:
        """Let a fact be true. Raises, and changes nothing, where it cannot be."""
        ride = self._rides.get(fact.ride)
        before = None if ride is None else ride.fact
        self._check(before, fact)
        self._bind(before, fact)
        if ride is None:
            ride = self._rides[fact.ride] = Ride(fact=fact)
        else:
            del self._in_state[ride.fact.state][fact.ride]
            ride.take(fact)
        self._in_state[fact.state][fact.ride] = ride

    def forget(self, *, final_before_ms: int) -> int:
        """Drop rides that ended before this. Returns how many."""
        gone = [
            ride.fact.ride
            for ride in self.rides_in(*FINAL_STATES)
            if ride.fact.at_ms < final_before_ms
        ]
        for ride_id in gone:
            ride = self._rides.pop(ride_id)
            del self._in_state[ride.fact.state][ride_id]
        return len(gone)

    def _check(self, before: RideFact | None, fact: RideFact) -> None:
        state = next_state(before.state if before else None, fact.event)
        number = before.number + 1 if before else 1
        if (state, number) != (fact.state, fact.number):
            raise FactOutOfPlace(
                f"ride {fact.ride}: {fact.event} gives {state} as number {number},"
                f" the fact says {fact.state} as number {fact.number}"
            )

    def _bind(self, before: RideFact | None, fact: RideFact) -> None:
        if fact.state in ENGAGED_STATES:
            assert fact.driver is not None, "a ride in these states has a driver"
            other = self._engaged.get(fact.driver, fact.ride)
            if other != fact.ride:
                raise DriverTaken(fact.driver, fact.ride, other)
            self._engaged[fact.driver] = fact.ride
        elif before is not None and before.state in ENGAGED_STATES:
            assert before.driver is not None
            del self._engaged[before.driver]

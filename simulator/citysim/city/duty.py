"""What each simulated driver does about rides: take or leave an offer, drive, wait, drop.

Decides without awaiting: facts and arrivals go in, actions come out when they are due. What a
driver chooses depends on (seed, driver, ride) alone.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from citysim.city.chance import Purpose, unit
from rideflow.contracts.driver_socket import DriverAction
from rideflow.contracts.ids import RideId
from rideflow.contracts.pings import DriverState
from rideflow.contracts.rides import CommandKind, RideEvent, RideFact

RETRY_MS = 3_000  # an action whose effect has not been heard of is said again


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How drivers are. Shares of offers; the rest is accepted."""

    decline: float = 0.06
    ignore: float = 0.02
    answer_ms_min: int = 400
    answer_ms_max: int = 2_500
    boarding_ms_min: int = 2_000
    boarding_ms_max: int = 7_000


class Leg(StrEnum):
    """Where a driver with a ride is being sent."""

    TO_PICKUP = "to_pickup"
    TO_DESTINATION = "to_destination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """Send this driver on a leg of its ride."""

    driver: int
    leg: Leg
    fact: RideFact


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """This driver has no ride any more and roams again."""

    driver: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """This driver's pings carry this state from now on."""

    driver: int
    state: DriverState


Order = Drive | Release | Show


@dataclass(slots=True, kw_only=True)
class _Duty:
    """The ride that a driver is asked for or has."""

    fact: RideFact
    is_assigned: bool = False
    number: int = 0  # of its last change: an action planned before that is void


class Duties:
    """All drivers that have to do with a ride. `driver` is the id of the contracts throughout."""

    def __init__(self, *, seed: int, habits: Habits) -> None:
        self._seed, self._habits = seed, habits
        self._duties: dict[int, _Duty] = {}
        self._due: list[tuple[int, int, int, CommandKind]] = []
        self._changes = 0
        self.offers_total = 0
        self.double_assigned_total = 0

    def __len__(self) -> int:
        return len(self._duties)

    def on_offer(self, driver: int, fact: RideFact, now_ms: int) -> list[Order]:
        """An offer came. A driver who already has a ride leaves it unanswered."""
        self.offers_total += 1
        duty = self._duties.get(driver)
        if duty is not None and duty.is_assigned:
            return []
        duty = self._duties[driver] = _Duty(fact=fact, number=self._next_change())
        habits = self._habits
        mood = self._chance(driver, fact.ride, 0)
        if mood >= habits.ignore:
            answer = CommandKind.ACCEPT
            if mood < habits.ignore + habits.decline:
                answer = CommandKind.DECLINE
            wait_ms = self._between(driver, fact, habits.answer_ms_min, habits.answer_ms_max)
            self._plan(now_ms + wait_ms, driver, duty, answer)
        return [Show(driver=driver, state=DriverState.OFFERED)]

    def on_fact(self, driver: int, fact: RideFact, now_ms: int) -> list[Order]:
        """Something happened to a ride that the driver is or was part of."""
        duty = self._duties.get(driver)
        if fact.event is RideEvent.OFFER_ACCEPTED and fact.driver == driver:
            return self._on_assigned(driver, fact, duty)
        if duty is None or duty.fact.ride != fact.ride or fact.number <= duty.fact.number:
            return []
        if fact.driver != driver:
            return self._let_go(driver)
        duty.fact = fact
        duty.number = self._next_change()
        match fact.event:
            case RideEvent.DRIVER_ARRIVED:
                habits = self._habits
                wait_ms = self._between(
                    driver, fact, habits.boarding_ms_min, habits.boarding_ms_max
                )
                self._plan(now_ms + wait_ms, driver, duty, CommandKind.BOARD)
                return [Show(driver=driver, state=DriverState.WAITING)]
            case RideEvent.RIDER_BOARDED:
                return [
                    Show(driver=driver, state=DriverState.ON_TRIP),
                    Drive(driver=driver, leg=Leg.TO_DESTINATION, fact=fact),
                ]
            case RideEvent.OFFER_SENT:
                return []
        return self._let_go(driver)

    def on_arrived(self, driver: int, now_ms: int) -> None:
        """The driver stands where its leg ends."""
        duty = self._duties.get(driver)
        if duty is None:
            return
        boarded = duty.fact.event is RideEvent.RIDER_BOARDED
        self._plan(now_ms, driver, duty, CommandKind.DROP if boarded else CommandKind.ARRIVE)

    def due(self, now_ms: int) -> Iterator[DriverAction]:
        """Yield what drivers say now; each is said again until its effect is heard of."""
        while self._due and self._due[0][0] <= now_ms:
            _, driver, number, kind = heapq.heappop(self._due)
            duty = self._duties.get(driver)
            if duty is None or duty.number != number:
                continue
            if kind is CommandKind.DECLINE:
                self._duties.pop(driver)
            else:
                heapq.heappush(self._due, (now_ms + RETRY_MS, driver, number, kind))
            yield DriverAction(
                kind=kind.value, driver=driver, ride=duty.fact.ride, offer=duty.fact.offer
            )

    def _on_assigned(self, driver: int, fact: RideFact, duty: _Duty | None) -> list[Order]:
        if duty is not None and duty.is_assigned:
            if duty.fact.ride != fact.ride:
                self.double_assigned_total += 1
            return []
        self._duties[driver] = _Duty(fact=fact, is_assigned=True, number=self._next_change())
        return [
            Show(driver=driver, state=DriverState.EN_ROUTE),
            Drive(driver=driver, leg=Leg.TO_PICKUP, fact=fact),
        ]

    def _let_go(self, driver: int) -> list[Order]:
        duty = self._duties.pop(driver)
        show = Show(driver=driver, state=DriverState.OPEN)
        return [show, Release(driver=driver)] if duty.is_assigned else [show]

    def _next_change(self) -> int:
        self._changes += 1
        return self._changes

    def _plan(self, at_ms: int, driver: int, duty: _Duty, kind: CommandKind) -> None:
        heapq.heappush(self._due, (at_ms, driver, duty.number, kind))

    def _between(self, driver: int, fact: RideFact, low: int, high: int) -> int:
        return low + int((high - low) * self._chance(driver, fact.ride, fact.number))

    def _chance(self, driver: int, ride: RideId, counter: int) -> float:
        return unit(self._seed, Purpose.DECISION, driver, _number_of(ride), counter)


def _number_of(ride: RideId) -> int:
    """Return a number that stands for a ride's name, the same in every run."""
    return int.from_bytes(ride.encode()[-8:], "little")

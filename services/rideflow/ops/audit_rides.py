"""Proof from ride.events that no driver has two rides at once and no ride two drivers.

Facts of one ride are in order; those of different rides may be in different partitions and are
read in any order. So a driver that seems to have two rides is only a suspicion until the other
ride's facts have been read up to the same time: an end of the first ride that the log holds and
we have not read yet would clear it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import ASSIGNED_STATES, FINAL_STATES, RideEvent, RideFact

ENDED_MAX: Final = 100_000  # ended rides remembered, so that a fact told again counts once
VIOLATIONS_KEPT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What should never be: said in words, with when."""

    at_ms: int
    what: str


@dataclass(slots=True, kw_only=True)
class _Assignment:
    """A driver's time with a ride; `until_ms` None: it goes on as far as we have read."""

    ride: RideId
    from_ms: int
    until_ms: int | None = None


@dataclass(slots=True, kw_only=True)
class _DriverLife:
    assignments: list[_Assignment] = field(default_factory=list)


class RideAudit:
    """Checks facts as they are read. Bounded by the rides that go on, and ENDED_MAX."""

    def __init__(self) -> None:
        self.rides_checked = 0
        self.double_assigned = 0  # proven: whatever is still read cannot clear it
        self.violations: deque[Violation] = deque(maxlen=VIOLATIONS_KEPT)  # the newest ones
        self._newest: dict[RideId, RideFact] = {}
        self._ended: deque[RideId] = deque()
        self._lives: dict[int, _DriverLife] = {}
        self._suspected: dict[tuple[int, RideId, RideId], int] = {}

    def take(self, fact: RideFact) -> None:
        """Check one fact; repeats (a lower or equal number) are left out."""
        before = self._newest.get(fact.ride)
        if before is not None and fact.number <= before.number:
            return
        if before is None:
            self.rides_checked += 1
        self._check_change_of_driver(before, fact)
        self._move(before, fact)
        self._newest[fact.ride] = fact
        if fact.state in FINAL_STATES:
            self._ended.append(fact.ride)
            if len(self._ended) > ENDED_MAX:
                self._newest.pop(self._ended.popleft(), None)

    def settle(self, read_until_ms: int) -> None:
        """Everything up to `read_until_ms` was read: what is still suspected then is proven."""
        for (driver, first, second), at_ms in list(self._suspected.items()):
            if at_ms > read_until_ms:
                continue
            del self._suspected[driver, first, second]
            if self._overlap(driver, first, second):
                self._violate(at_ms, f"driver {driver} had rides {first} and {second} at once")
        self._forget(read_until_ms)

    def _check_change_of_driver(self, before: RideFact | None, fact: RideFact) -> None:
        """A ride goes from one driver to another only by way of DRIVER_LOST."""
        if before is None or before.state not in ASSIGNED_STATES:
            return
        if fact.state in ASSIGNED_STATES and fact.driver != before.driver:
            self._violate(
                fact.at_ms,
                f"ride {fact.ride} went from driver {before.driver} to {fact.driver}"
                f" without {RideEvent.DRIVER_LOST}",
            )

    def _move(self, before: RideFact | None, fact: RideFact) -> None:
        had = before.driver if before is not None and before.state in ASSIGNED_STATES else None
        has = fact.driver if fact.state in ASSIGNED_STATES else None
        if had == has:
            return
        if had is not None:
            self._release(had, fact)
        if has is not None:
            self._assign(has, fact)

    def _assign(self, driver: int, fact: RideFact) -> None:
        life = self._lives.setdefault(driver, _DriverLife())
        for other in life.assignments:
            if other.until_ms is None or other.until_ms > fact.at_ms:
                self._suspected[driver, other.ride, fact.ride] = max(fact.at_ms, other.from_ms)
        life.assignments.append(_Assignment(ride=fact.ride, from_ms=fact.at_ms))

    def _release(self, driver: int, fact: RideFact) -> None:
        for assignment in self._lives[driver].assignments:
            if assignment.ride == fact.ride and assignment.until_ms is None:
                assignment.until_ms = fact.at_ms

    def _overlap(self, driver: int, first: RideId, second: RideId) -> bool:
        assignments = self._lives[driver].assignments
        return any(
            _both(one, two)
            for one in assignments
            for two in assignments
            if (one.ride, two.ride) == (first, second)
        )

    def _violate(self, at_ms: int, what: str) -> None:
        self.double_assigned += 1
        self.violations.append(Violation(at_ms=at_ms, what=what))

    def _forget(self, read_until_ms: int) -> None:
        """Drop assignments that ended before everything that is still to come."""
        for driver, life in list(self._lives.items()):
            life.assignments = [
                assignment
                for assignment in life.assignments
                if assignment.until_ms is None or assignment.until_ms > read_until_ms
            ]
            if not life.assignments:
                del self._lives[driver]


def _both(one: _Assignment, two: _Assignment) -> bool:
    """Whether two assignments share time. Ends are exclusive: a hand-over is no overlap."""
    one_ends_first = one.until_ms is not None and one.until_ms <= two.from_ms
    two_ends_first = two.until_ms is not None and two.until_ms <= one.from_ms
    return not (one_ends_first or two_ends_first)

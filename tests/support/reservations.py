"""Reservations in memory: lapse by a clock, and can be away."""

from collections.abc import Mapping, Sequence

from groundwork.seams import Clock
from rideflow.contracts.ids import RideId
from rideflow.matching.reservations import ReservationsAway


class FakeReservations:
    """What Redis does for matching, in one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[int, tuple[str, int]] = {}
        self.is_away = False

    def holder(self, driver: int) -> str | None:
        ride, until_ms = self._held.get(driver, (None, 0))
        return ride if until_ms > self._clock.now_ms() else None

    def hold(self, driver: int, ride: str, *, hold_ms: int) -> None:
        self._held[driver] = (ride, self._clock.now_ms() + hold_ms)

    async def take(self, wanted: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        self._check()
        refused = frozenset(driver for driver in wanted if self.holder(driver) is not None)
        for driver, ride in wanted.items():
            if driver not in refused:
                self.hold(driver, ride, hold_ms=hold_ms)
        return refused

    async def release(self, held: Sequence[tuple[int, RideId]]) -> None:
        self._check()
        for driver, ride in held:
            if self.holder(driver) == ride:
                del self._held[driver]

    async def renew(self, held: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        self._check()
        lost = {d for d, ride in held.items() if self.holder(d) not in (None, ride)}
        for driver, ride in held.items():
            if driver not in lost:
                self.hold(driver, ride, hold_ms=hold_ms)
        return frozenset(lost)

    async def close(self) -> None:
        return None

    def _check(self) -> None:
        if self.is_away:
            raise ReservationsAway("connection refused")

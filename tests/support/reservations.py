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

    def hold_elsewhere(self, driver: int, ride: str, *, hold_ms: int) -> None:
        """As another matcher would."""
        self._held[driver] = (ride, self._clock.now_ms() + hold_ms)

    async def hold(self, wanted: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        self._check()
        refused = frozenset(d for d, ride in wanted.items() if self.holder(d) not in (None, ride))
        until_ms = self._clock.now_ms() + hold_ms
        self._held |= {d: (ride, until_ms) for d, ride in wanted.items() if d not in refused}
        return refused

    async def release(self, held: Sequence[tuple[int, RideId]]) -> None:
        self._check()
        for driver, ride in held:
            if self.holder(driver) == ride:
                del self._held[driver]

    async def close(self) -> None:
        return None

    def _check(self) -> None:
        if self.is_away:
            raise ReservationsAway("connection refused")

"""All open sockets: found by their number, fenced by newer ones, kept within their limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from groundwork.metrics import Registry
from rideflow.columns.arrays import U64
from rideflow.contracts.driver_socket import CloseCode, Downward
from rideflow.contracts.pings import PING_SIZE
from rideflow.gateway.ownership import Ownership
from rideflow.gateway.socket_conduit import SocketConduit

_ABORT_AFTER_S: Final = 5  # how long a peer may take to answer a close


@dataclass(slots=True, kw_only=True)
class _Seat:
    """A socket and what it is held to."""

    conduit: SocketConduit
    bytes_per_second: int
    frames_seen: int = 0
    closing_s: int = 0


class Sockets:
    """The sockets of this process."""

    def __init__(
        self, ownership: Ownership, metrics: Registry, *, burst_s: int, idle_s_max: int
    ) -> None:
        self._ownership = ownership
        self._seats: dict[int, _Seat] = {}
        self._burst_s: Final = burst_s
        self._idle_s_max: Final = idle_s_max
        self._open_now = metrics.gauge("gateway_sockets")
        self._fenced_total = metrics.counter("gateway_sockets_fenced_total")
        self._slow_total = metrics.counter("gateway_sockets_slow_total")

    def __len__(self) -> int:
        return len(self._seats)

    def open(self, conduit: SocketConduit, drivers: U64, *, pings_per_second: int) -> None:
        """Seat a socket and let it speak for its drivers. Raises `SlotsFull`.

        An older socket of a single driver that is lost is closed; a fleet goes on without it.
        """
        losers = self._ownership.claim(conduit.owner, drivers)
        conduit.drivers = len(drivers)
        rate = pings_per_second * PING_SIZE
        conduit.credit_bytes = rate * self._burst_s
        self._seats[conduit.owner] = _Seat(conduit=conduit, bytes_per_second=rate)
        self._open_now.set(len(self._seats))
        for owner in losers:
            self._fence(owner)

    def left(self, conduit: SocketConduit) -> None:
        """The socket is gone."""
        self._ownership.release(conduit.owner)
        if self._seats.pop(conduit.owner, None) and conduit.close_code == CloseCode.SLOW:
            self._slow_total.add()
        self._open_now.set(len(self._seats))

    def tell(self, driver: int, message: Downward) -> bool:
        """Send a message to the socket that speaks for a driver. Return whether there is one."""
        seat = self._seats.get(self._ownership.owner_of(driver))
        if seat is None:
            return False
        seat.conduit.tell(message)
        return True

    def speaks_for(self, conduit: SocketConduit, driver: int) -> bool:
        return self._ownership.owner_of(driver) == conduit.owner

    def each_second(self) -> None:
        """Refill the credits, close who is silent, cut who does not answer a close."""
        for seat in list(self._seats.values()):
            conduit = seat.conduit
            full = seat.bytes_per_second * self._burst_s
            conduit.credit_bytes = min(full, conduit.credit_bytes + seat.bytes_per_second)
            self._watch_silence(seat)
            if conduit.close_code is not None:
                seat.closing_s += 1
                if seat.closing_s == _ABORT_AFTER_S:
                    conduit.abort()

    def close_all(self, code: int, reason: str) -> None:
        for conduit in self._conduits():
            conduit.close(code, reason)

    def _watch_silence(self, seat: _Seat) -> None:
        conduit = seat.conduit
        conduit.idle_s = conduit.idle_s + 1 if conduit.frames_taken == seat.frames_seen else 0
        seat.frames_seen = conduit.frames_taken
        if conduit.idle_s > self._idle_s_max:
            conduit.close(CloseCode.GOING_AWAY, f"silent for {self._idle_s_max} s")

    def _fence(self, owner: int) -> None:
        seat = self._seats.get(owner)
        if seat is not None and seat.conduit.drivers == 1:
            self._fenced_total.add()
            seat.conduit.close(CloseCode.FENCED, "a newer socket speaks for this driver")

    def _conduits(self) -> Iterator[SocketConduit]:
        return iter([seat.conduit for seat in self._seats.values()])


def drivers_of_ranges(ranges: list[tuple[int, int]]) -> U64:
    """All driver ids of inclusive ranges, each once."""
    parts = [np.arange(low, high + 1, dtype=np.uint64) for low, high in ranges]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)

"""When a socket hears of its acknowledgements: fleets every tick, phones at most so often.

A phone's first acknowledgement goes out at once and later ones at least `phone_ack_ms` apart:
being cumulative, the newest says all. Thirty thousand phones then cost thirty thousand small
writes a second at most, and a phone that sends once a second still hears within a tick.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from groundwork.seams import Clock

if TYPE_CHECKING:
    from rideflow.gateway.socket_conduit import SocketConduit


class AckPacer:
    """Paces the sockets of one kind; `pause_ms` 0 sends every acknowledgement at once."""

    def __init__(self, clock: Clock, *, pause_ms: int) -> None:
        self._clock = clock
        self._pause_ms: Final = pause_ms
        self._due: list[tuple[int, int, SocketConduit]] = []  # one entry a socket at most

    def on_acknowledged(self, conduit: SocketConduit) -> None:
        """Send the acknowledgement now, or note when it is due."""
        if not self._pause_ms:
            conduit.send_ack()
        elif not conduit.ack_due:
            now_ms = self._clock.monotonic_ms()
            if now_ms >= conduit.next_ack_ms:
                self._send(conduit, now_ms)
            else:
                conduit.ack_due = True
                heapq.heappush(self._due, (conduit.next_ack_ms, conduit.owner, conduit))

    def send_due(self) -> None:
        """Send what has become due; called every tick."""
        now_ms = self._clock.monotonic_ms()
        while self._due and self._due[0][0] <= now_ms:
            conduit = heapq.heappop(self._due)[2]
            conduit.ack_due = False
            self._send(conduit, now_ms)

    def _send(self, conduit: SocketConduit, now_ms: int) -> None:
        conduit.next_ack_ms = now_ms + self._pause_ms
        conduit.send_ack()

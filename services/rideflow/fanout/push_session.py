"""One watcher: what it may see, what it has not yet taken, and when it is given up.

Two lanes. Positions are keyed state: while the client does not keep up they are left out and
counted, and a snapshot follows once it does. Ride news is an ordered lane: it waits, bounded,
and a client that lets it overflow is cut off, since a gap would be a lie.
"""

from collections import deque
from typing import Final

import msgspec

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.ids import RideId
from rideflow.contracts.push import WatchArea, WatchDown
from rideflow.contracts.tokens import Claims, Role
from rideflow.fanout.link import Link
from rideflow.running.websocket_frames import binary_frame, text_frame

HEARTBEAT_MS: Final = 2_000
CONGESTED_ABOVE_BYTES: Final = 32_768  # a second and more of a full area
CLEAR_BELOW_BYTES: Final = 8_192
NEWS_MAX: Final = 64  # messages waiting in the ordered lane
STUCK_MS: Final = 20_000  # congested for so long: cut off
CLOSING_MS: Final = 5_000  # what a close may take before the socket is aborted

_encode = msgspec.json.Encoder().encode


class PushSession:
    """A watcher behind a link. Everything here is done at once; nothing waits."""

    def __init__(self, link: Link, clock: Clock, claims: Claims, metrics: Registry) -> None:
        self.claims = claims
        self.ride: RideId | None = None
        self.wanted_area: WatchArea | None = None  # newest wish, taken up in the next slice
        self.lacks_snapshot = False
        self.lacks_match = False
        self.skipped = 0
        self.closed_ms: int | None = None
        self._link = link
        self._clock = clock
        self._skipped_total = metrics.counter("fanout_skipped_total")
        self._slow_total = metrics.counter("fanout_sessions_slow_total")
        self._news: deque[bytes] = deque()
        self._congested_since_ms: int | None = None
        self._heard_ms = clock.monotonic_ms()

    @property
    def may_watch_areas(self) -> bool:
        return self.claims.role in (Role.RIDER, Role.OPERATOR)

    def may_watch_ride_of(self, rider: str) -> bool:
        """A ride is shown to its rider, and to operators."""
        if self.claims.role is Role.OPERATOR:
            return True
        return self.claims.role is Role.RIDER and self.claims.sub == rider

    def keeps_up(self) -> bool:
        """Whether the client takes what it is sent; with hysteresis, so that it does not flap."""
        unsent = self._link.unsent_bytes()
        if self._congested_since_ms is None:
            if unsent > CONGESTED_ABOVE_BYTES:
                self._congested_since_ms = self._clock.monotonic_ms()
        elif unsent < CLEAR_BELOW_BYTES:
            self._congested_since_ms = None
        return self._congested_since_ms is None

    def skip(self, places: int) -> None:
        """Note that so many places were left out."""
        self.skipped += places
        self._skipped_total.add(places)

    def show(self, frame: bytes) -> None:
        """Send a binary WebSocket frame made by `binary_frame`."""
        if self.closed_ms is None:
            self._link.write(frame)
            self._heard_ms = self._clock.monotonic_ms()

    def show_payload(self, payload: bytes) -> None:
        self.show(binary_frame(payload))

    def tell(self, message: WatchDown) -> None:
        """Send a message of the ordered lane, or let it wait behind those that do."""
        if self.closed_ms is not None:
            return
        frame = text_frame(_encode(message))
        if not self._news and self.keeps_up():
            self._write(frame)
        elif len(self._news) < NEWS_MAX:
            self._news.append(frame)
        else:
            self._cut(f"{NEWS_MAX} messages wait unread")

    def beat_is_due(self) -> bool:
        return self._clock.monotonic_ms() - self._heard_ms >= HEARTBEAT_MS

    def tend(self) -> None:
        """Send what waits where the client keeps up again; give it up where it does not."""
        now_ms = self._clock.monotonic_ms()
        if self.closed_ms is not None:
            if now_ms - self.closed_ms >= CLOSING_MS:
                self._link.abort()
            return
        while self._news and self.keeps_up():
            self._write(self._news.popleft())
        since_ms = self._congested_since_ms
        if since_ms is not None and not self.keeps_up() and now_ms - since_ms >= STUCK_MS:
            self._cut(f"nothing was read for {STUCK_MS // 1000} s")

    def close(self, code: int, reason: str) -> None:
        """End the session; the client learns why."""
        if self.closed_ms is None:
            self.closed_ms = self._clock.monotonic_ms()
            self._news.clear()
            self._link.close(code, reason)

    def _cut(self, reason: str) -> None:
        self._slow_total.add()
        self.close(CloseCode.SLOW, reason)

    def _write(self, frame: bytes) -> None:
        self._link.write(frame)
        self._heard_ms = self._clock.monotonic_ms()

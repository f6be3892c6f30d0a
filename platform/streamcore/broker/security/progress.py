"""Deadlines of one connection: pure, looked at about once a second.

A peer may be slow; it may not stand still while it costs memory, and it may not be silent
for ever.
"""

from dataclasses import dataclass
from enum import Enum

# Less than this in a whole grace time is standing still.
PROGRESS_BYTES = 64 << 10


class Overdue(Enum):
    """Why a connection is to be ended."""

    NOT_ESTABLISHED = "TLS and SASL took too long"
    IDLE = "idle for too long"
    NOT_READING = "it does not take its answers"
    NOT_SENDING = "it does not send the rest of its request, and others need the memory"


class Stall:
    """For how long something that should shrink has not."""

    __slots__ = ("_left", "_since_ms")

    def __init__(self) -> None:
        self._left = 0
        self._since_ms = 0

    def look(self, left: int, now_ms: int) -> int:
        """Note how much is left; return the milliseconds since it last shrank, or was 0."""
        is_moving = left <= self._left - PROGRESS_BYTES or left > self._left
        if left == 0 or self._left == 0 or is_moving:
            self._left, self._since_ms = left, now_ms
        return now_ms - self._since_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long peers may take."""

    establish_ms: int
    idle_ms: int
    stall_ms: int


class Deadlines:
    """What was seen of one connection, from its opening on."""

    __slots__ = ("_active_ms", "_incoming", "_opened_ms", "_unsent", "sending_stalled_ms")

    def __init__(self, now_ms: int) -> None:
        self._opened_ms = self._active_ms = now_ms
        self._unsent = Stall()
        self._incoming = Stall()
        self.sending_stalled_ms = 0

    def look(
        self,
        now_ms: int,
        limits: Limits,
        *,
        is_established: bool,
        was_active: bool,
        unsent_bytes: int,
    ) -> Overdue | None:
        """Note what was seen since the last look; say whether it has been too long."""
        if was_active:
            self._active_ms = now_ms
        self.sending_stalled_ms = self._unsent.look(unsent_bytes, now_ms)
        if not is_established and now_ms - self._opened_ms >= limits.establish_ms:
            return Overdue.NOT_ESTABLISHED
        if self.sending_stalled_ms >= limits.stall_ms:
            return Overdue.NOT_READING
        if 0 < limits.idle_ms <= now_ms - self._active_ms:
            return Overdue.IDLE
        return None

    def receiving_stalled_ms(self, missing_bytes: int, now_ms: int) -> int:
        """For how long the rest of a large request has not come."""
        return self._incoming.look(missing_bytes, now_ms)

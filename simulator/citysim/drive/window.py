"""What one fleet socket has sent and not yet heard of: bounded, in order, sent again after a cut.

Acknowledgements are cumulative over the binary frames of one socket, so a new socket starts
counting anew with the first frame that the old one left open.
"""

from collections import deque
from itertools import islice

FRAMES_MAX = 4_000


class AckBad(Exception):
    """More was acknowledged than was sent."""


class SendWindow:
    """Holds frames from when they are made until they are acknowledged."""

    def __init__(self, *, frames_max: int = FRAMES_MAX) -> None:
        assert frames_max > 0
        self._frames: deque[tuple[bytes, int]] = deque()  # payload, when it was made
        self._frames_max = frames_max
        self._sent = 0  # of the frames held, those given to the socket
        self._acknowledged = 0  # since the socket opened
        self.bytes_resent_total = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_full(self) -> bool:
        """Full: make no more pings until some are acknowledged; they would be lost."""
        return len(self._frames) >= self._frames_max

    @property
    def is_waiting(self) -> bool:
        """Tell whether something was sent that is not acknowledged."""
        return self._sent > 0

    def add(self, payload: bytes, made_ms: int) -> None:
        self._frames.append((payload, made_ms))

    def take_unsent(self) -> list[bytes]:
        """Return the frames to send now, in order."""
        fresh = [payload for payload, _ in islice(self._frames, self._sent, None)]
        self._sent = len(self._frames)
        return fresh

    def on_acknowledged(self, frames: int) -> list[tuple[bytes, int]]:
        """Drop and return what is acknowledged by a total of `frames`. Raises `AckBad`."""
        count = frames - self._acknowledged
        if count > self._sent:
            raise AckBad(f"{frames} frames acknowledged, {self._acknowledged + self._sent} sent")
        self._acknowledged += max(count, 0)
        self._sent -= max(count, 0)
        return [self._frames.popleft() for _ in range(count)]

    def on_opened(self) -> None:
        """A new socket: everything held is to be sent, and counting starts at nothing."""
        resent = islice(self._frames, self._sent)
        self.bytes_resent_total += sum(len(payload) for payload, _ in resent)
        self._sent = self._acknowledged = 0

    def held(self) -> list[bytes]:
        """Return what was never acknowledged: it may be in the log, or not."""
        return [payload for payload, _ in self._frames]

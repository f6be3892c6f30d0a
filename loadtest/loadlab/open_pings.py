"""Pings on their way: what was sent, what was acknowledged, how long it took. Pure.

An operation is one ping that the log has: it counts when its acknowledgement arrives, never
when it is sent, and its time is from the send of its frame to that acknowledgement.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from rideflow.contracts.driver_socket import ACK, ACK_KIND, ACK_VERSION


class WrongAck(Exception):
    """The server acknowledged what was not sent, or in words that we do not know."""


@dataclass(slots=True)
class OpenPings:
    """The pings of one socket, one a frame."""

    frames_sent: int = 0
    frames_acknowledged: int = 0
    pings_accepted: int = 0
    _sent_at: deque[float] = field(default_factory=deque)

    def sent(self, count: int, at_s: float) -> None:
        """`count` frames of one ping each left at `at_s`."""
        self.frames_sent += count
        self._sent_at.extend([at_s] * count)

    @property
    def outstanding(self) -> int:
        return self.frames_sent - self.frames_acknowledged

    def acknowledged(self, ack: bytes, at_s: float) -> Iterator[tuple[bool, float]]:
        """For each frame newly acknowledged: whether its ping was accepted, and its seconds.

        Raises `WrongAck`.
        """
        if len(ack) != ACK.size:
            raise WrongAck(f"{len(ack)} bytes are no acknowledgement")
        kind, version, _, frames, accepted = ACK.unpack(ack)
        if (kind, version) != (ACK_KIND, ACK_VERSION):
            raise WrongAck(f"kind {kind} version {version} is unknown")
        if not self.frames_acknowledged <= frames <= self.frames_sent:
            raise WrongAck(f"{frames} frames acknowledged of {self.frames_sent} sent")
        fresh = frames - self.frames_acknowledged
        good = accepted - self.pings_accepted
        self.frames_acknowledged, self.pings_accepted = frames, accepted
        for number in range(fresh):
            yield number < good, at_s - self._sent_at.popleft()

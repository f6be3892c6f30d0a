"""Frames of one ping each, of one driver that circles the city's centre."""

import json
import math
import struct

from loadlab.raw_websocket import client_frame, text_frame
from rideflow.contracts.pings import PING, PING_VERSION, DriverState

# The fields of contracts.pings.PING, in order: `struct` is quicker than numpy for single rows.
_ROW = struct.Struct("<BBHIQqiiHHHH")
assert _ROW.size == PING.itemsize

_CENTRE = (57.70, 11.97)
_RADIUS_DEGREES = 0.02
_STEP_RADIANS = 0.001


class PingFrames:
    """Makes the pings of one driver, in sequence."""

    def __init__(self, driver: int) -> None:
        self._driver = driver
        self._sequence = 0

    @staticmethod
    def hello(token: str) -> bytes:
        return text_frame(json.dumps({"type": "hello", "token": token}))

    def next_frames(self, count: int, *, now_ms: int) -> bytes:
        """The next `count` frames, ready to be sent."""
        return b"".join(client_frame(self.next_ping(now_ms)) for _ in range(count))

    def next_ping(self, now_ms: int) -> bytes:
        self._sequence += 1
        angle = (self._driver % 628) * 0.01 + self._sequence * _STEP_RADIANS
        return _ROW.pack(
            PING_VERSION,
            DriverState.OPEN,
            0,
            self._sequence,
            self._driver,
            now_ms,
            int((_CENTRE[0] + _RADIUS_DEGREES * math.sin(angle)) * 1e7),
            int((_CENTRE[1] + _RADIUS_DEGREES * math.cos(angle)) * 1e7),
            1000,
            int(math.degrees(angle) * 100) % 36_000,
            50,
            0,
        )

"""Frames of one ping each, of drivers that circle the city's centre and take turns."""

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
    """Makes the pings of a socket's drivers: each in turn, each with its own sequence."""

    def __init__(self, first_driver: int, drivers: int = 1) -> None:
        self._first_driver = first_driver
        self._drivers = drivers
        self._made = 0

    def acknowledged_by_driver(self, accepted: int) -> dict[int, int]:
        """How many pings of each driver are among the first `accepted`: its sequences from 1."""
        rounds, rest = divmod(accepted, self._drivers)
        return {self._first_driver + turn: rounds + (turn < rest) for turn in range(self._drivers)}

    @staticmethod
    def hello(token: str) -> bytes:
        return text_frame(json.dumps({"type": "hello", "token": token}))

    def next_frames(self, count: int, *, now_ms: int) -> bytes:
        """The next `count` frames, ready to be sent."""
        return b"".join(client_frame(self.next_ping(now_ms)) for _ in range(count))

    def next_ping(self, now_ms: int) -> bytes:
        rounds, turn = divmod(self._made, self._drivers)
        self._made += 1
        driver, sequence = self._first_driver + turn, rounds + 1
        angle = (driver % 628) * 0.01 + sequence * _STEP_RADIANS
        return _ROW.pack(
            PING_VERSION,
            DriverState.OPEN,
            0,
            sequence,
            driver,
            now_ms,
            int((_CENTRE[0] + _RADIUS_DEGREES * math.sin(angle)) * 1e7),
            int((_CENTRE[1] + _RADIUS_DEGREES * math.cos(angle)) * 1e7),
            1000,
            int(math.degrees(angle) * 100) % 36_000,
            50,
            0,
        )

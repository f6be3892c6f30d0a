"""What riders see, measured: how old a car's place is when it reaches a rider's socket.

Age is the time of receipt minus the phone's fix. Only deltas and pushes of the matched car
count: a snapshot shows cars as old as they are. The first push of a matched car is one too.
"""

from dataclasses import dataclass, field
from struct import Struct

import numpy as np

from groundwork.metrics import Histogram
from rideflow.contracts.push import CAR, PUSH_HEADER, CarFlag, PushKind

_HEAD = Struct("<BBHIqII")  # PUSH_HEADER: read alone it is four times cheaper than by numpy
assert _HEAD.size == PUSH_HEADER.itemsize

# A car that is gone, dark or held back is told of because of that, with the last place known.
_NOT_FRESH = np.uint8(CarFlag.GONE | CarFlag.DARK | CarFlag.SUSPECT)
_FRAMES_AT_ONCE = 500


class PushBad(Exception):
    """A binary message that is no push frame."""


class _Ages:
    """Ages of the cars of many frames, counted some hundred frames at a time."""

    def __init__(self) -> None:
        self._histogram = Histogram()
        self._cars: list[bytes] = []
        self._since_base_ms: list[int] = []

    def note(self, cars: bytes, since_base_ms: int) -> None:
        self._cars.append(cars)
        self._since_base_ms.append(since_base_ms)
        if len(self._cars) == _FRAMES_AT_ONCE:
            self._count()

    def histogram(self) -> Histogram:
        self._count()
        return self._histogram

    def _count(self) -> None:
        cars = np.frombuffer(b"".join(self._cars), CAR)
        counts = [len(frame) // CAR.itemsize for frame in self._cars]
        age_ms = cars["fix_ago_ms"] + np.repeat(np.array(self._since_base_ms, np.int64), counts)
        self._histogram.observe_many(age_ms[(cars["flags"] & _NOT_FRESH) == 0])
        self._cars, self._since_base_ms = [], []


@dataclass(slots=True)
class Sightings:
    """Of all riders together."""

    frames: dict[str, int] = field(default_factory=dict)
    cars: int = 0
    skipped: int = 0
    _matched: _Ages = field(default_factory=_Ages)
    _area: _Ages = field(default_factory=_Ages)

    @property
    def matched_ms(self) -> Histogram:
        return self._matched.histogram()

    @property
    def area_ms(self) -> Histogram:
        return self._area.histogram()

    def note(self, payload: bytes, *, now_ms: int, is_first_matched: bool) -> PushKind:
        """Measure one push frame and return its kind. Raises `PushBad`."""
        if len(payload) < _HEAD.size:
            raise PushBad(f"a frame of {len(payload)} bytes")
        number, _, _, count, base_ms, skipped, _ = _HEAD.unpack_from(payload)
        if len(payload) != _HEAD.size + count * CAR.itemsize:
            raise PushBad(f"a frame of {len(payload)} bytes that says {count} cars")
        try:
            kind = PushKind(number)
        except ValueError:
            raise PushBad(f"a frame of unknown kind {number}") from None
        self.frames[kind.name.lower()] = self.frames.get(kind.name.lower(), 0) + 1
        self.skipped += skipped
        self.cars += count
        if kind is PushKind.DELTA:
            self._area.note(payload[_HEAD.size :], now_ms - base_ms)
        elif kind is PushKind.MATCHED and not is_first_matched:
            self._matched.note(payload[_HEAD.size :], now_ms - base_ms)
        return kind

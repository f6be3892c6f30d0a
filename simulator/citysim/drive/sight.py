"""What a rider sees, measured: how old a car's place is when it reaches the rider's socket.

Age is the time of receipt minus the phone's fix. Only deltas and pushes of the matched car
count: a snapshot shows cars as old as they are. The first push of a matched car is one too.
"""

from dataclasses import dataclass, field

import numpy as np

from groundwork.metrics import Histogram
from rideflow.contracts.push import CAR, PUSH_HEADER, CarFlag, PushKind

# A car that is gone, dark or held back is told of because of that, with the last place known.
_NOT_FRESH = np.uint8(CarFlag.GONE | CarFlag.DARK | CarFlag.SUSPECT)


class PushBad(Exception):
    """A binary message that is no push frame."""


@dataclass(slots=True)
class Sightings:
    """Of all riders together."""

    matched_ms: Histogram = field(default_factory=Histogram)
    area_ms: Histogram = field(default_factory=Histogram)
    frames: dict[str, int] = field(default_factory=dict)
    cars: int = 0
    skipped: int = 0

    def note(self, payload: bytes, *, now_ms: int, is_first_matched: bool) -> PushKind:
        """Measure one push frame and return its kind. Raises `PushBad`."""
        if len(payload) < PUSH_HEADER.itemsize:
            raise PushBad(f"a frame of {len(payload)} bytes")
        head = np.frombuffer(payload, PUSH_HEADER, 1)[0]
        cars = np.frombuffer(payload, CAR, offset=PUSH_HEADER.itemsize)
        if len(cars) != int(head["count"]):
            raise PushBad(f"a frame of {len(cars)} cars that says {int(head['count'])}")
        kind = PushKind(int(head["kind"]))
        self.frames[kind.name.lower()] = self.frames.get(kind.name.lower(), 0) + 1
        self.skipped += int(head["skipped"])
        self.cars += len(cars)
        if kind is PushKind.DELTA or (kind is PushKind.MATCHED and not is_first_matched):
            fresh = cars["fix_ago_ms"][(cars["flags"] & _NOT_FRESH) == 0]
            since_base_ms = now_ms - int(head["base_ms"])
            histogram = self.area_ms if kind is PushKind.DELTA else self.matched_ms
            histogram.observe_many(fresh.astype(np.int64) + since_base_ms)
        return kind

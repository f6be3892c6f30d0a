"""A watcher's side of fan-out for unit tests: a link that keeps what was sent, and positions."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from rideflow.columns.position_table import PositionFrame
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import FRAME_HEADER, FRAME_MAGIC, FRAME_VERSION, POSITION
from rideflow.contracts.push import CAR, PUSH_HEADER, PushKind, WatchDown
from rideflow.contracts.rides import Place, RideEvent, RideFact, RideState

LAT, LON = 57.70, 11.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A binary push message, unpacked."""

    kind: PushKind
    skipped: int
    cars: np.ndarray[Any, np.dtype[np.void]]


@dataclass(slots=True)
class FakeLink:
    """A client that reads everything, or nothing while `unsent` is set."""

    unsent: int = 0
    shown: list[Shown] = field(default_factory=list)
    told: list[WatchDown] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    aborted: bool = False

    def write(self, frame: bytes) -> None:
        opcode, payload = unframe(frame)
        if opcode == 1:
            self.told.append(msgspec.json.decode(payload, type=WatchDown))
        else:
            self.shown.append(unpack(payload))

    def unsent_bytes(self) -> int:
        return self.unsent

    def close(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def abort(self) -> None:
        self.aborted = True

    def take_shown(self) -> list[Shown]:
        shown, self.shown = self.shown, []
        return shown


def unframe(frame: bytes) -> tuple[int, bytes]:
    """Opcode and payload of an unmasked WebSocket frame."""
    size, at = frame[1], 2
    if size == 126:
        size, at = struct.unpack_from(">H", frame, 2)[0], 4
    elif size == 127:
        size, at = struct.unpack_from(">Q", frame, 2)[0], 10
    assert len(frame) == at + size
    return frame[0] & 0x0F, frame[at:]


def unpack(payload: bytes) -> Shown:
    header = np.frombuffer(payload, PUSH_HEADER, 1)[0]
    cars = np.frombuffer(payload, CAR, offset=PUSH_HEADER.itemsize)
    assert len(cars) == header["count"]
    return Shown(kind=PushKind(header["kind"]), skipped=int(header["skipped"]), cars=cars)


def position_frame(drivers: Sequence[int], at_ms: int, **columns: object) -> PositionFrame:
    """One position of each driver, open and in the middle of the city unless columns differ."""
    rows = np.zeros(len(drivers), POSITION)
    rows["driver"] = drivers
    rows["fix_ms"] = at_ms
    rows["lat_e7"] = int(LAT * 1e7)
    rows["lon_e7"] = int(LON * 1e7)
    rows["state"] = DriverState.OPEN
    for name, values in columns.items():
        rows[name] = values
    return PositionFrame(produced_ms=at_ms, rows=rows)


def position_value(drivers: Sequence[int], at_ms: int) -> bytes:
    """The same as a record's value."""
    frame = position_frame(drivers, at_ms)
    header = np.zeros(1, FRAME_HEADER)
    header["magic"], header["version"] = FRAME_MAGIC, FRAME_VERSION
    header["count"], header["produced_ms"] = len(drivers), frame.produced_ms
    return header.tobytes() + frame.rows.tobytes()


def ride_fact(
    number: int, state: RideState, *, ride: str = "r1", rider: str = "7", **more: Any
) -> RideFact:
    """A fact of a ride in the middle of the city."""
    return msgspec.convert(
        {
            "ride": ride,
            "number": number,
            "event": more.pop("event", RideEvent.REQUEST_MADE),
            "state": state,
            "at_ms": more.pop("at_ms", 1_700_000_000_000),
            "region": "861f25907ffffff",
            "rider": rider,
            "pickup": Place(lat=LAT, lon=LON),
            "destination": Place(lat=LAT + 0.01, lon=LON),
            "requested_ms": 1_700_000_000_000,
            **more,
        },
        RideFact,
    )

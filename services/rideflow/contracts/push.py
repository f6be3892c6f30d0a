"""What rider apps and fan-out say to each other over `WS /v1/watch`.

Up: `WatchUp` as JSON; the first message is `hello`. Down, text: `WatchDown` as JSON. Down,
binary: a header of 24 bytes and `count` x CAR. Cars are keyed state: a snapshot, then deltas;
the newest place of a car replaces an undelivered older one and `skipped` tells how many were
replaced. Ride events are an ordered lane of their own and are never conflated.

The socket is closed with the codes of `driver_socket.CloseCode`: SLOW for who does not read,
BAD_TOKEN, PROTOCOL for what is no `WatchUp`, GOING_AWAY when fan-out restarts. A rider may watch
its own rides only: another's is answered by `WatchError` with code `forbidden`.
"""

from enum import IntEnum, IntFlag

import msgspec
import numpy as np

from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import RideFact

PUSH_VERSION = 1

# What one watched area shows at most: more cells are cut off around the box's centre, and of
# more cars a random sample is shown, the same ones as long as they stay.
AREA_CELLS_MAX = 200
AREA_CARS_MAX = 150


class PushKind(IntEnum):
    """What a binary frame holds."""

    SNAPSHOT = 1  # all cars of the watched area; forget the ones not named
    DELTA = 2  # cars that changed since
    MATCHED = 3  # the one car of the watched ride, sent as soon as it is seen
    CITY = 4  # operator: all drivers that changed since


PUSH_HEADER = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("reserved", "<u2"),
        ("count", "<u4"),
        ("base_ms", "<i8"),  # server's clock; a car's fix was at base_ms - fix_ago_ms
        ("skipped", "<u4"),  # places that newer ones replaced before they could be sent
        ("newest_lag_ms", "<u4"),  # base_ms minus production of the newest position frame seen
    ]
)
assert PUSH_HEADER.itemsize == 24

CAR = np.dtype(
    [
        ("car", "<u4"),  # pseudonym that rotates; for operators and the matched ride a stable one
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("fix_ago_ms", "<u2"),  # saturates at 65,535
        ("speed_cm_s", "<u2"),
        ("bearing_cdeg", "<u2"),
        ("state", "u1"),  # pings.DriverState
        ("flags", "u1"),  # CarFlag
    ]
)
assert CAR.itemsize == 20


class CarFlag(IntFlag):
    """Facts about a car in a frame."""

    GONE = 1  # no longer in the area, or no longer shown: remove it
    SUSPECT = 2
    DARK = 4
    BLURRED = 8  # place is rounded: the rider is not matched with it


class ResumePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rider's ride lane stands: valid while the channel epoch is the same."""

    epoch: str
    partition: int
    offset: int


class WatchHello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", omit_defaults=True):
    """First words of a watcher."""

    token: str = ""


class WatchArea(msgspec.Struct, frozen=True, kw_only=True, tag="watch_area", omit_defaults=True):
    """Show the cars in this box (degrees). Replaces the area watched before."""

    south: float
    west: float
    north: float
    east: float
    economy: bool = False  # 1 Hz instead of 5 Hz


class UnwatchArea(msgspec.Struct, frozen=True, kw_only=True, tag="unwatch_area"):
    """No more cars, please."""


class WatchRide(msgspec.Struct, frozen=True, kw_only=True, tag="watch_ride", omit_defaults=True):
    """Tell the life of this ride and show its car. With `resume`: only what came after."""

    ride: RideId
    resume: ResumePoint | None = None


WatchUp = WatchHello | WatchArea | UnwatchArea | WatchRide


class WatchWelcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome"):
    """The push session is open. The server is heard at least every `heartbeat_ms`."""

    epoch: str
    server_ms: int
    heartbeat_ms: int


class WatchBeat(msgspec.Struct, frozen=True, kw_only=True, tag="beat"):
    """Nothing else to say: the link is alive. `positions_age_ms`: since the newest frame read."""

    server_ms: int
    positions_age_ms: int


class RidePush(msgspec.Struct, frozen=True, kw_only=True, tag="ride", omit_defaults=True):
    """A fact of the watched ride. `recovered` False: the gap could not be replayed, this is the
    state now."""

    fact: RideFact
    resume: ResumePoint
    recovered: bool = True


class EtaPush(msgspec.Struct, frozen=True, kw_only=True, tag="eta", omit_defaults=True):
    """The wait that the watched ride's rider may expect now."""

    ride: RideId
    kind: str  # pickup or trip
    at_ms: int
    predicted_s: float
    p90_s: float


class WatchError(msgspec.Struct, frozen=True, kw_only=True, tag="error"):
    """Something was wrong with what was sent."""

    code: str
    message: str


WatchDown = WatchWelcome | WatchBeat | RidePush | EtaPush | WatchError

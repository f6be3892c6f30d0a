"""What drivers' phones and fleets say to the gateway over a WebSocket, and hear back.

`WS /v1/drivers/{id}/stream` (one driver) and `WS /v1/fleets/{id}/stream` (many).
Up, binary: 1 to PINGS_PER_FRAME_MAX x PING. Up, text: `Upward` as JSON; the first message is
`hello`, unless the request had an `Authorization: Bearer` header and is of one driver.
Down, binary: ACK. Down, text: `Downward` as JSON.

Acknowledgements are cumulative per socket: `frames` counts the binary frames, in order, whose
pings are in the log or were refused by name. A fleet hears once a gateway tick, a phone at most
once a second. They stop at a failure: what is not acknowledged is sent again on a new socket.
"""

from enum import StrEnum
from struct import Struct

import msgspec

from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import RideFact

# kind (1), version (1), reserved, frames acknowledged, pings accepted: both since the socket opened
ACK = Struct("<BBHIQ")
ACK_KIND = 1
ACK_VERSION = 1


class RejectReason(StrEnum):
    """Why a ping was refused. It goes to dead.letters; the rest of its frame goes on."""

    ODD_FRAME = "odd_frame"  # length is not 1..max times 40: the whole frame is refused
    BAD_VERSION = "bad_version"
    BAD_COORDINATES = "bad_coordinates"
    BAD_BEARING = "bad_bearing"
    BAD_STATE = "bad_state"
    FUTURE_FIX = "future_fix"
    ANCIENT_FIX = "ancient_fix"
    UNKNOWN_DRIVER = "unknown_driver"  # not announced on this socket, or fenced by a newer one


class CloseCode:
    """WebSocket close codes. 4000-4099: reconnect after a wait; 4100-4199: do not."""

    GOING_AWAY = 4000  # the service restarts
    LOG_UNAVAILABLE = 4001  # sends failed: reconnect and resend from the first unacknowledged
    SLOW = 4002  # did not read for too long
    RATE_LIMITED = 4003
    FENCED = 4100  # a newer socket speaks for this driver
    BAD_TOKEN = 4101
    FORBIDDEN = 4102
    PROTOCOL = 4103  # not a frame that this endpoint knows


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", omit_defaults=True):
    """First words. A fleet names its drivers as inclusive ranges of ids."""

    token: str = ""
    drivers: list[tuple[int, int]] = []


class DriverAction(msgspec.Struct, frozen=True, kw_only=True, tag="action", omit_defaults=True):
    """What a driver does about a ride: `kind` is accept, decline, arrive, board, drop or cancel."""

    kind: str
    driver: int
    ride: RideId
    offer: int | None = None
    reason: str | None = None


Upward = Hello | DriverAction


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome", omit_defaults=True):
    """The socket is open for these drivers."""

    drivers: int
    server_ms: int
    report_ms: int = 1000  # how often a ping is wanted


class Offer(msgspec.Struct, frozen=True, kw_only=True, tag="offer", omit_defaults=True):
    """A ride is offered to a driver until the deadline."""

    driver: int
    fact: RideFact


class RideNews(msgspec.Struct, frozen=True, kw_only=True, tag="ride", omit_defaults=True):
    """Something happened to a ride that a driver of this socket is or was part of."""

    driver: int
    fact: RideFact


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected", omit_defaults=True):
    """Pings were refused; the first one is named."""

    reason: RejectReason
    count: int
    frame: int  # number of the binary frame on this socket, from 1
    driver: int | None = None
    sequence: int | None = None


class SocketError(msgspec.Struct, frozen=True, kw_only=True, tag="error", omit_defaults=True):
    """Something was wrong with what was sent; the socket stays open unless it closes."""

    code: str
    message: str


Downward = Welcome | Offer | RideNews | Rejected | SocketError

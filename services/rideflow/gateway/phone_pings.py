"""Pings as phones and tracker apps spell them, made into PING.

Ours (JSON), OwnTracks (https://owntracks.org/booklet/tech/json/) and OsmAnd's query form,
which Traccar's client speaks as well (https://www.traccar.org/osmand/).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import Final

import msgspec

from rideflow.contracts.pings import BEARING_CDEG_MAX, PING_SIZE, PING_VERSION
from rideflow.contracts.pings import DriverState as State
from rideflow.contracts.pings import PingFlag as Flag
from rideflow.gateway.refusal import Refusal

_PING: Final = Struct("<BBHIQqiiHHHH")
assert _PING.size == PING_SIZE

_NOWHERE_E7: Final = 2_000_000_000  # beyond any coordinate: the tick's checks refuse it by name
_FIX_MS_MAX: Final = 1 << 62
_KNOT_M_S: Final = 0.514444
# A fix older than this was buffered: it must not hold up what the phone sends now.
BACKLOG_AFTER_MS: Final = 30_000
# Unix seconds stay below this until the year 5138; milliseconds have been above it since 1973.
_SECONDS_MAX: Final = 1e11


class PingAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One element of POST /v1/drivers/{id}/pings. What is left out is unknown."""

    lat: float
    lon: float
    fix_ms: int
    sequence: int | None = None  # None: the gateway counts
    speed_m_s: float | None = None
    bearing: float | None = None  # degrees clockwise from north
    accuracy_m: float = 0.0
    state: State = State.OPEN
    mocked: bool = False


class OwnTracksMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the OwnTracks app posts; only `location` concerns us."""

    kind: str = msgspec.field(name="_type")
    lat: float = math.nan
    lon: float = math.nan
    tst: int = 0  # unix s
    acc: float = 0.0  # m
    vel: float | None = None  # km/h
    cog: float | None = None  # degrees


class _Coords(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float
    accuracy: float = 0.0
    speed: float | None = None  # m/s
    heading: float | None = None


class _Location(msgspec.Struct, frozen=True):
    timestamp: str
    coords: _Coords


class TraccarMessage(msgspec.Struct, frozen=True):
    """The JSON body of newer Traccar clients."""

    location: _Location
    device_id: str | int


@dataclass(frozen=True, slots=True)
class TrackerPing:
    """A ping and the device that sent it."""

    device: str
    ask: PingAsk


def packed(driver: int, ask: PingAsk, sequence: int, *, now_ms: int) -> bytes:
    """One PING of 40 bytes."""
    fix_ms = max(-_FIX_MS_MAX, min(_FIX_MS_MAX, ask.fix_ms))
    flags = Flag(0)
    flags |= Flag.MOCKED if ask.mocked else Flag(0)
    flags |= Flag.NO_SPEED if ask.speed_m_s is None else Flag(0)
    flags |= Flag.NO_BEARING if ask.bearing is None else Flag(0)
    flags |= Flag.BACKLOG if fix_ms < now_ms - BACKLOG_AFTER_MS else Flag(0)
    return _PING.pack(
        PING_VERSION,
        ask.state,
        flags,
        sequence & 0xFFFF_FFFF,
        driver,
        fix_ms,
        _e7(ask.lat),
        _e7(ask.lon),
        _u16((ask.speed_m_s or 0) * 100),
        _u16((ask.bearing or 0) % 360 * 100) % BEARING_CDEG_MAX,
        _u16(ask.accuracy_m * 10),
        0,
    )


def of_owntracks(message: OwnTracksMessage) -> PingAsk:
    return PingAsk(
        lat=message.lat,
        lon=message.lon,
        fix_ms=message.tst * 1000,
        speed_m_s=None if message.vel is None else message.vel / 3.6,
        bearing=message.cog,
        accuracy_m=message.acc,
    )


def of_osmand(query: Mapping[str, str], *, now_ms: int) -> TrackerPing:
    """OsmAnd's query parameters. Raises `Refusal` that names the one that is wrong."""
    speed, bearing = query.get("speed"), query.get("bearing", query.get("heading"))
    ask = PingAsk(
        lat=_number(query, "lat"),
        lon=_number(query, "lon"),
        fix_ms=_time_ms(query.get("timestamp", ""), now_ms=now_ms),
        speed_m_s=None if speed is None else _number(query, "speed") * _KNOT_M_S,
        bearing=None if bearing is None else _number({"bearing": bearing}, "bearing"),
        accuracy_m=_number(query, "accuracy") if "accuracy" in query else 0.0,
        mocked=query.get("mock", "").lower() == "true",
    )
    return TrackerPing(query.get("id", query.get("deviceid", "")), ask)


def of_traccar(message: TraccarMessage, *, now_ms: int) -> TrackerPing:
    coords = message.location.coords
    ask = PingAsk(
        lat=coords.latitude,
        lon=coords.longitude,
        fix_ms=_time_ms(message.location.timestamp, now_ms=now_ms),
        # Phones say -1 for what they do not know.
        speed_m_s=coords.speed if (coords.speed or 0) >= 0 else None,
        bearing=coords.heading if (coords.heading or 0) >= 0 else None,
        accuracy_m=coords.accuracy,
    )
    return TrackerPing(str(message.device_id), ask)


def _number(query: Mapping[str, str], name: str) -> float:
    try:
        value = float(query[name])
    except (KeyError, ValueError):
        raise Refusal(422, "bad_field", f"{name} must be a number", field=name) from None
    if not math.isfinite(value):
        raise Refusal(422, "bad_field", f"{name} must be finite", field=name)
    return value


def _time_ms(text: str, *, now_ms: int) -> int:
    """Unix seconds or milliseconds, or ISO 8601; nothing means now."""
    if not text:
        return now_ms
    try:
        value = float(text)
    except ValueError:
        return _iso_ms(text)
    if not math.isfinite(value):
        raise Refusal(422, "bad_field", "timestamp must be finite", field="timestamp")
    return int(value if value > _SECONDS_MAX else value * 1000)


def _iso_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        message = "timestamp must be unix time or ISO 8601"
        raise Refusal(422, "bad_field", message, field="timestamp") from None


def _e7(degrees: float) -> int:
    value = degrees * 1e7
    return round(value) if abs(value) < _NOWHERE_E7 else _NOWHERE_E7


def _u16(value: float) -> int:
    return round(max(0.0, min(65_535.0, value)))

"""What the HTTP endpoints answer, as JSON. Errors have one shape everywhere: `ErrorReply`."""

import msgspec

from rideflow.contracts.driver_socket import Rejected
from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import Place, RideFact
from rideflow.contracts.tokens import Role


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Any 4xx or 5xx. `code` is for programs, `message` names what was wrong, `field` where."""

    code: str
    message: str
    field: str | None = None


class TokenAsk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of POST /v1/tokens (demo mode only). No `sub`: the gateway makes one up."""

    role: Role
    sub: str | None = None
    drivers: list[tuple[int, int]] = []  # of a fleet: inclusive ranges of ids


class TokenReply(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/tokens (demo mode only)."""

    token: str
    sub: str
    role: str
    expires_s: int


class PingsReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """POST /v1/drivers/{id}/pings: the accepted ones are in the log."""

    accepted: int
    refused: list[Rejected] = []


class RideAsk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of POST /v1/rides. The same `ride` twice asks once."""

    pickup: Place
    destination: Place
    ride: RideId | None = None


class RideReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """POST /v1/rides (202) and GET /v1/rides/{id}. `fact` None: asked, not yet heard of."""

    ride: RideId
    state: str
    fact: RideFact | None = None
    view_age_ms: int = 0  # how old the gateway's view of the log is


class NearbyCar(msgspec.Struct, frozen=True, kw_only=True):
    """One of the nearest open drivers, by road; a pseudonym, a blurred place."""

    car: int
    lat: float
    lon: float
    bearing: float
    eta_s: float
    age_ms: int  # since its fix


class NearbyReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/drivers/nearby?lat=&lon=&k= : nearest first."""

    cars: list[NearbyCar]
    open_drivers: int
    view_age_ms: int


class EtaReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/eta?from=LAT,LON&to=LAT,LON at live speeds."""

    seconds: float
    p90_s: float
    metres: float
    model: str
    speeds_age_ms: int


class RouteStep(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one street."""

    name: str
    metres: float
    seconds: float


class RouteReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/route?from=&to= : the way itself, [[lon, lat], ...]."""

    seconds: float
    p90_s: float
    metres: float
    line: list[tuple[float, float]]
    steps: list[RouteStep]


class PlacesReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/places?q= : streets whose name has the words, best first; for search boxes."""

    places: list[Place]


class ConfigReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/config: what a page needs to begin."""

    city: str
    bounds: tuple[float, float, float, float]  # south, west, north, east
    centre: tuple[float, float]  # lat, lon
    attribution: str
    basemap_url: str
    fanout_url: str  # ws://HOST:PORT/v1/watch
    ops_url: str  # http://HOST:PORT
    demo: bool
    version: str

"""The table of routes: what the gateway answers, to whom, and where it is handled."""

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from rideflow.contracts.replies import (
    ConfigReply,
    EtaReply,
    NearbyReply,
    PingsReply,
    PlacesReply,
    RideAsk,
    RideReply,
    RouteReply,
    TokenAsk,
    TokenReply,
)
from rideflow.contracts.tokens import Role
from rideflow.gateway.city import BASEMAP_PATH, CityEndpoints
from rideflow.gateway.openapi import Described, openapi
from rideflow.gateway.pages import Pages
from rideflow.gateway.phone_pings import OwnTracksMessage, PingAsk, TraccarMessage
from rideflow.gateway.post_endpoints import PostEndpoints
from rideflow.gateway.proxy import EtaProxy
from rideflow.gateway.refusal import Handler, refusals_as_replies
from rideflow.gateway.ride_endpoints import ActionAsk, RideEndpoints
from rideflow.gateway.stream_endpoints import StreamEndpoints
from rideflow.gateway.token_desk import TokenDesk
from rideflow.running.web import make_application

_ACTIONS: Final = "cancel|accept|decline|arrive|board|drop"
_DRIVER: Final = (Role.DRIVER,)
_ALL: Final = tuple(Role)

Routes = list[tuple[Described, Handler]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """All handlers."""

    streams: StreamEndpoints
    posts: PostEndpoints
    rides: RideEndpoints
    tokens: TokenDesk
    city: CityEndpoints
    eta: EtaProxy
    pages: Pages


def _route(method: str, path: str, summary: str, **more: Any) -> Described:
    return Described(method=method, path=path, summary=summary, **more)


def route_table(to: Endpoints) -> Routes:
    """Every route of the API with its handler."""
    return [*_streams(to), *_ping_posts(to), *_rides(to), *_beginnings(to), *_passed_on(to)]


def _streams(to: Endpoints) -> Routes:
    return [
        (
            _route("GET", "/v1/drivers/{id:[0-9]+}/stream", "WebSocket of a driver", roles=_DRIVER),
            to.streams.driver_stream,
        ),
        (
            _route("GET", "/v1/fleets/{id}/stream", "WebSocket of a fleet", roles=(Role.FLEET,)),
            to.streams.fleet_stream,
        ),
    ]


def _ping_posts(to: Endpoints) -> Routes:
    pings, own_tracks = "Write pings; answered when the log has them", "An OwnTracks message"
    osmand, traccar = "A ping in OsmAnd's form", "A ping of Traccar's client"
    parameters = ("id", "lat", "lon", "timestamp", "speed", "bearing", "accuracy", "token")
    one: dict[str, Any] = {"reply": PingsReply, "roles": _DRIVER}
    both: dict[str, Any] = {"reply": PingsReply, "roles": (Role.DRIVER, Role.FLEET)}
    return [
        (
            _route("POST", "/v1/drivers/{id:[0-9]+}/pings", pings, body=list[PingAsk], **both),
            to.posts.post_pings,
        ),
        (
            _route(
                "POST",
                "/v1/owntracks",
                own_tracks,
                body=OwnTracksMessage,
                reply=list[str],
                roles=_DRIVER,
            ),
            to.posts.post_owntracks,
        ),
        (_route("GET", "/v1/osmand", osmand, query=parameters, **one), to.posts.any_osmand),
        (_route("POST", "/v1/osmand", traccar, body=TraccarMessage, **one), to.posts.any_osmand),
    ]


def _rides(to: Endpoints) -> Routes:
    asked: dict[str, Any] = {"reply": RideReply, "status": 202}
    action = f"/v1/rides/{{id}}/{{action:{_ACTIONS}}}"
    return [
        (
            _route(
                "POST", "/v1/rides", "Ask for a ride", body=RideAsk, roles=(Role.RIDER,), **asked
            ),
            to.rides.post_ride,
        ),
        (
            _route("GET", "/v1/rides/{id}", "A ride as it is now", reply=RideReply, roles=_ALL),
            to.rides.get_ride,
        ),
        (
            _route("POST", action, "Act on a ride", body=ActionAsk, roles=_ALL, **asked),
            to.rides.post_action,
        ),
    ]


def _beginnings(to: Endpoints) -> Routes:
    return [
        (
            _route("POST", "/v1/tokens", "A token (demo mode)", body=TokenAsk, reply=TokenReply),
            to.tokens.post_token,
        ),
        (
            _route("GET", "/v1/config", "What a page needs to begin", reply=ConfigReply),
            to.city.get_config,
        ),
    ]


def _passed_on(to: Endpoints) -> Routes:
    questions: list[tuple[str, str, Any, tuple[str, ...]]] = [
        ("drivers/nearby", "The nearest open cars by road", NearbyReply, ("lat", "lon", "k")),
        ("eta", "How long a way takes now", EtaReply, ("from", "to")),
        ("route", "The way itself", RouteReply, ("from", "to")),
        ("places", "Streets by name", PlacesReply, ("q",)),
    ]
    return [
        (_route("GET", f"/v1/{path}", summary, reply=reply, query=query), to.eta.get)
        for path, summary, reply, query in questions
    ]


def make_gateway_application(to: Endpoints, *, version: str) -> web.Application:
    """The application with every route; what no route has is a page."""
    application = make_application()
    application.middlewares.append(refusals_as_replies)
    table = route_table(to)
    description = openapi([described for described, _ in table], version=version)
    for described, handler in table:
        application.router.add_route(described.method, described.path, handler)

    async def get_openapi(_request: web.Request) -> web.Response:
        return web.json_response(description)

    async def get_health(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    application.router.add_get("/v1/openapi.json", get_openapi)
    application.router.add_get("/healthz", get_health)
    application.router.add_get(BASEMAP_PATH, to.city.get_basemap)
    application.router.add_get("/{path:.*}", to.pages.get)
    return application

"""The HTTP questions of the eta service and their answers (contracts.replies)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.contracts.replies import (
    EtaReply,
    NearbyReply,
    PlacesReply,
    RouteReply,
    RouteStep,
)
from rideflow.contracts.rides import EtaKind
from rideflow.eta.estimator import Estimator
from rideflow.eta.legs import MODEL
from rideflow.eta.nearby import Nearby
from rideflow.eta.questions import BadQuestion, degrees, on_road, place, whole, words
from rideflow.eta.street_names import StreetNames
from rideflow.geo.driver_view import DriverView
from rideflow.roads.city_roads import CityRoads
from rideflow.roads.routes import Route
from rideflow.running import error_reply, json_reply
from rideflow.running.web import make_application

_PLACES_MAX = 10
_WORDS_MAX = 100
_NEARBY_USUAL, _NEARBY_MAX = 10, 50

Answer = Callable[[Mapping[str, str]], msgspec.Struct]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers questions from what the service knows."""

    clock: Clock
    metrics: Registry
    view: DriverView
    estimator: Estimator
    nearby: Nearby
    streets: StreetNames

    def application(self) -> web.Application:
        application = make_application()
        answers: dict[str, Answer] = {
            "/v1/eta": self.eta,
            "/v1/route": self.route,
            "/v1/drivers/nearby": self.drivers_nearby,
            "/v1/places": self.places,
        }
        for path, answer in answers.items():
            application.router.add_get(path, self._handler(answer))
        return application

    def eta(self, query: Mapping[str, str]) -> EtaReply:
        """How long from one place to another."""
        route = self._route(query)
        told = self.estimator.predict(EtaKind.TRIP, route)
        return EtaReply(
            seconds=round(told.p50_s, 1),
            p90_s=round(told.p90_s, 1),
            metres=round(route.length_m(self.estimator.roads.graph), 1),
            model=MODEL,
            speeds_age_ms=self.estimator.speeds_age_ms(self.clock.now_ms()),
        )

    def route(self, query: Mapping[str, str]) -> RouteReply:
        """The way from one place to another."""
        route, roads = self._route(query), self.estimator.roads
        told = self.estimator.predict(EtaKind.TRIP, route)
        line = route.polyline(roads.graph).round(6).tolist()
        return RouteReply(
            seconds=round(told.p50_s, 1),
            p90_s=round(told.p90_s, 1),
            metres=round(route.length_m(roads.graph), 1),
            line=[(lon, lat) for lon, lat in line],
            steps=steps(route, roads, told.p50_s),
        )

    def drivers_nearby(self, query: Mapping[str, str]) -> NearbyReply:
        """Open drivers around a place, soonest first."""
        began_ms = self.clock.monotonic_ms()
        lat, lon = degrees(query, "lat", 90.0), degrees(query, "lon", 180.0)
        k = whole(query, "k", usual=_NEARBY_USUAL, most=_NEARBY_MAX)
        spot = on_road(self.estimator.roads, lat, lon, "lat")
        now_ms = self.clock.now_ms()
        cars = self.nearby.cars(lat, lon, spot, k=k, now_ms=now_ms)
        self.metrics.histogram("eta_nearby_ms").observe(self.clock.monotonic_ms() - began_ms)
        newest_ms = self.view.newest_produced_ms or now_ms
        return NearbyReply(
            cars=cars,
            open_drivers=self.nearby.open_drivers,
            view_age_ms=max(0, now_ms - newest_ms),
        )

    def places(self, query: Mapping[str, str]) -> PlacesReply:
        """Streets by name."""
        wanted = words(query, "q", length_max=_WORDS_MAX)
        return PlacesReply(places=self.streets.search(wanted, limit=_PLACES_MAX))

    def _route(self, query: Mapping[str, str]) -> Route:
        roads = self.estimator.roads
        start = on_road(roads, *place(query, "from"), "from")
        end = on_road(roads, *place(query, "to"), "to")
        route = roads.route(start, end, either_way=True)
        if route is None:
            raise BadQuestion("to", "no road leads there", code="no_road")
        return route

    def _handler(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                reply = answer(request.query)
            except BadQuestion as bad:
                self.metrics.counter("eta_questions_refused_total").add()
                status = 422 if bad.code == "no_road" else 400
                return error_reply(status, bad.code, str(bad), field=bad.field)
            self.metrics.counter("eta_requests_total").add()
            return json_reply(reply)

        return handle


def steps(route: Route, roads: CityRoads, seconds: float) -> list[RouteStep]:
    """The way street by street; `seconds` in all are shared out as the roads take them."""
    edges = route.edges.tolist()
    graph, last = roads.graph, len(edges) - 1
    found: list[tuple[str, float, float]] = []
    for number, edge in enumerate(edges):
        length_m = float(graph.length_m[edge])
        begin_m = route.start_m if number == 0 else 0.0
        metres = (route.end_m if number == last else length_m) - begin_m
        weight = metres / max(length_m, 1e-6) * float(graph.travel_ms[edge])
        name = roads.pack.street(edge)
        if found and found[-1][0] == name:
            _, before_m, before = found.pop()
            metres, weight = metres + before_m, weight + before
        found.append((name, metres, weight))
    scale = seconds / max(sum(weight for _, _, weight in found), 1e-6)
    return [
        RouteStep(name=name, metres=round(metres, 1), seconds=round(weight * scale, 1))
        for name, metres, weight in found
    ]

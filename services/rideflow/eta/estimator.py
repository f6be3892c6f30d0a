"""How long it takes now: roads at live speeds, corrected by what earlier promises were worth."""

from dataclasses import dataclass

from rideflow.columns.arrays import Rows
from rideflow.contracts.rides import EtaKind, Place, RideEta, RideFact, SegmentSpeed
from rideflow.eta.legs import Leg, Legs, Promise
from rideflow.eta.residuals import Prediction, Residuals
from rideflow.eta.speed_book import SpeedBook
from rideflow.eta.speed_samples import speed_samples
from rideflow.geo.driver_view import DriverView
from rideflow.roads.city_roads import CityRoads
from rideflow.roads.routes import Route
from rideflow.roads.spots import Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a refresh of the speeds brought."""

    news: list[SegmentSpeed]
    edges_seen: int


class Estimator:
    """Speeds, routes and predictions of one city. Decides; reads and writes no log."""

    def __init__(self, roads: CityRoads, view: DriverView) -> None:
        self.roads = roads
        self._view = view
        self._speeds = SpeedBook(roads.graph, pack=roads.digest)
        self._residuals = Residuals()
        self._legs = Legs()
        self._refreshed_ms: int | None = None

    @property
    def legs_count(self) -> int:
        return len(self._legs)

    def speeds_age_ms(self, now_ms: int) -> int:
        """How old the speeds in force are; 0 while free flow is all there is."""
        return 0 if self._refreshed_ms is None else max(0, now_ms - self._refreshed_ms)

    def learn_speeds(self, rows: Rows, *, limit: int) -> int:
        """Let at most `limit` of these positions tell how fast roads are; return how many did."""
        samples = speed_samples(rows, self.roads, limit=limit)
        self._speeds.add(samples.edges, samples.kmh)
        return len(samples)

    def refresh(self, *, now_ms: int, passed_ms: int, news_max: int) -> Refreshed:
        """Put the speeds seen in force; return those that others should know."""
        self._speeds.fade(passed_ms)
        self.roads.refresh(self._speeds.travel_ms())
        self._refreshed_ms = now_ms
        return Refreshed(
            news=self._speeds.news(now_ms=now_ms, limit=news_max),
            edges_seen=self._speeds.edges_seen,
        )

    def predict(self, kind: EtaKind, route: Route) -> Prediction:
        """What to tell a person who waits for the end of a route."""
        return self._residuals.predict(kind, route.travel_ms / 1000.0)

    def follow(self, fact: RideFact, *, now_ms: int, is_live: bool) -> list[RideEta]:
        """Follow a ride. `is_live` false: an old fact, of which nothing is promised any more.

        Returns what is promised for the leg that begins, for the trip behind a pickup, and
        the record that scores the leg that has ended.
        """
        began, kept = self._legs.take(fact)
        told: list[RideEta] = []
        if kept is not None:
            self._residuals.learn(kept.leg.kind, road_s=kept.promise.road_s, actual_s=kept.actual_s)
            told.append(kept.leg.record(kept.promise, actual_s=kept.actual_s))
        if began is not None and is_live:
            told += self._promises([began], now_ms)
            if began.kind is EtaKind.PICKUP:
                told += self._trip_ahead(fact, began.driver, now_ms)
        return told

    def promise_again(self, *, now_ms: int) -> list[RideEta]:
        """What may be expected now of every leg under way."""
        return self._promises(self._legs.under_way(), now_ms)

    def _promises(self, legs: list[Leg], now_ms: int) -> list[RideEta]:
        told = []
        for leg in legs:
            start = self._where(leg.driver)
            route = None if start is None else self._route(start, leg.to)
            if route is None:
                continue
            promise = self._promise(leg.kind, route, now_ms)
            if leg.promise is None:
                leg.promise = promise
            told.append(leg.record(promise))
        return told

    def _trip_ahead(self, fact: RideFact, driver: int, now_ms: int) -> list[RideEta]:
        pickup = self.roads.spot(fact.pickup.lat, fact.pickup.lon)
        # Which way the car will stand there is not known yet.
        route = None if pickup is None else self._route(pickup, fact.destination, either_way=True)
        if route is None:
            return []
        trip = Leg(ride=fact.ride, kind=EtaKind.TRIP, driver=driver, to=fact.destination)
        return [trip.record(self._promise(EtaKind.TRIP, route, now_ms))]

    def _promise(self, kind: EtaKind, route: Route, now_ms: int) -> Promise:
        told = self.predict(kind, route)
        return Promise(
            at_ms=now_ms,
            road_s=route.travel_ms / 1000.0,
            predicted_s=told.p50_s,
            p90_s=told.p90_s,
        )

    def _where(self, driver: int) -> Spot | None:
        """The driver's spot, on the side of the road that he drives on."""
        rows = self._view.positions(self._view.slots_of([driver]))
        if not len(rows):
            return None
        lat, lon = int(rows["lat_e7"][0]) / 1e7, int(rows["lon_e7"][0]) / 1e7
        return self.roads.spot(lat, lon, int(rows["bearing_cdeg"][0]) / 100.0)

    def _route(self, start: Spot, to: Place, *, either_way: bool = False) -> Route | None:
        end = self.roads.spot(to.lat, to.lon)
        return None if end is None else self.roads.route(start, end, either_way=either_way)

"""Simulated riders: each asks for rides over HTTP and watches over a WebSocket of its own."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import msgspec

from citysim.city.demand import Demand, Trip
from citysim.drive.sight import PushBad, Sightings
from citysim.drive.tokens import TokenSource
from groundwork.backoff import Backoff
from groundwork.seams import Clock, Rng
from rideflow.contracts.ids import RideId
from rideflow.contracts.push import (
    PushKind,
    ResumePoint,
    RidePush,
    WatchArea,
    WatchDown,
    WatchHello,
    WatchRide,
)
from rideflow.contracts.replies import RideAsk, RideReply
from rideflow.contracts.rides import (
    ASSIGNED_STATES,
    FINAL_STATES,
    Place,
    RideEvent,
    RideFact,
    RideState,
)
from rideflow.contracts.tokens import Role

journal = logging.getLogger("hailstream.simulate")

_AREA_LAT, _AREA_LON = 0.0055, 0.0105  # half a box of about 1.2 km
_RIDE_S_MAX = 1_800.0
_HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10.0)


@dataclass(slots=True)
class RideTally:
    """What became of the rides that simulated riders asked for."""

    requested: int = 0
    refused: int = 0  # by the gateway
    matched: int = 0
    completed: int = 0
    cancelled: int = 0
    unmatched: int = 0
    given_up: int = 0  # nothing final was heard for half an hour
    reassigned: int = 0  # got another driver while one was assigned
    gaps: int = 0  # facts missing between two that were pushed
    reconnects: int = 0


@dataclass(slots=True)
class Watch:
    """One ride as its rider sees it."""

    ride: RideId
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    fact: RideFact | None = None
    resume: ResumePoint | None = None
    has_seen_car: bool = False

    def note(self, push: RidePush, tally: RideTally) -> None:
        """Take a fact; what was seen before is not counted twice."""
        before, fact = self.fact, push.fact
        self.resume = push.resume
        if before is not None and fact.number <= before.number:
            return
        if before is not None and fact.number > before.number + 1 and push.recovered:
            tally.gaps += 1
        self.fact = fact
        was_assigned = before is not None and before.state in ASSIGNED_STATES
        is_assigned = fact.state in ASSIGNED_STATES
        if is_assigned and not was_assigned:
            tally.matched += 1
            self.has_seen_car = False
        elif is_assigned and before is not None and before.driver != fact.driver:
            tally.reassigned += 1
        if fact.state in FINAL_STATES:
            tally.completed += fact.event is RideEvent.RIDER_DROPPED
            tally.cancelled += fact.state is RideState.CANCELLED
            tally.unmatched += fact.state is RideState.UNMATCHED
            self.ended.set()


class Rider:
    """One person: watches the area it is in and, when it has asked for one, its ride."""

    def __init__(
        self,
        number: int,
        *,
        demand: Demand,
        clock: Clock,
        rng: Rng,
        session: aiohttp.ClientSession,
        tokens: TokenSource,
        gateway_url: str,
        fanout_url: str,
        sightings: Sightings,
        tally: RideTally,
    ) -> None:
        self._number, self._name = number, f"sim-rider-{number}"
        self._demand, self._clock, self._rng = demand, clock, rng
        self._session, self._tokens = session, tokens
        self._gateway_url, self._fanout_url = gateway_url, fanout_url
        self._sightings, self._tally = sightings, tally
        self._trip = demand.trip(number, 0)
        self._watch: Watch | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def run(self) -> None:
        """Live until cancelled."""
        token = await self._tokens.token(self._name, Role.RIDER, [])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_watching(token))
            tasks.create_task(self._travel(token))

    async def _travel(self, token: str) -> None:
        number = 0
        while True:
            self._trip = trip = self._demand.trip(self._number, number)
            await self._say(self._area())
            await self._clock.sleep_until(self._clock.monotonic_ms() + trip.pause_ms)
            await self._ride(trip, token)
            number += 1

    async def _ride(self, trip: Trip, token: str) -> None:
        ride = await self._ask(trip, token)
        if ride is None:
            return
        self._watch = watch = Watch(ride=ride)
        await self._say(WatchRide(ride=ride))
        if trip.cancel_after_ms is not None:
            await self._wait(watch, trip.cancel_after_ms / 1000.0)
            await self._cancel(watch, token)
        await self._wait(watch, _RIDE_S_MAX)
        self._tally.given_up += not watch.ended.is_set()
        self._watch = None

    async def _wait(self, watch: Watch, within_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await watch.ended.wait()

    async def _cancel(self, watch: Watch, token: str) -> None:
        """Give the ride up, unless the rider is in the car or the ride is over."""
        state = RideState.REQUESTED if watch.fact is None else watch.fact.state
        if state is not RideState.ON_TRIP and state not in FINAL_STATES:
            await self._post(f"/v1/rides/{watch.ride}/cancel", b"{}", token)

    async def _ask(self, trip: Trip, token: str) -> RideId | None:
        wish = RideAsk(pickup=_place(trip.pickup_place), destination=_place(trip.destination_place))
        self._tally.requested += 1
        body = await self._post("/v1/rides", msgspec.json.encode(wish), token)
        try:
            if body is not None:
                return msgspec.json.decode(body, type=RideReply).ride
        except msgspec.MsgspecError as error:
            journal.warning("%s: no answer to a wish for a ride: %s", self._name, error)
        self._tally.refused += 1
        return None

    async def _post(self, path: str, body: bytes, token: str) -> bytes | None:
        """Return the answer to an accepted request; None, and a journal line, otherwise."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with self._session.post(
                f"{self._gateway_url}{path}", data=body, headers=headers, timeout=_HTTP_TIMEOUT
            ) as reply:
                answer = await reply.read()
                if reply.status == 202:
                    return answer
                said = answer[:200].decode("utf-8", "replace")
                journal.warning("%s: %s refused: %d %s", self._name, path, reply.status, said)
        except (aiohttp.ClientError, TimeoutError) as error:
            journal.warning("%s: %s failed: %r", self._name, path, error)
        return None

    async def _keep_watching(self, token: str) -> None:
        backoff = Backoff(self._rng, base_ms=100, cap_ms=5_000)
        while True:
            try:
                await self._watch_once(token, backoff)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                journal.debug("%s: watching ended: %s", self._name, error)
            self._tally.reconnects += 1
            await self._clock.sleep_until(self._clock.monotonic_ms() + backoff.next_delay_ms())

    async def _watch_once(self, token: str, backoff: Backoff) -> None:
        url = f"{self._fanout_url}/v1/watch"
        async with self._session.ws_connect(url, max_msg_size=1 << 22) as socket:
            self._socket = socket
            try:
                await self._say(WatchHello(token=token))
                await self._say(self._area())
                if self._watch is not None:
                    resume = self._watch.resume
                    await self._say(WatchRide(ride=self._watch.ride, resume=resume))
                async for message in socket:
                    self._on_message(message)
                    backoff.reset()
            finally:
                self._socket = None

    def _on_message(self, message: aiohttp.WSMessage) -> None:
        try:
            if message.type is aiohttp.WSMsgType.BINARY:
                self._on_cars(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._on_said(msgspec.json.decode(message.data, type=WatchDown))
        except (PushBad, msgspec.MsgspecError) as error:
            journal.warning("%s: not understood: %s", self._name, error)

    def _on_cars(self, payload: bytes) -> None:
        watch = self._watch
        is_first = watch is None or not watch.has_seen_car
        kind = self._sightings.note(payload, now_ms=self._clock.now_ms(), is_first_matched=is_first)
        if kind is PushKind.MATCHED and watch is not None:
            watch.has_seen_car = True

    def _on_said(self, said: WatchDown) -> None:
        watch = self._watch
        if isinstance(said, RidePush) and watch is not None and said.fact.ride == watch.ride:
            watch.note(said, self._tally)

    def _area(self) -> WatchArea:
        lon, lat = self._trip.pickup_place
        return WatchArea(
            south=lat - _AREA_LAT, west=lon - _AREA_LON, north=lat + _AREA_LAT, east=lon + _AREA_LON
        )

    async def _say(self, message: msgspec.Struct) -> None:
        """Say it if the socket is open; a new socket says all that matters anew."""
        if self._socket is not None and not self._socket.closed:
            try:
                await self._socket.send_str(msgspec.json.encode(message).decode())
            except ConnectionError as error:
                journal.debug("%s: not said: %s", self._name, error)


def _place(lonlat: tuple[float, float]) -> Place:
    return Place(lat=round(lonlat[1], 6), lon=round(lonlat[0], 6))

"""A gateway, matcher and fan-out in one, small enough to see through: what the simulator talks to.

It keeps every ping in memory, acknowledges as the contract says, and gives each ride to the
first driver of the first fleet socket. `drop_sockets` cuts all fleet sockets without a word.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from aiohttp import WSMsgType, web

from rideflow.contracts.driver_socket import (
    ACK,
    ACK_KIND,
    ACK_VERSION,
    DriverAction,
    Offer,
    RideNews,
    Upward,
    Welcome,
)
from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.pings import PING
from rideflow.contracts.push import (
    CAR,
    PUSH_HEADER,
    PUSH_VERSION,
    PushKind,
    ResumePoint,
    RidePush,
    WatchRide,
    WatchUp,
)
from rideflow.contracts.replies import RideAsk, RideReply
from rideflow.contracts.rides import RideEvent, RideFact, RideState, next_state

_ACK_EVERY_S = 0.005
_EVENT_OF = {
    "accept": RideEvent.OFFER_ACCEPTED,
    "arrive": RideEvent.DRIVER_ARRIVED,
    "board": RideEvent.RIDER_BOARDED,
    "drop": RideEvent.RIDER_DROPPED,
}


@dataclass(slots=True, eq=False)
class _Fleet:
    socket: web.WebSocketResponse
    drivers: list[tuple[int, int]]
    frames: int = 0
    pings: int = 0


@dataclass(slots=True)
class FakeGateway:
    """What it heard, and the switches of a test."""

    url: str = ""
    payloads: list[bytes] = field(default_factory=list)
    actions: list[DriverAction] = field(default_factory=list)
    facts: dict[str, RideFact] = field(default_factory=dict)
    acknowledges: bool = True
    keeps_pings: bool = True
    pings_total: int = 0
    _fleets: list[_Fleet] = field(default_factory=list)
    _watchers: dict[str, web.WebSocketResponse] = field(default_factory=dict)

    def pings(self) -> np.ndarray[Any, np.dtype[np.void]]:
        return np.frombuffer(b"".join(self.payloads), PING)

    def drop_sockets(self) -> None:
        for fleet in self._fleets:
            transport = fleet.socket._req.transport if fleet.socket._req else None
            if transport is not None:
                transport.abort()

    async def fleet_stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        hello = msgspec.json.decode(await socket.receive_str(), type=Upward)
        fleet = _Fleet(socket=socket, drivers=getattr(hello, "drivers", []))
        self._fleets.append(fleet)
        count = sum(high - low + 1 for low, high in fleet.drivers)
        await _say(socket, Welcome(drivers=count, server_ms=0))
        try:
            async with asyncio.TaskGroup() as tasks:
                acks = tasks.create_task(self._acknowledge(fleet))
                async for message in socket:
                    await self._on_message(fleet, message.type, message.data)
                acks.cancel()
        finally:
            self._fleets.remove(fleet)
        return socket

    async def _on_message(self, fleet: _Fleet, kind: WSMsgType, data: Any) -> None:
        if kind is WSMsgType.BINARY:
            fleet.frames += 1
            fleet.pings += len(data) // PING.itemsize
            self.pings_total += len(data) // PING.itemsize
            if self.keeps_pings:
                self.payloads.append(data)
        elif kind is WSMsgType.TEXT:
            action = msgspec.json.decode(data, type=Upward)
            assert isinstance(action, DriverAction)
            self.actions.append(action)
            fact = self.facts[action.ride]
            event = _EVENT_OF[action.kind]
            with suppress(Exception):
                await self._tell(_after(fact, event))

    async def _acknowledge(self, fleet: _Fleet) -> None:
        told = 0
        while True:
            await asyncio.sleep(_ACK_EVERY_S)
            if self.acknowledges and fleet.frames > told:
                told = fleet.frames
                with suppress(ConnectionError):
                    await fleet.socket.send_bytes(
                        ACK.pack(ACK_KIND, ACK_VERSION, 0, fleet.frames, fleet.pings)
                    )

    async def ask(self, request: web.Request) -> web.Response:
        wish = msgspec.json.decode(await request.read(), type=RideAsk)
        ride = RideId(f"ride-{len(self.facts) + 1}")
        fact = RideFact(
            ride=ride,
            number=1,
            event=RideEvent.REQUEST_MADE,
            state=RideState.REQUESTED,
            at_ms=0,
            region="",
            rider=RiderId(""),
            pickup=wish.pickup,
            destination=wish.destination,
            requested_ms=0,
        )
        driver = len(self.facts) + 1
        offered = _after(fact, RideEvent.OFFER_SENT, driver=driver)
        self.facts[ride] = offered
        await _say(self._fleet_of(driver).socket, Offer(driver=driver, fact=offered))
        reply = RideReply(ride=ride, state="requested")
        return web.Response(status=202, body=msgspec.json.encode(reply))

    async def cancel(self, request: web.Request) -> web.Response:
        fact = self.facts[request.match_info["ride"]]
        await self._tell(_after(fact, RideEvent.RIDE_CANCELLED))
        return web.Response(status=202, body=b"{}")

    async def watch(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            said = msgspec.json.decode(message.data, type=WatchUp)
            if isinstance(said, WatchRide):
                self._watchers[said.ride] = socket
                await self._push(self.facts[said.ride])
        return socket

    async def push_cars(self, ride: str, kind: PushKind, *, base_ms: int, ago_ms: int) -> None:
        """Send one frame with one car to whoever watches the ride."""
        header, car = np.zeros(1, PUSH_HEADER), np.zeros(1, CAR)
        header["kind"], header["version"], header["count"] = kind, PUSH_VERSION, 1
        header["base_ms"], car["fix_ago_ms"] = base_ms, ago_ms
        await self._watchers[ride].send_bytes(header.tobytes() + car.tobytes())

    async def _tell(self, fact: RideFact) -> None:
        assert fact.driver is not None
        self.facts[fact.ride] = fact
        await _say(self._fleet_of(fact.driver).socket, RideNews(driver=fact.driver, fact=fact))
        await self._push(fact)

    async def _push(self, fact: RideFact) -> None:
        if fact.ride in self._watchers:
            resume = ResumePoint(epoch="e", partition=0, offset=fact.number)
            await _say(self._watchers[fact.ride], RidePush(fact=fact, resume=resume))

    def _fleet_of(self, driver: int) -> _Fleet:
        return next(
            fleet
            for fleet in self._fleets
            if any(low <= driver <= high for low, high in fleet.drivers)
        )


def _after(fact: RideFact, event: RideEvent, *, driver: int | None = None) -> RideFact:
    return msgspec.structs.replace(
        fact,
        number=fact.number + 1,
        event=event,
        state=next_state(fact.state, event),
        driver=driver or fact.driver,
        offer=1,
    )


async def _say(socket: web.WebSocketResponse, message: msgspec.Struct) -> None:
    await socket.send_str(msgspec.json.encode(message).decode())


@asynccontextmanager
async def fake_gateway() -> AsyncIterator[FakeGateway]:
    """Listen on a free port until the block ends."""
    fake = FakeGateway()
    application = web.Application()
    application.router.add_get("/v1/fleets/{fleet}/stream", fake.fleet_stream)
    application.router.add_post("/v1/rides", fake.ask)
    application.router.add_post("/v1/rides/{ride}/cancel", fake.cancel)
    application.router.add_get("/v1/watch", fake.watch)
    runner = web.AppRunner(application, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield fake
    finally:
        await runner.cleanup()

"""A gateway over the log in memory, on a real socket, with tokens for everyone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from groundwork.metrics import Registry
from groundwork.real.clocks import SystemClock
from rideflow.columns.arrays import Rows
from rideflow.contracts.driver_socket import ACK
from rideflow.contracts.metrics import GATEWAY_METRICS
from rideflow.contracts.pings import PING, DriverState
from rideflow.contracts.tokens import Claims, Role
from rideflow.gateway.assembly import make_gateway
from rideflow.gateway.gateway import Gateway
from rideflow.gateway.ride_feed import follow_rides
from rideflow.gateway.routes import make_gateway_application
from rideflow.gateway.settings import GatewaySettings
from rideflow.running import Service
from rideflow.running.tokens import TokenKey
from tests.support.fake_log import FakeLog

SECRET = "a secret of thirty-two characters or more"
FLEET = "f1"
FLEET_DRIVERS = [(1, 1000)]
SETTINGS = GatewaySettings(token_secret=SECRET, demo=True, web_dir="", tick_ms=2)


def pings_of(*drivers: int, sequence: int = 1, **fields: object) -> Rows:
    """One good ping of each driver, as of now; `fields` set columns."""
    rows = np.zeros(len(drivers), PING)
    rows["version"], rows["state"] = 1, DriverState.OPEN
    rows["driver"], rows["sequence"] = drivers, sequence
    rows["fix_ms"] = SystemClock().now_ms()
    rows["lat_e7"], rows["lon_e7"] = 577_000_000, 119_700_000
    for name, value in fields.items():
        rows[name] = value
    return rows


@dataclass(slots=True, kw_only=True)
class Scene:
    """What a test touches."""

    log: FakeLog
    gateway: Gateway
    client: TestClient[Request, Application]
    clock: SystemClock

    def token(self, sub: str, role: Role, drivers: list[tuple[int, int]] | None = None) -> str:
        exp = self.clock.now_ms() // 1000 + 600
        claims = Claims(sub=sub, role=role, exp=exp, drivers=drivers or [])
        return TokenKey(SECRET, self.clock).sign(claims)

    def bearer(self, sub: str, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(sub, role)}"}

    async def fleet(
        self, drivers: list[tuple[int, int]] | None = None
    ) -> ClientWebSocketResponse[bool]:
        """A fleet's socket that has heard its welcome."""
        socket = await self.client.ws_connect(f"/v1/fleets/{FLEET}/stream")
        token = self.token(FLEET, Role.FLEET, FLEET_DRIVERS)
        await socket.send_json({"type": "hello", "token": token, "drivers": drivers or []})
        assert (await socket.receive_json())["type"] == "welcome"
        return socket

    async def phone(self, driver: int) -> ClientWebSocketResponse[bool]:
        """A driver's socket that has heard its welcome."""
        headers = self.bearer(str(driver), Role.DRIVER)
        socket = await self.client.ws_connect(f"/v1/drivers/{driver}/stream", headers=headers)
        assert (await socket.receive_json())["type"] == "welcome"
        return socket

    def hold_log(self) -> None:
        """Let the log take sends and acknowledge none."""
        for producer in self.log.producers:
            producer.hold()

    async def fail_log(self) -> None:
        """Refuse what is in flight, once there is something."""
        await self.heard(lambda: any(producer.in_flight for producer in self.log.producers))
        for producer in self.log.producers:
            producer.fail()

    async def log_holds(self, topic: str, records: int) -> None:
        """Return once a topic has so many records."""
        await self.heard(lambda: len(self.log.values(topic)) == records)

    async def heard(self, check: Callable[[], bool]) -> None:
        """Return once `check()` holds."""
        async with asyncio.timeout(5):
            while not check():  # noqa: ASYNC110  # the gateway tells no event
                await asyncio.sleep(0.002)


async def next_ack(socket: ClientWebSocketResponse[bool]) -> tuple[int, int]:
    """Frames and pings of the next acknowledgement."""
    message = await socket.receive(timeout=5)
    assert message.type is WSMsgType.BINARY, message
    _kind, _version, _reserved, frames, pings = ACK.unpack(message.data)
    return frames, pings


@asynccontextmanager
async def gateway_scene(**changes: object) -> AsyncIterator[Scene]:
    """Run a gateway; `changes` go into its settings."""
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]  # fields by name
    clock = SystemClock()
    log = FakeLog(clock)
    async with asyncio.TaskGroup() as tasks:
        service = Service(
            name="gateway",
            settings=settings,
            clock=clock,
            log=log,
            metrics=Registry(GATEWAY_METRICS),
            tasks=tasks,
            stopping=asyncio.Event(),
        )
        gateway = await make_gateway(service, settings)
        lag = service.metrics.gauge("lag_ride.events")
        loops = [
            tasks.create_task(gateway.tick_forever()),
            tasks.create_task(gateway.each_second_forever()),
            tasks.create_task(follow_rides(log, gateway.view, gateway.sockets, clock, lag)),
        ]
        application = make_gateway_application(gateway.endpoints, version="test")
        try:
            async with TestClient(TestServer(application)) as client:
                yield Scene(log=log, gateway=gateway, client=client, clock=clock)
        finally:
            await gateway.endpoints.eta.close()
            for loop in loops:
                loop.cancel()

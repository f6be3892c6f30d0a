"""Ops over HTTP and its live socket, fed by a log in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import msgspec
import numpy as np
import pytest

from groundwork.metrics import Registry
from groundwork.real.clocks import SystemClock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.ids import DriverId, driver_key
from rideflow.contracts.metrics import OPS_METRICS
from rideflow.contracts.operations import DriverReply, DriversReply, RidesReply, RideStory, Summary
from rideflow.contracts.pings import PING
from rideflow.contracts.push import PushKind
from rideflow.contracts.replies import ErrorReply
from rideflow.contracts.rides import RideState
from rideflow.contracts.tokens import Claims, Role
from rideflow.contracts.topics import DRIVER_PINGS, DRIVER_POSITIONS, RIDE_EVENTS, SERVICE_VITALS
from rideflow.contracts.vitals import Vitals
from rideflow.ops.city_books import CityBooks
from rideflow.ops.endpoints import Endpoints
from rideflow.ops.guard import Guard
from rideflow.ops.live import Board, LiveServer
from rideflow.ops.log_readers import (
    audit_pings,
    read_positions,
    read_rides,
    read_vitals,
    watch_topics,
)
from rideflow.ops.main import refresh_board
from rideflow.running import serve_http
from rideflow.running.tokens import TokenKey
from rideflow.running.web import make_application
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.watching import position_value, ride_fact, unpack

pytestmark = pytest.mark.integration


@dataclass(slots=True, kw_only=True)
class Ops:
    """A running ops, its log and a client."""

    url: str
    log: FakeLog
    clock: SystemClock
    key: TokenKey
    board: Board
    http: aiohttp.ClientSession

    def token(self, role: Role = Role.OPERATOR) -> str:
        return self.key.sign(Claims(sub="op", role=role, exp=self.clock.now_ms() // 1000 + 60))

    async def get(self, path: str, *, role: Role | None = Role.OPERATOR) -> tuple[int, bytes]:
        headers = {} if role is None else {"Authorization": f"Bearer {self.token(role)}"}
        async with self.http.get(self.url + path, headers=headers) as reply:
            return reply.status, await reply.read()

    def ping(self, driver: int, sequence: int) -> None:
        row = np.zeros(1, PING)
        row["driver"], row["sequence"], row["fix_ms"] = driver, sequence, self.clock.now_ms()
        self.log.put(DRIVER_PINGS.name, driver_key(DriverId(driver)), row.tobytes())

    def drive(self, *drivers: int) -> None:
        value = position_value(drivers, self.clock.now_ms())
        self.log.put(DRIVER_POSITIONS.name, b"861f25907ffffff", value)


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    clock = SystemClock()
    log, metrics = FakeLog(clock), Registry(OPS_METRICS)
    key = TokenKey("s" * 32, clock)
    guard = Guard(key)
    books = CityBooks(clock)
    board = Board(books, clock)
    application = make_application()
    Endpoints(books, board, guard, clock).add_to(application)
    live = LiveServer(board, guard, clock, metrics)
    application.router.add_get("/v1/ops/live", live.watch)
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as http:
        running = [
            tasks.create_task(reader)
            for reader in (
                audit_pings(log, books, clock, metrics),
                read_positions(log, books, clock, metrics),
                read_rides(log, books, clock, metrics),
                read_vitals(log, books, metrics),
                watch_topics(log, books, clock),
                refresh_board(board, clock),
            )
        ]
        runner = await serve_http(application, service="ops", host="127.0.0.1", port=0)
        host, port = runner.addresses[0][:2]
        url = f"http://{host}:{port}"
        yield Ops(url=url, log=log, clock=clock, key=key, board=board, http=http)
        await runner.cleanup()
        for task in running:
            task.cancel()


async def test_the_summary_is_open_and_tells_what_the_log_holds(ops: Ops) -> None:
    for sequence in (1, 2, 4, 4):
        ops.ping(7, sequence)
    ops.drive(7)
    await eventually(lambda: ops.board.summary.audit.pings_checked == 4)
    await eventually(lambda: ops.board.summary.drivers_seen == 1)
    # The ends of the log are asked for by a reader of its own, in its own time.
    await eventually(lambda: ops.board.summary.pings_in_log == 4)
    status, body = await ops.get("/v1/summary", role=None)
    summary = msgspec.json.decode(body, type=Summary)
    assert status == 200
    assert (summary.pings_in_log, summary.audit.missing, summary.audit.repeated) == (4, 1, 1)
    assert next(t for t in summary.topics if t.topic == "driver.pings").partitions == 12


async def test_a_driver_and_a_ride_are_told_to_operators(ops: Ops) -> None:
    ops.drive(7, 71)
    fact = ride_fact(1, RideState.REQUESTED, at_ms=ops.clock.now_ms())
    ops.log.put(RIDE_EVENTS.name, b"r1", msgspec.json.encode(fact))
    await eventually(lambda: ops.board.summary.rides.requested == 1)
    await eventually(lambda: ops.board.summary.drivers_seen == 2)
    driver = msgspec.json.decode((await ops.get("/v1/drivers/7"))[1], type=DriverReply)
    found = msgspec.json.decode((await ops.get("/v1/drivers?search=7"))[1], type=DriversReply)
    rides = msgspec.json.decode((await ops.get("/v1/rides?state=requested"))[1], type=RidesReply)
    story = msgspec.json.decode((await ops.get("/v1/rides/r1"))[1], type=RideStory)
    assert (driver.driver, driver.state, len(driver.trail)) == (7, "open", 1)
    assert found.drivers == [7, 71]
    assert rides.rides == story.facts == [fact]


@pytest.mark.parametrize(
    ("path", "role", "status", "code"),
    [
        ("/v1/rides", None, 401, "unauthorized"),
        ("/v1/drivers/7", Role.RIDER, 401, "unauthorized"),
        ("/v1/rides?state=lost", Role.OPERATOR, 400, "bad_state"),
        ("/v1/rides?limit=0", Role.OPERATOR, 400, "bad_limit"),
        ("/v1/drivers?search=x", Role.OPERATOR, 400, "bad_search"),
        ("/v1/drivers/12", Role.OPERATOR, 404, "unknown_driver"),
        ("/v1/drivers/x", Role.OPERATOR, 404, "unknown_driver"),
        ("/v1/rides/r9", Role.OPERATOR, 404, "unknown_ride"),
        ("/v1/nothing", Role.OPERATOR, 404, "not_found"),
    ],
)
async def test_what_is_wrong_is_said_in_one_shape(
    ops: Ops, path: str, role: Role | None, status: int, code: str
) -> None:
    got, body = await ops.get(path, role=role)
    assert (got, msgspec.json.decode(body, type=ErrorReply).code) == (status, code)


async def test_prometheus_reads_all_processes(ops: Ops) -> None:
    vitals = Vitals(
        service="gateway",
        instance=0,
        pid=1,
        at_ms=ops.clock.now_ms(),
        started_ms=0,
        cpu_s=1.5,
        rss_mb=50.0,
        counters={"gateway_pings_total": 12.0},
    )
    await eventually(lambda: bool(ops.board.summary.topics))
    ops.log.put(SERVICE_VITALS.name, b"gateway/0", msgspec.json.encode(vitals))
    await eventually(lambda: bool(ops.board.summary.processes))
    status, body = await ops.get("/metrics", role=None)
    assert status == 200
    assert b'hailstream_gateway_pings_total{service="gateway",instance="0"} 12\n' in body


async def test_the_live_page_begins_with_all_drivers_and_goes_on_with_changes(ops: Ops) -> None:
    ops.drive(1, 2, 3)
    await eventually(lambda: ops.board.summary.drivers_seen == 3)
    async with ops.http.ws_connect(ops.url + "/v1/ops/live") as ws, asyncio.timeout(10):
        await ws.send_json({"type": "hello", "token": ops.token()})
        summary = msgspec.json.decode(await ws.receive_str(), type=Summary)
        first = unpack(await ws.receive_bytes())
        ops.drive(2)
        second = None
        while second is None:
            message = await ws.receive()
            second = unpack(message.data) if message.type is aiohttp.WSMsgType.BINARY else None
    assert summary.drivers_seen == 3
    assert (first.kind, len(first.cars)) == (PushKind.CITY, 3)
    assert second.cars["car"].tolist() == [2]


@pytest.mark.parametrize("role", [Role.RIDER, None], ids=["a rider", "nobody"])
async def test_the_live_page_is_for_operators(ops: Ops, role: Role | None) -> None:
    async with ops.http.ws_connect(ops.url + "/v1/ops/live") as ws, asyncio.timeout(10):
        await ws.send_json({"type": "hello", "token": ops.token(role) if role else "x"})
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == CloseCode.BAD_TOKEN

"""Fan-out over a real socket, read by another WebSocket implementation, fed by a log in memory."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from groundwork.metrics import Registry
from groundwork.real.clocks import SystemClock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.metrics import FANOUT_METRICS
from rideflow.contracts.push import PushKind, RidePush, WatchDown, WatchError, WatchWelcome
from rideflow.contracts.rides import EtaKind, RideEta, RideState
from rideflow.contracts.tokens import Claims, Role
from rideflow.contracts.topics import DRIVER_POSITIONS, RIDE_ETAS, RIDE_EVENTS
from rideflow.fanout.log_readers import read_positions, read_rides
from rideflow.fanout.main import run_slices
from rideflow.fanout.watch_room import WatchRoom
from rideflow.fanout.watch_server import WatchServer
from rideflow.running import serve_http
from rideflow.running.tokens import TokenKey
from rideflow.running.web import make_application
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.watching import (
    LAT,
    LON,
    Shown,
    position_frame,
    position_value,
    ride_fact,
    unpack,
)

pytestmark = pytest.mark.integration

AREA = {"type": "watch_area", "south": LAT - 0.01, "north": LAT + 0.01} | {
    "west": LON - 0.01,
    "east": LON + 0.01,
}


@dataclass(slots=True, kw_only=True)
class Fanout:
    """A running fan-out and its log."""

    url: str
    log: FakeLog
    clock: SystemClock
    key: TokenKey
    room: WatchRoom
    metrics: Registry

    def sent(self) -> int:
        """Matched places that were sent."""
        return int(self.metrics.histogram("age_rider_matched_ms").counts.sum())

    def token(self, *, sub: str = "7", role: Role = Role.RIDER) -> str:
        return self.key.sign(Claims(sub=sub, role=role, exp=self.clock.now_ms() // 1000 + 60))

    def is_following(self, driver: int) -> Callable[[], bool]:
        """Drive until a place of the driver was sent to its rider."""

        def followed() -> bool:
            self.drive(driver)
            return self.sent() > 0

        return followed

    def drive(self, *drivers: int) -> None:
        """Put a frame of these drivers into the log."""
        value = position_value(drivers, self.clock.now_ms())
        self.log.put(DRIVER_POSITIONS.name, b"861f25907ffffff", value)


@pytest.fixture
async def fanout() -> AsyncIterator[Fanout]:
    clock = SystemClock()
    log, metrics = FakeLog(clock), Registry(FANOUT_METRICS)
    key = TokenKey("s" * 32, clock)
    room = WatchRoom(clock, metrics, key=b"k" * 32, epoch="e1", slices_per_second=25)
    server = WatchServer(room, key, clock, metrics, sessions_max=3)
    application = make_application()
    application.router.add_get("/v1/watch", server.watch)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(read_positions(log, room, clock, metrics)),
            tasks.create_task(read_rides(log, room, clock, metrics)),
            tasks.create_task(run_slices(room, clock, 25)),
        ]
        runner = await serve_http(application, service="fanout", host="127.0.0.1", port=0)
        host, port = runner.addresses[0][:2]
        url = f"ws://{host}:{port}/v1/watch"
        yield Fanout(url=url, log=log, clock=clock, key=key, room=room, metrics=metrics)
        room.close()
        await runner.cleanup()
        for task in running:
            task.cancel()


async def _say(ws: ClientConnection, message: dict[str, object]) -> None:
    await ws.send(msgspec.json.encode(message).decode())


async def _hear(ws: ClientConnection) -> WatchDown | Shown:
    async with asyncio.timeout(10):
        message = await ws.recv()
    if isinstance(message, str):
        told: WatchDown = msgspec.json.decode(message, type=WatchDown)
        return told
    return unpack(message)


async def _entered(ws: ClientConnection, token: str) -> None:
    await _say(ws, {"type": "hello", "token": token})
    assert isinstance(await _hear(ws), WatchWelcome)


async def test_a_watcher_sees_its_area_move(fanout: Fanout) -> None:
    fanout.drive(1, 2, 3)
    async with connect(fanout.url) as ws:
        await _entered(ws, fanout.token())
        await _say(ws, AREA)
        snapshot = await _hear(ws)
        fanout.drive(2)
        delta = await _hear(ws)
    assert isinstance(snapshot, Shown)
    assert isinstance(delta, Shown)
    assert (snapshot.kind, len(snapshot.cars)) == (PushKind.SNAPSHOT, 3)
    assert (delta.kind, len(delta.cars)) == (PushKind.DELTA, 1)


async def test_a_rider_hears_of_its_ride_and_sees_its_driver(fanout: Fanout) -> None:
    async with connect(fanout.url) as ws:
        await _entered(ws, fanout.token())
        await _say(ws, {"type": "watch_ride", "ride": "r1"})
        fact = ride_fact(1, RideState.EN_ROUTE, driver=5, at_ms=fanout.clock.now_ms())
        fanout.log.put(RIDE_EVENTS.name, b"r1", msgspec.json.encode(fact))
        push = await _hear(ws)
        fanout.drive(5)
        shown = await _hear(ws)
    assert isinstance(push, RidePush)
    assert push.fact == fact
    assert isinstance(shown, Shown)
    assert shown.kind is PushKind.MATCHED


async def test_records_that_cannot_be_read_disturb_nobody(fanout: Fanout) -> None:
    async with connect(fanout.url) as ws:
        await _entered(ws, fanout.token())
        fanout.log.put(DRIVER_POSITIONS.name, b"x", b"no frame")
        fanout.log.put(RIDE_EVENTS.name, b"r1", b"no fact")
        fanout.log.put(RIDE_EVENTS.name, b"r1", None)
        eta = RideEta(
            ride="r1",  # type: ignore[arg-type]  # a NewType of str
            kind=EtaKind.PICKUP,
            driver=5,
            at_ms=0,
            predicted_s=1.0,
            p90_s=2.0,
            model="m",
        )
        fanout.log.put(RIDE_ETAS.name, b"r1", msgspec.json.encode(eta))
        await _say(ws, {"type": "watch_ride", "ride": "r1"})
        fact = ride_fact(1, RideState.REQUESTED, at_ms=fanout.clock.now_ms())
        fanout.log.put(RIDE_EVENTS.name, b"r1", msgspec.json.encode(fact))
        assert isinstance(await _hear(ws), RidePush)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type":"hello","token":"x.y.z"}', CloseCode.BAD_TOKEN),
        ('{"type":"unwatch_area"}', CloseCode.PROTOCOL),
        ("not JSON", CloseCode.PROTOCOL),
        (b"\x00", CloseCode.PROTOCOL),
    ],
    ids=["bad token", "no hello", "no JSON", "binary"],
)
async def test_who_does_not_say_hello_is_sent_away_with_a_code(
    fanout: Fanout, first: str | bytes, code: int
) -> None:
    async with connect(fanout.url) as ws:
        await ws.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            await _hear(ws)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


async def test_a_wrong_message_is_named_and_the_socket_goes_on(fanout: Fanout) -> None:
    async with connect(fanout.url) as ws:
        await _entered(ws, fanout.token())
        await _say(ws, {"type": "watch_area", "south": "here"})
        error = await _hear(ws)
        assert isinstance(error, WatchError)
        assert "$.south" in error.message
        await _say(ws, AREA)
        assert isinstance(await _hear(ws), Shown)


async def test_binary_messages_end_the_session(fanout: Fanout) -> None:
    async with connect(fanout.url) as ws:
        await _entered(ws, fanout.token())
        await ws.send(b"\x00")
        with pytest.raises(ConnectionClosed) as closed:
            await _hear(ws)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.PROTOCOL


async def test_one_watcher_too_many_is_refused_and_leaving_makes_room(fanout: Fanout) -> None:
    headers = {"Authorization": f"Bearer {fanout.token()}"}
    sockets = [await connect(fanout.url, additional_headers=headers) for _ in range(3)]
    for ws in sockets:
        assert isinstance(await _hear(ws), WatchWelcome)
    with pytest.raises(Exception, match="503"):
        await connect(fanout.url)
    for ws in sockets:
        await ws.close()
    await eventually(lambda: len(fanout.room) == 0)


async def test_a_client_that_reads_nothing_soon_gets_no_places_but_keeps_its_news(
    fanout: Fanout,
) -> None:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.connect(("127.0.0.1", int(fanout.url.removesuffix("/v1/watch").rpartition(":")[2])))
    with sock:
        sock.sendall(_handshake(fanout.token()) + _masked(b'{"type":"watch_ride","ride":"r1"}'))
        await eventually(lambda: len(fanout.room) == 1)
        fact = ride_fact(1, RideState.EN_ROUTE, driver=5, at_ms=fanout.clock.now_ms())
        fanout.log.put(RIDE_EVENTS.name, b"r1", msgspec.json.encode(fact))
        await eventually(fanout.is_following(5))
        for _ in range(5_000):
            fanout.room.take_positions([position_frame([5], fanout.clock.now_ms())])
        assert fanout.metrics.counter("fanout_skipped_total").value > 1_000


def _handshake(token: str) -> bytes:
    return (
        "GET /v1/watch HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def _masked(payload: bytes) -> bytes:
    """A text frame as clients send it; the mask is zero."""
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload

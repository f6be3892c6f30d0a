"""A fleet's socket against a server of another make: refusals, cuts, fragments."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from citysim.drive.fleet_socket import FleetAddress, FleetRefused, FleetSocket
from citysim.drive.window import SendWindow
from groundwork.real.clocks import SystemClock
from rideflow.contracts.driver_socket import ACK, ACK_KIND, CloseCode, Downward, Hello, Welcome
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration

WELCOME = msgspec.json.encode(Welcome(drivers=5, server_ms=1)).decode()
Play = Callable[[ServerConnection], Awaitable[None]]


class Listener:
    def __init__(self) -> None:
        self.acknowledged: list[bytes] = []
        self.heard: list[Downward] = []

    def on_acknowledged(self, frames: list[tuple[bytes, int]]) -> None:
        self.acknowledged += [payload for payload, _ in frames]

    def on_message(self, message: Downward) -> None:
        self.heard.append(message)


async def against(
    play: Play, until: Callable[[FleetSocket, Listener], bool], frames: int = 0
) -> tuple[FleetSocket, Listener]:
    """Run a fleet's socket against a server that plays, until something holds."""
    async with serve(play, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        address = FleetAddress(
            gateway_url=f"http://127.0.0.1:{port}", fleet="f", token="t", drivers=[(1, 5)]
        )
        listener = Listener()
        socket = FleetSocket(address, SendWindow(), listener, random.Random(1))
        for number in range(frames):
            socket.send(bytes([number]) * 40, 0)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(socket.run(SystemClock()))
            await eventually(lambda: running.done() or until(socket, listener))
            running.cancel()
    return socket, listener


async def greet(peer: ServerConnection) -> Hello:
    hello = msgspec.json.decode(await peer.recv(), type=Hello)
    await peer.send(WELCOME)
    return hello


def ack(frames: int) -> bytes:
    return ACK.pack(ACK_KIND, 1, 0, frames, frames)


async def test_hello_comes_first_and_frames_follow_the_welcome() -> None:
    heard: list[object] = []

    async def play(peer: ServerConnection) -> None:
        heard.append(await greet(peer))
        heard.extend([await peer.recv(), await peer.recv()])
        await peer.send(ack(2))
        await peer.wait_closed()

    _, listener = await against(play, lambda _, told: len(told.acknowledged) == 2, frames=2)
    assert heard == [Hello(token="t", drivers=[(1, 5)]), b"\0" * 40, b"\1" * 40]
    assert listener.acknowledged == [b"\0" * 40, b"\1" * 40]


async def test_a_message_in_fragments_is_put_together() -> None:
    async def play(peer: ServerConnection) -> None:
        await peer.recv()
        await peer.send([WELCOME[:5], WELCOME[5:9], WELCOME[9:]])
        await peer.wait_closed()

    _, listener = await against(play, lambda _, told: bool(told.heard))
    assert listener.heard == [Welcome(drivers=5, server_ms=1)]


async def test_after_going_away_the_rest_is_sent_on_a_new_socket() -> None:
    sockets = 0

    async def play(peer: ServerConnection) -> None:
        nonlocal sockets
        sockets += 1
        await greet(peer)
        if sockets == 1:
            await peer.recv()
            await peer.send(ack(1))
            await peer.close(CloseCode.GOING_AWAY, "restart")
            return
        frames = [await peer.recv(), await peer.recv()]
        assert frames == [b"\1" * 40, b"\2" * 40]
        await peer.send(ack(2))
        await peer.wait_closed()

    socket, listener = await against(play, lambda _, told: len(told.acknowledged) == 3, frames=3)
    assert socket.opened_total == 2
    assert [payload[0] for payload in listener.acknowledged] == [0, 1, 2]


@pytest.mark.parametrize("code", [CloseCode.BAD_TOKEN, CloseCode.FORBIDDEN, CloseCode.PROTOCOL])
async def test_a_final_close_code_ends_the_fleet(code: int) -> None:
    async def play(peer: ServerConnection) -> None:
        await peer.recv()
        await peer.close(code, "not you")

    with pytest.RaisesGroup(pytest.RaisesExc(FleetRefused, match=f"{code} not you")):
        await against(play, lambda socket, _: False)


async def test_a_refused_handshake_ends_the_fleet_and_says_why() -> None:
    def refuse(peer: ServerConnection, request: Request) -> Response:
        return peer.respond(403, "no fleets here")

    async def play(peer: ServerConnection) -> None:
        raise AssertionError("nobody gets in")

    async with serve(play, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        address = FleetAddress(
            gateway_url=f"http://127.0.0.1:{port}", fleet="f", token="", drivers=[]
        )
        socket = FleetSocket(address, SendWindow(), Listener(), random.Random(1))
        with pytest.raises(FleetRefused, match="403 Forbidden: no fleets here"):
            await socket.run(SystemClock())


@pytest.mark.parametrize("said", [ack(9), "not json", '{"type": "unheard of"}'])
async def test_what_is_not_understood_closes_the_socket_and_a_new_one_is_opened(
    said: bytes | str,
) -> None:
    codes: list[int | None] = []

    async def play(peer: ServerConnection) -> None:
        await greet(peer)
        await peer.send(said)
        with suppress(ConnectionClosed):
            await peer.recv()
        codes.append(peer.close_code)

    await against(play, lambda socket, _: socket.opened_total >= 2 and len(codes) >= 1)
    assert codes[0] == 1002

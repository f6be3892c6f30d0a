"""One socket of a partner fleet to the gateway: keeps it open, sends frames, reads what comes."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

import msgspec

from citysim.drive.frames import (
    FrameBad,
    FrameReader,
    HandshakeRefused,
    Message,
    Opcode,
    client_frame,
    handshake_request,
    handshake_rest,
)
from citysim.drive.window import AckBad, SendWindow
from groundwork.backoff import Backoff
from groundwork.seams import Clock, Rng
from rideflow.contracts.driver_socket import (
    ACK,
    ACK_KIND,
    CloseCode,
    Downward,
    Hello,
    SocketError,
    Upward,
    Welcome,
)

journal = logging.getLogger("hailstream.simulate")

# Without an acknowledgement for so long, with frames sent, the socket is taken for dead.
SILENCE_MS_MAX = 10_000
_CONNECT_S = 5.0
_FINAL_CODES = range(4100, 4200)


class FleetRefused(Exception):
    """The gateway said that trying again is of no use."""


class SocketClosed(ConnectionError):
    """The gateway, or the network, ended the socket; 1006 is an end without a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"socket closed: {code} {reason}".strip())
        self.code = code


class FleetListener(Protocol):
    """Who wants to know what a fleet socket hears."""

    def on_acknowledged(self, frames: list[tuple[bytes, int]]) -> None:
        """These frames (payload, when made) are in the log, or were refused by name."""
        ...

    def on_message(self, message: Downward) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAddress:
    """Where a socket goes, and what it says first."""

    gateway_url: str
    fleet: str
    token: str
    drivers: list[tuple[int, int]]

    @property
    def host(self) -> str:
        return urlsplit(self.gateway_url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        return urlsplit(self.gateway_url).port or 80

    @property
    def path(self) -> str:
        return f"/v1/fleets/{self.fleet}/stream"


class FleetSocket:
    """Reconnects until cancelled; frames given to `send` are never dropped, only held."""

    def __init__(
        self, address: FleetAddress, window: SendWindow, listener: FleetListener, rng: Rng
    ) -> None:
        self._address = address
        self.window = window
        self._listener = listener
        self._rng = rng
        self._connection: _Connection | None = None
        self.opened_total = 0

    def send(self, payload: bytes, made_ms: int) -> None:
        """Hand over a frame of pings; it leaves at the next `flush`."""
        self.window.add(payload, made_ms)

    def flush(self) -> None:
        """Write what is held and not yet sent, if the socket is open and takes it."""
        if self._connection is not None:
            self._connection.write_frames(self.window)

    def say(self, message: Upward) -> None:
        """Send a message now; it is lost while the socket is closed."""
        if self._connection is not None:
            self._connection.write_text(msgspec.json.encode(message))

    async def run(self, clock: Clock) -> None:
        """Keep the socket open. Raises `FleetRefused` where the gateway says it never will be."""
        backoff = Backoff(self._rng)
        while True:
            try:
                await self._live_once(clock)
                backoff.reset()
            except (OSError, TimeoutError, HandshakeRefused) as error:
                self._refuse_if_final(error)
                if self.opened_total == 0:
                    journal.warning("fleet %s: no socket yet: %r", self._address.fleet, error)
            await clock.sleep_until(clock.monotonic_ms() + backoff.next_delay_ms())

    async def _live_once(self, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        connection = _Connection(self._address, self._on_message, self._rng)
        async with asyncio.timeout(_CONNECT_S):
            await loop.create_connection(lambda: connection, self._address.host, self._address.port)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await connection.opened
                hello = Hello(token=self._address.token, drivers=self._address.drivers)
                connection.write_text(msgspec.json.encode(hello))
                await connection.welcomed
            self.window.on_opened()
            self._connection = connection
            self.opened_total += 1
            self.flush()
            await self._until_closed(connection, clock)
        finally:
            self._connection = None
            connection.abort()

    async def _until_closed(self, connection: "_Connection", clock: Clock) -> None:
        heard = connection.heard_total
        while not connection.closed.done():
            await asyncio.wait({connection.closed}, timeout=SILENCE_MS_MAX / 1000)
            if self.window.is_waiting and connection.heard_total == heard:
                journal.warning("fleet %s: silent, connecting anew", self._address.fleet)
                return
            heard = connection.heard_total
        raise connection.closed.result()

    def _refuse_if_final(self, error: Exception) -> None:
        refused = isinstance(error, HandshakeRefused) and error.status in (401, 403, 404)
        if isinstance(error, SocketClosed):
            journal.info("fleet %s: %s", self._address.fleet, error)
            refused = error.code in _FINAL_CODES and error.code != CloseCode.FENCED
        if refused:
            raise FleetRefused(f"the gateway wants no fleet {self._address.fleet}: {error}")

    def _on_message(self, message: Message) -> None:
        if message.opcode is Opcode.TEXT:
            self._on_text(message.payload)
        elif message.opcode is Opcode.BINARY and message.payload[:1] == bytes((ACK_KIND,)):
            _, _, _, frames, _ = ACK.unpack(message.payload)
            self._listener.on_acknowledged(self.window.on_acknowledged(frames))
            self.flush()

    def _on_text(self, payload: bytes) -> None:
        said = msgspec.json.decode(payload, type=Downward)
        if isinstance(said, SocketError):
            journal.warning("gateway to %s: %s", self._address.fleet, said.message)
        self._listener.on_message(said)


class _Connection(asyncio.Protocol):
    """One TCP connection: handshake, then frames both ways."""

    def __init__(
        self, address: FleetAddress, on_message: Callable[[Message], None], rng: Rng
    ) -> None:
        loop = asyncio.get_running_loop()
        self._address, self._on_message, self._rng = address, on_message, rng
        self._key = rng.randbytes(16)
        self._head: bytes | None = b""
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._is_writable = True
        self._end = SocketClosed(1006, "")
        self.heard_total = 0
        self.opened: asyncio.Future[None] = loop.create_future()
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[SocketClosed] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do all that asyncio.Transport says, without being one.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            handshake_request(
                host=f"{self._address.host}:{self._address.port}",
                path=self._address.path,
                key=self._key,
            )
        )

    def data_received(self, data: bytes) -> None:
        self.heard_total += 1
        try:
            self._receive(data)
        except (FrameBad, HandshakeRefused, AckBad, msgspec.MsgspecError) as error:
            self._fail(error)

    def _receive(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            rest = handshake_rest(self._head, key=self._key)
            if rest is None:
                return
            self._head, data = None, rest
            self.opened.set_result(None)
        for message in self._reader.feed(data):
            self._on_frame(message)

    def _on_frame(self, message: Message) -> None:
        if message.opcode is Opcode.PING:
            self._write(client_frame(Opcode.PONG, message.payload, self._rng.randbytes(4)))
        elif message.opcode is Opcode.CLOSE:
            code = int.from_bytes(message.payload[:2], "big") or 1005
            self._end = SocketClosed(code, message.payload[2:].decode("utf-8", "replace"))
            self._write(client_frame(Opcode.CLOSE, message.payload[:2], self._rng.randbytes(4)))
            self.abort()
        elif message.opcode is not Opcode.PONG:
            self._on_message(message)
            if not self.welcomed.done() and message.payload.startswith(_WELCOME):
                self.welcomed.set_result(None)

    def write_frames(self, window: SendWindow) -> None:
        if self._is_writable:
            mask = self._rng.randbytes(4)
            frames = [client_frame(Opcode.BINARY, frame, mask) for frame in window.take_unsent()]
            self._write(b"".join(frames))

    def write_text(self, payload: bytes) -> None:
        self._write(client_frame(Opcode.TEXT, payload, self._rng.randbytes(4)))

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self.opened, self.welcomed):
            if not waiting.done():
                waiting.set_exception(self._end)
                waiting.exception()  # told to whoever waits; nobody has to
        self.closed.set_result(self._end)

    def abort(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        self._end = SocketClosed(1002, str(error))
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()
        self.abort()

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


_WELCOME = msgspec.json.encode(Welcome(drivers=0, server_ms=0))[: len(b'{"type":"welcome"')]

"""One socket of a partner fleet to the gateway: keeps it open, sends frames, reads what comes."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from citysim.drive.connection import Connection, HandshakeRefused, SocketClosed
from citysim.drive.window import SendWindow
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
)

journal = logging.getLogger("hailstream.simulate")

# Without an acknowledgement for so long, with frames sent, the socket is taken for dead.
SILENCE_MS_MAX = 10_000
_CONNECT_S = 5.0
_FINAL_CODES = range(4100, 4200)


class FleetRefused(Exception):
    """The gateway said that trying again is of no use."""


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
    def url(self) -> str:
        return f"ws://{self.host}:{self.port}/v1/fleets/{self.fleet}/stream"


class FleetSocket:
    """Reconnects until cancelled; frames given to `send` are never dropped, only held."""

    def __init__(
        self, address: FleetAddress, window: SendWindow, listener: FleetListener, rng: Rng
    ) -> None:
        self._address = address
        self.window = window
        self._listener = listener
        self._backoff = Backoff(rng)
        self._connection: Connection | None = None
        self._has_said = False
        self.opened_total = 0

    def send(self, payload: bytes, made_ms: int) -> None:
        """Hand over a frame of pings; it leaves at the next `flush`."""
        self.window.add(payload, made_ms)

    def flush(self) -> None:
        """Write what is held and not yet sent, if the socket is open and takes it."""
        if self._connection is not None and self._connection.is_writable:
            self._connection.write_binary(self.window.take_unsent())

    def say(self, message: Upward) -> None:
        """Send a message now; it is lost while the socket is closed."""
        if self._connection is not None:
            self._connection.write_text(msgspec.json.encode(message))

    async def run(self, clock: Clock) -> None:
        """Keep the socket open. Raises `FleetRefused` where the gateway says it never will be."""
        while True:
            try:
                await self._live_once(clock)
            except (OSError, TimeoutError, HandshakeRefused) as error:
                self._refuse_if_final(error)
                self._say_once(error)
            await clock.sleep_until(clock.monotonic_ms() + self._backoff.next_delay_ms())

    async def _live_once(self, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        connection = Connection(self._address.url, on_binary=self._on_binary, on_text=self._on_text)
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
            self._backoff.reset()
            self._has_said = False
            self.flush()
            await self._until_closed(connection, clock)
        finally:
            self._connection = None
            connection.abort()

    async def _until_closed(self, connection: Connection, clock: Clock) -> None:
        heard = connection.heard_total
        while not connection.closed.done():
            await asyncio.wait({connection.closed}, timeout=SILENCE_MS_MAX / 1000)
            if self.window.is_waiting and connection.heard_total == heard:
                journal.warning("fleet %s: silent, connecting anew", self._address.fleet)
                return
            heard = connection.heard_total
        raise connection.closed.result()

    def _say_once(self, error: Exception) -> None:
        """Journal the first failure since a socket was open; the ones that follow say no more."""
        if not self._has_said:
            journal.warning("fleet %s: no socket, trying again: %r", self._address.fleet, error)
            self._has_said = True

    def _refuse_if_final(self, error: Exception) -> None:
        refused = isinstance(error, HandshakeRefused) and error.status in (401, 403, 404)
        if isinstance(error, SocketClosed):
            refused = error.code in _FINAL_CODES and error.code != CloseCode.FENCED
        if refused:
            raise FleetRefused(f"the gateway wants no fleet {self._address.fleet}: {error}")

    def _on_binary(self, payload: bytes) -> None:
        if payload[:1] == _ACK_START:
            _, _, _, frames, _ = ACK.unpack(payload)
            self._listener.on_acknowledged(self.window.on_acknowledged(frames))
            self.flush()

    def _on_text(self, said: Downward) -> None:
        if isinstance(said, SocketError):
            journal.warning("gateway to %s: %s", self._address.fleet, said.message)
        self._listener.on_message(said)


_ACK_START = bytes((ACK_KIND,))

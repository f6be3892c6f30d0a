"""One TCP connection that speaks WebSocket to the gateway: handshake, then messages both ways.

The protocol is that of `websockets`, without its I/O: building and masking a frame of fifty
pings costs it 3 microseconds, half of what numpy would.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING, OPEN
from websockets.uri import parse_uri

from citysim.drive.window import AckBad
from rideflow.contracts.driver_socket import Downward, Welcome

MESSAGE_BYTES_MAX = 1 << 20


class HandshakeRefused(Exception):
    """The server did not agree to speak WebSocket. `status`: of its answer, 0 without one."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class SocketClosed(ConnectionError):
    """The gateway, or the network, ended the socket; 1006 is an end without a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"socket closed: {code} {reason}".strip())
        self.code = code


class Connection(asyncio.Protocol):
    """Tells by futures when it is `opened`, has been `welcomed` and is `closed`."""

    def __init__(
        self,
        url: str,
        *,
        on_binary: Callable[[bytes], None],
        on_text: Callable[[Downward], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._on_binary, self._on_text = on_binary, on_text
        self._protocol = ClientProtocol(parse_uri(url), max_size=MESSAGE_BYTES_MAX)
        self._parts: list[bytes] = []
        self._is_text = False
        self._transport: asyncio.Transport | None = None
        self._failure: Exception | None = None
        self.is_writable = True
        self.heard_total = 0
        self.opened: asyncio.Future[None] = loop.create_future()
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[SocketClosed] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do all that asyncio.Transport says, without being one.
        self._transport = cast(asyncio.Transport, transport)
        self._protocol.send_request(self._protocol.connect())
        self._write()

    def data_received(self, data: bytes) -> None:
        self.heard_total += 1
        self._protocol.receive_data(data)
        try:
            self._take_events()
        except (AckBad, msgspec.MsgspecError) as error:
            self._failure = SocketClosed(1002, str(error))
            self._protocol.fail(1002, "not understood")
        self._write()

    def eof_received(self) -> None:
        self._protocol.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        end = SocketClosed(self._protocol.close_code or 1006, self._protocol.close_reason or "")
        for waiting in (self.opened, self.welcomed):
            if not waiting.done():
                waiting.set_exception(self._failure or end)
                waiting.exception()  # told to whoever waits; nobody has to
        self.closed.set_result(end)

    def pause_writing(self) -> None:
        self.is_writable = False

    def resume_writing(self) -> None:
        self.is_writable = True

    def write_binary(self, payloads: Iterable[bytes]) -> None:
        if self._protocol.state is OPEN:
            for payload in payloads:
                self._protocol.send_binary(payload)
            self._write()

    def write_text(self, payload: bytes) -> None:
        if self._protocol.state is OPEN:
            self._protocol.send_text(payload)
            self._write()

    def abort(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
        if self._protocol.handshake_exc is not None:
            self._failure = _refusal(self._protocol.handshake_exc)
        elif self._protocol.state is not CONNECTING and not self.opened.done():
            self.opened.set_result(None)

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_text, self._parts = frame.opcode is Opcode.TEXT, []
        elif frame.opcode is not Opcode.CONT:
            return  # the protocol answers control frames
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        payload = b"".join(self._parts)
        if not self._is_text:
            self._on_binary(payload)
            return
        said = msgspec.json.decode(payload, type=Downward)
        self._on_text(said)
        if isinstance(said, Welcome) and not self.welcomed.done():
            self.welcomed.set_result(None)

    def _write(self) -> None:
        pieces = self._protocol.data_to_send()
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join(pieces))
        if b"" in pieces:  # the protocol has nothing more to say
            self._transport.close()


def _refusal(error: Exception) -> HandshakeRefused:
    if not isinstance(error, InvalidStatus):
        return HandshakeRefused(str(error))
    body = (error.response.body or b"")[:300].decode("utf-8", "replace")
    status = error.response.status_code
    return HandshakeRefused(f"{status} {error.response.reason_phrase}: {body}", status=status)

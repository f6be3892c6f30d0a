"""One socket, written to without waiting: whole WebSocket frames into its transport.

aiohttp keeps the handshake, reading, keepalive and closing. Frames go around its coroutine
because a slice writes to hundreds of sockets: one call each, frames shared, nobody awaited.
"""

import asyncio
import fcntl
import logging
import socket
import termios
from typing import Final, Protocol

from rideflow.running.websocket_frames import close_frame

journal = logging.getLogger("hailstream.fanout")

_TCP_NOTSENT_LOWAT: Final = 25  # Linux; Python 3.11's socket module does not name it
_NOTSENT_BYTES: Final = 16_384
_WRITE_BUFFER_BYTES: Final = 8_192


class Link(Protocol):
    """Where a push session's frames go. No method waits or raises."""

    def write(self, frame: bytes) -> None: ...
    def unsent_bytes(self) -> int:
        """What the client's machine has not acknowledged yet."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Say why and end, however much is still unsent."""
        ...

    def abort(self) -> None:
        """End at once."""
        ...


class TransportLink:
    """A link over an asyncio transport of a TCP socket."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # A stuck client must show soon: by default the kernel swallows 4 MB first, which is
        # over an hour of updates at 1 Hz.
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _NOTSENT_BYTES)
        self._fd = sock.fileno()

    def write(self, frame: bytes) -> None:
        if self._transport.is_closing():
            return
        try:
            self._transport.write(frame)
        except RuntimeError:  # uvloop raises where the handle closed since: the reader will see
            journal.debug("a socket closed while it was written to")

    def unsent_bytes(self) -> int:
        if self._transport.is_closing():
            return 0
        queued = fcntl.ioctl(self._fd, termios.TIOCOUTQ, b"\0\0\0\0")
        return int.from_bytes(queued, "little") + self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        self.write(close_frame(code, reason))
        if not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

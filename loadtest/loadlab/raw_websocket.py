"""A WebSocket client of plain blocking sockets, for gevent's greenlets.

A general client spends more on each frame than the gateway does; then the load test measures
itself. Here a frame's masking is prepared in a few operations and acknowledgements are read in
place. Only what the gateway's binary frames need (RFC 6455): no fragments, no extensions.
"""

import os
import socket
from urllib.parse import urlsplit

_TEXT, _BINARY = 0x1, 0x2
_FINAL = 0x80
_MASKED = 0x80


class HandshakeRefused(Exception):
    """The server did not upgrade; the message holds its answer."""


class SocketClosed(Exception):
    """The server closed; the message holds its code and reason."""


def client_frame(payload: bytes, *, opcode: int = _BINARY) -> bytes:
    """One masked frame."""
    mask, size = os.urandom(4), len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((_FINAL | opcode, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, _MASKED | 127)) + size.to_bytes(8, "big")
    pad = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")
    return head + mask + masked.to_bytes(size, "little")


def text_frame(text: str) -> bytes:
    return client_frame(text.encode(), opcode=_TEXT)


class RawWebSocket:
    """An open socket. `read_message` skips text; pings are answered."""

    def __init__(self, url: str, *, token: str) -> None:
        parts = urlsplit(url)
        address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._socket = socket.create_connection(address, timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = (
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._receive()
        status, _, _ = head.partition(b"\r\n")
        if b" 101 " not in status:
            self._socket.close()
            raise HandshakeRefused(head.decode("latin-1"))
        self._rest = head.split(b"\r\n\r\n", 1)[1]

    def send(self, frames: bytes) -> None:
        """Send frames that `client_frame` made."""
        self._socket.sendall(frames)

    def read_binary(self) -> bytes:
        """Return the next binary message. Raises `SocketClosed`, `TimeoutError`."""
        while True:
            first, size = self._take(2)
            if size == 126:
                size = int.from_bytes(self._take(2), "big")
            elif size == 127:
                size = int.from_bytes(self._take(8), "big")
            payload = self._take(size)
            match first & 0xF:
                case 0x2:
                    return payload
                case 0x8:
                    code = int.from_bytes(payload[:2], "big")
                    raise SocketClosed(f"{code} {payload[2:].decode('utf-8', 'replace')}")
                case 0x9:
                    self.send(client_frame(payload, opcode=0xA))

    def close(self) -> None:
        self._socket.close()

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._rest += self._receive()
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _receive(self) -> bytes:
        chunk = self._socket.recv(65536)
        if not chunk:
            raise SocketClosed("the connection ended without a goodbye")
        return chunk

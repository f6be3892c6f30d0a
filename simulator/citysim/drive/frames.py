"""The client's half of the WebSocket protocol (RFC 6455), without I/O.

The simulator sends hundreds of large binary frames a second and wants them to cost next to
nothing: a general client spends more on a frame than the city spends on moving fifty drivers.
Text and binary messages, fragmented or not, keepalive and close; no extensions.
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_FINAL = 0x80
_MASKED = 0x80
MESSAGE_BYTES_MAX = 1 << 20
HEAD_BYTES_MAX = 16_384


class Opcode(IntEnum):
    """What a frame is (section 5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class HandshakeRefused(Exception):
    """The server did not agree to speak WebSocket. `status`: of its answer, 0 without one."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class FrameBad(Exception):
    """The server sent something that is not a frame we understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A whole message; of CLOSE, PING and PONG the payload."""

    opcode: Opcode
    payload: bytes


def handshake_request(*, host: str, path: str, key: bytes) -> bytes:
    """Return the request that opens the socket. `key`: 16 random bytes."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def handshake_rest(received: bytes, *, key: bytes) -> bytes | None:
    """Return what follows the server's answer; None while it is not whole.

    Raises `HandshakeRefused` with the status line, and the body as far as it is there.
    """
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        if len(received) > HEAD_BYTES_MAX:
            raise HandshakeRefused("the answer's head does not end")
        return None
    status, *lines = head.decode("latin-1").split("\r\n")
    number = int("0" + status[9:12]) if status[9:12].isdecimal() else 0
    if number != 101:
        said = f"{status}: {rest[:300].decode('utf-8', 'replace')}".strip(": ")
        raise HandshakeRefused(said, status=number)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    wanted = base64.b64encode(hashlib.sha1(base64.b64encode(key) + _GUID).digest())  # noqa: S324  # section 1.3 says SHA-1
    if headers.get("sec-websocket-accept") != wanted.decode():
        raise HandshakeRefused("the answer is to another request")
    return rest


def client_frame(opcode: Opcode, payload: bytes, mask: bytes) -> bytes:
    """Return one final frame, masked with the four bytes of `mask` as clients must."""
    size = len(payload)
    first = _FINAL | opcode
    if size < 126:
        head = bytes((first, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((first, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, _MASKED | 127)) + size.to_bytes(8, "big")
    return b"".join((head, mask, _masked(payload, mask)))


def _masked(payload: bytes, mask: bytes) -> bytes:
    whole = len(payload) & ~3
    words = np.frombuffer(payload, "<u4", whole // 4) ^ np.frombuffer(mask, "<u4")
    rest = bytes(a ^ b for a, b in zip(payload[whole:], mask, strict=False))
    return bytes(words.tobytes() + rest)


class FrameReader:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._opcode = Opcode.CONTINUATION

    def feed(self, data: bytes) -> list[Message]:
        """Take what arrived and return the messages that are now whole. Raises `FrameBad`."""
        self._buffer += data
        messages = []
        while (frame := self._next_frame()) is not None:
            message = self._on_frame(*frame)
            if message is not None:
                messages.append(message)
        return messages

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Take one frame off the buffer: its first byte and its payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, size, start = buffer[0], buffer[1], 2
        if size & _MASKED:
            raise FrameBad("a server's frame is masked")
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:start], "big")
        if size > MESSAGE_BYTES_MAX:
            raise FrameBad(f"a frame of {size} bytes")
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start : start + size])
        del buffer[: start + size]
        return first, payload

    def _on_frame(self, first: int, payload: bytes) -> Message | None:
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise FrameBad(f"a frame of unknown kind {first & 0x0F}") from None
        if opcode >= Opcode.CLOSE:
            return Message(opcode=opcode, payload=payload)
        if opcode is not Opcode.CONTINUATION:
            self._opcode, self._parts = opcode, []
        self._parts.append(payload)
        if sum(map(len, self._parts)) > MESSAGE_BYTES_MAX:
            raise FrameBad(f"a message of more than {MESSAGE_BYTES_MAX} bytes")
        if not first & _FINAL:
            return None
        whole = Message(opcode=self._opcode, payload=b"".join(self._parts))
        self._parts = []
        return whole

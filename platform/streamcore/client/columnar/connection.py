"""One connection to a broker: frames out, answers in, in the order they were asked.

The shell around a socket. Answers come in request order (Kafka's protocol guide), so a queue
of callbacks is all the matching there is; correlation ids are checked, not searched.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NewType, cast

from streamcore.client.api import LogError

Address = NewType("Address", str)
"""HOST:PORT"""

FRAME_SIZE: Final = Struct(">i")
_HEADER: Final = Struct(">ihhi")  # size, API key, API version, correlation id
_CORRELATION_MASK: Final = 0x7FFFFFFF
_BUFFER_BYTES: Final = 64 << 10
FRAME_BYTES_MAX: Final = 256 << 20  # an answer larger than this is not one

Piece = bytes | memoryview


class ConnectionLost(LogError):
    """The broker went away, or did not answer in time. What was asked may have been done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retriable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that waits for its answer."""

    correlation_id: int
    deadline_ms: int
    on_answer: Callable[[memoryview], None]
    on_lost: Callable[[ConnectionLost], None]


class BrokerConnection(asyncio.BufferedProtocol):
    """Frames of one socket. `on_answer` gets the body behind the correlation id.

    A body is a buffer of its own, which columns may keep views of; small ones are copied.
    """

    def __init__(self, *, address: Address, client_id: str) -> None:
        self.address = address
        self.versions: dict[int, tuple[int, int]] = {}
        self._client = len(client_id.encode()).to_bytes(2, "big") + client_id.encode()
        self._transport: asyncio.Transport | None = None
        self._asked: deque[Asked] = deque()  # bounded by the callers: each has a window
        self._next_correlation = 1
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._filled = 0
        self._large: memoryview | None = None  # a frame that outgrew the buffer, being filled
        self._lost: ConnectionLost | None = None

    @property
    def is_live(self) -> bool:
        return self._transport is not None and self._lost is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports keep the contract without being subclasses of it.
        self._transport = cast(asyncio.Transport, transport)

    def ask(
        self,
        key: int,
        version: int,
        pieces: Sequence[Piece],
        *,
        flexible: bool,
        deadline_ms: int,
        on_answer: Callable[[memoryview], None],
        on_lost: Callable[[ConnectionLost], None],
    ) -> None:
        """Send a request. Exactly one of the callbacks is called, never before this returns."""
        correlation_id = self._next_correlation
        self._next_correlation = (correlation_id + 1) & _CORRELATION_MASK
        tags = b"\x00" if flexible else b""  # request header v2 ends in tagged fields
        size = (
            _HEADER.size
            - FRAME_SIZE.size
            + len(self._client)
            + len(tags)
            + sum(len(piece) for piece in pieces)
        )
        header = _HEADER.pack(size, key, version, correlation_id)
        self._asked.append(
            Asked(
                correlation_id=correlation_id,
                deadline_ms=deadline_ms,
                on_answer=on_answer,
                on_lost=on_lost,
            )
        )
        if self._transport is None or self._lost is not None:
            asyncio.get_running_loop().call_soon(self._lose_all)
            return
        self._transport.write(b"".join((header, self._client, tags, *pieces)))

    def check_deadline(self, now_ms: int) -> None:
        """Give up the connection when its oldest request has waited too long."""
        if self._asked and now_ms >= self._asked[0].deadline_ms:
            self.abort(f"no answer from {self.address} in time")

    def abort(self, reason: str) -> None:
        """Close at once; whatever waits is lost."""
        if self._lost is None:
            self._lost = ConnectionLost(reason)
        if self._transport is not None:
            self._transport.abort()
        self._lose_all()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost is None:
            self._lost = ConnectionLost(f"{self.address} closed the connection: {exc or 'end'}")
        self._lose_all()

    def _lose_all(self) -> None:
        lost = self._lost or ConnectionLost(f"not connected to {self.address}")
        while self._asked:
            self._asked.popleft().on_lost(lost)

    def get_buffer(self, sizehint: int) -> memoryview:
        target = self._buffer if self._large is None else self._large
        return target[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._large is not None:
            if self._filled < len(self._large):
                return
            frame, self._large, self._filled = self._large, None, 0
            self._answer(frame)
            return
        self._take_frames()

    def _take_frames(self) -> None:
        start, filled = 0, self._filled
        while filled - start >= FRAME_SIZE.size and self._lost is None:
            (size,) = FRAME_SIZE.unpack_from(self._buffer, start)
            if not FRAME_SIZE.size <= size <= FRAME_BYTES_MAX:
                self.abort(f"{self.address} sent a frame of {size} bytes")
                return
            body, end = start + FRAME_SIZE.size, start + FRAME_SIZE.size + size
            if end > filled:
                if FRAME_SIZE.size + size > len(self._buffer):
                    self._begin_large(size, self._buffer[body:filled])
                    return
                break
            self._answer(memoryview(bytes(self._buffer[body:end])))
            start = end
        rest = filled - start
        if start and rest:
            self._buffer[:rest] = bytes(self._buffer[start:filled])
        self._filled = rest

    def _begin_large(self, size: int, begun: memoryview) -> None:
        self._large = memoryview(bytearray(size))
        self._large[: len(begun)] = begun
        self._filled = len(begun)

    def _answer(self, frame: memoryview) -> None:
        (correlation_id,) = FRAME_SIZE.unpack_from(frame, 0)
        if not self._asked or self._asked[0].correlation_id != correlation_id:
            self.abort(f"{self.address} answered request {correlation_id}, which is not due")
            return
        self._asked.popleft().on_answer(frame[FRAME_SIZE.size :])

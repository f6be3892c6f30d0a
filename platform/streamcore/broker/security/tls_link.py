"""TLS between a socket and a connection that knows nothing of it.

OpenSSL works on two buffers in memory; this moves bytes between those, the socket and the
connection. asyncio's own TLS would do, but for three things that are wanted here: a failed
handshake has to be told with its reason, a connection is counted from its acceptance on,
and a peer that does not read its answers must not cost an encrypted copy of them.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, Protocol, cast

# What is read at once. One buffer serves all links: it is filled and emptied in one go.
CIPHERTEXT_BYTES = 1 << 16
# What is encrypted before it is handed to the socket: bounds what a slow peer costs.
FLUSH_BYTES = 1 << 18

_ciphertext = memoryview(bytearray(CIPHERTEXT_BYTES))


class Inner(Protocol):
    """The connection on the inside of the TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def on_tls_done(self) -> None:
        """The handshake is over: bytes may come from now on."""
        ...

    def on_tls_failed(self, reason: str) -> None:
        """The peer could not be spoken to. The connection closes its transport."""
        ...


class _State(Enum):
    HANDSHAKE = auto()
    OPEN = auto()
    CLOSING = auto()  # what waits is still sent
    CLOSED = auto()


class TlsLink(asyncio.BufferedProtocol):
    """What the socket's transport calls."""

    def __init__(
        self,
        context: ssl.SSLContext,
        inner: Inner,
        *,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._inner = inner
        self._call_soon = call_soon
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._state = _State.HANDSHAKE
        self._backlog: deque[memoryview] = deque()
        self.backlog_bytes = 0
        self._is_socket_full = False
        self._is_inner_paused = False
        self._is_reading_paused = False
        self._is_handing_over = False
        self._has_heard = False
        self.socket: asyncio.Transport

    # -- what the socket's transport calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports keep the contract without being subclasses.
        self.socket = cast(asyncio.Transport, transport)
        self._inner.connection_made(TlsTransport(self))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._state is _State.HANDSHAKE and self._has_heard:
            self._inner.on_tls_failed("it hung up")
        self._state = _State.CLOSED
        self._backlog.clear()
        self.backlog_bytes = 0
        self._inner.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _ciphertext

    def buffer_updated(self, nbytes: int) -> None:
        self._has_heard = True
        self._incoming.write(_ciphertext[:nbytes])
        self._advance()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._is_socket_full = True
        self._pause_inner()

    def resume_writing(self) -> None:
        self._is_socket_full = False
        self._send_backlog()

    # -- in --

    def _advance(self) -> None:
        if self._state is _State.HANDSHAKE:
            self._shake_hands()
        if self._state is _State.OPEN:
            self._hand_over()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the peer
            self._state = _State.CLOSED
            self._inner.on_tls_failed(_reason(error))
            return
        self._state = _State.OPEN
        self._flush()
        self._inner.on_tls_done()

    def _hand_over(self) -> None:
        """Give the connection what was received, as far as it takes it."""
        if self._is_handing_over:
            return
        self._is_handing_over = True
        try:
            while self._state is _State.OPEN and not self._is_reading_paused:
                # Into a buffer it returns a number; its type says so only from 3.13 on.
                read = self._tls.read(CIPHERTEXT_BYTES, self._inner.get_buffer(-1))
                count = cast(int, read)
                if not count:  # the peer's goodbye
                    self.close()
                    break
                self._inner.buffer_updated(count)
                if not self._incoming.pending and not self._tls.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._state = _State.CLOSED
            self._inner.on_tls_failed(_reason(error))
        finally:
            self._is_handing_over = False
        self._flush()

    def pause_reading(self) -> None:
        self._is_reading_paused = True
        self.socket.pause_reading()

    def resume_reading(self) -> None:
        self._is_reading_paused = False
        self.socket.resume_reading()
        # What OpenSSL holds already does not come by the socket again.
        self._call_soon(self._advance)

    # -- out --

    def write(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        if self._state is not _State.OPEN:
            return
        for piece in pieces:
            if piece:
                self._backlog.append(memoryview(piece))
                self.backlog_bytes += len(piece)
        self._send_backlog()

    def _send_backlog(self) -> None:
        while self._backlog and not self._is_socket_full:
            piece = self._backlog[0]
            count = self._tls.write(piece[:FLUSH_BYTES])
            self.backlog_bytes -= count
            if count == len(piece):
                self._backlog.popleft()
            else:
                self._backlog[0] = piece[count:]
            if self._outgoing.pending >= FLUSH_BYTES:
                self._flush()
        self._flush()
        if self._backlog:
            self._pause_inner()
        elif self._state is _State.CLOSING:
            self._say_goodbye()
        elif self._is_inner_paused and not self._is_socket_full:
            self._is_inner_paused = False
            self._inner.resume_writing()

    def _flush(self) -> None:
        if self._outgoing.pending and not self.socket.is_closing():
            self.socket.write(self._outgoing.read())

    def _pause_inner(self) -> None:
        if not self._is_inner_paused:
            self._is_inner_paused = True
            self._inner.pause_writing()

    # -- the end --

    def close(self) -> None:
        """Close after what waits has been sent."""
        if self._state is _State.OPEN and self._backlog:
            self._state = _State.CLOSING
            self.pause_reading()
        elif self._state is _State.OPEN:
            self._say_goodbye()
        elif self._state is not _State.CLOSING:
            self._state = _State.CLOSED
            self.socket.close()

    def _say_goodbye(self) -> None:
        self._state = _State.CLOSED
        with contextlib.suppress(ssl.SSLError):  # it would wait for the peer's goodbye
            self._tls.unwrap()
        self._flush()
        self.socket.close()

    @property
    def is_closing(self) -> bool:
        return self._state in (_State.CLOSING, _State.CLOSED) or self.socket.is_closing()


class TlsTransport(asyncio.Transport):
    """What the connection calls: the inner end of a link."""

    def __init__(self, link: TlsLink) -> None:
        super().__init__()
        self._link = link

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._link.socket.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._link.write((data,))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._link.write(list_of_data)

    def get_write_buffer_size(self) -> int:
        return self._link.backlog_bytes + self._link.socket.get_write_buffer_size()

    def pause_reading(self) -> None:
        self._link.pause_reading()

    def resume_reading(self) -> None:
        self._link.resume_reading()

    def is_closing(self) -> bool:
        return self._link.is_closing

    def close(self) -> None:
        self._link.close()

    def abort(self) -> None:
        self._link.socket.abort()


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's own word for it, which is the one that can be looked up."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    reason = error.reason or str(error)
    hint = _HINTS.get(reason)
    return f"{reason} ({hint})" if hint else reason


_HINTS = {
    "HTTP_REQUEST": "it speaks HTTP",
    "WRONG_VERSION_NUMBER": "does it speak TLS at all?",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not trust our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not trust our certificate",
    "UNSUPPORTED_PROTOCOL": "it is older than TLS 1.2",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "ssl.client.auth is required",
}

"""One client's connection: whole frames in, answers out, in the order of the requests.

Frames are handled where they lie in the receive buffer. Behind a pending reply that
holds later frames (a parked fetch, a joining group member) they stay in the buffer;
when that is full, nothing more is read from the socket. They wait too while the answers
that are there already, and not sent, are many or large.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, cast

from streamcore.broker.handlers.registry import (
    Answer,
    PendingReply,
    Registry,
    Reply,
    ReplyBody,
    Request,
)
from streamcore.broker.receive_buffer import LENGTH_SIZE, BadFrame, ReceiveBuffer
from streamcore.broker.refusals import journal_refusals
from streamcore.broker.security.listeners import ANY_ADDRESS, Listener, SecurityProtocol
from streamcore.broker.security.progress import Overdue
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.errors_within import AnswerWithErrors
from streamcore.wire.reading import Malformed, WireReader
from streamcore.wire.writing import NO_TAGS

if TYPE_CHECKING:
    from streamcore.broker.security.authentication import Authentication

# api key, version, correlation id, length of the client id (a legacy string even in
# flexible headers: KIP-482).
REQUEST_HEAD = Struct(">hhih")
REPLY_HEAD = Struct(">ii")
# Produce requests that are not yet answered; clients send five at most by default.
UNANSWERED_MAX = 1000
# Answers up to this size are not counted one by one.
SMALL_ANSWER_BYTES = 4096
# Of a client's name in the journal: it may be as long as its sender likes.
CLIENT_ID_SHOWN = 60
# Pieces of a reply from this mean size on are handed to the socket one by one.
GATHER_PIECE_BYTES = 8192


class Route(NamedTuple):
    """How one API version is answered on this connection."""

    answer: Answer
    request: Request
    reply_has_tags: bool


class Connection(asyncio.BufferedProtocol):
    """Cuts frames, calls handlers, keeps answers in order."""

    # Of a connection that authenticates its peer by SASL.
    _authentication: "Authentication | None" = None

    def __init__(
        self,
        services: BrokerServices,
        registry: Registry,
        *,
        listener: Listener = Listener(),  # noqa: B008  # immutable
        on_closed: Callable[["Connection"], None],
    ) -> None:
        self._services = services
        self._registry = registry
        self._listener = listener
        self._on_closed = on_closed
        self._buffer = ReceiveBuffer(
            frame_bytes_min=REQUEST_HEAD.size,
            frame_bytes_max=services.settings.request_bytes_max,
            other_bytes_max=services.settings.other_request_bytes_max,
            budget=services.receive_budget,
            on_room=self._on_room,
        )
        self._routes: dict[tuple[int, int], Route] = {}
        self._client_id_raw: bytes | None = None
        self._client_id = ""
        self._unanswered: deque[tuple[int, Route, ReplyBody | PendingReply]] = deque()
        self._held_by: PendingReply | None = None
        self._answer_bytes = 0  # of whole answers that wait behind one that is still to come
        self._answer_bytes_max = services.settings.in_flight_bytes_max
        self._is_write_paused = False
        self._is_blocked = False  # by what has not been sent: write paused, or too much waits
        self._is_read_paused = False
        self._is_send_due = False
        self._is_closing = False
        self._is_deaf = False  # no more requests are handled: closing, or about to
        self._is_silent = True
        self._peer = "?"
        self._transport: asyncio.Transport
        self.host = ""
        self.is_established = listener.protocol is SecurityProtocol.PLAINTEXT

    # -- what the event loop calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports keep the contract without being subclasses.
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.host, self._peer = str(peer[0]), f"{peer[0]}:{peer[1]}"
        if self._listener.host in ANY_ADDRESS:
            own = transport.get_extra_info("sockname")
            self._listener = self._listener._replace(host=str(own[0]))
        refusal = self._services.crowd.enter(self, self._services.clock.monotonic_ms())
        if refusal is not None:
            self._close("too many connections", refusal)

    def on_tls_done(self) -> None:
        self.is_established = not self._listener.protocol.has_sasl

    def on_tls_failed(self, reason: str) -> None:
        self._close("TLS failed", f"TLS failed: {reason}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = self._is_deaf = True
        self._services.crowd.leave(self)
        self._buffer.close()
        unanswered, self._unanswered = self._unanswered, deque()
        for _, _, reply in unanswered:
            if isinstance(reply, PendingReply):
                reply.abandon()
        self._on_closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer.room()

    def buffer_updated(self, nbytes: int) -> None:
        self._is_silent = False
        self._buffer.received(nbytes)
        self._handle_frames()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._is_write_paused = self._is_blocked = True
        self._services.crowd.on_paused(self)

    def resume_writing(self) -> None:
        self._is_write_paused = False
        self._services.crowd.on_resumed(self)
        self._handle_frames()

    # -- frames in --

    def _handle_frames(self) -> None:
        if self._is_deaf:
            return
        while True:
            try:
                self._handle_whole_frames()
            except (BadFrame, Malformed) as fault:
                self._send_answered()
                self._close("bad request", str(fault))
                return
            self._send_answered()
            if not self._is_blocked or self._is_still_blocked():
                break
        self._buffer.make_room(is_held=self._held_by is not None)
        if self._buffer.is_full or self._is_read_paused:
            self._pause_reading(self._buffer.is_full)

    def _handle_whole_frames(self) -> None:
        unanswered, next_frame = self._unanswered, self._buffer.next_frame
        while self._held_by is None and not self._is_blocked and len(unanswered) < UNANSWERED_MAX:
            frame = next_frame()
            if frame is None:
                return
            self._answer(frame)

    def _is_still_blocked(self) -> bool:
        """Look again, now that something was sent."""
        too_much = self._answer_bytes >= self._answer_bytes_max
        self._is_blocked = self._is_write_paused or too_much
        return self._is_blocked

    def _on_room(self) -> None:
        """The receive buffer may grow as it could not before."""
        self._services.sends.due(self._handle_frames)

    def _answer(self, frame: memoryview) -> None:
        api_key, version, correlation_id, client_id_size = REQUEST_HEAD.unpack_from(frame)
        body_at = REQUEST_HEAD.size + max(client_id_size, 0)
        client_id_raw = bytes(frame[REQUEST_HEAD.size : body_at])
        if client_id_raw != self._client_id_raw:
            self._routes.clear()
            self._client_id_raw = client_id_raw
            self._client_id = client_id_raw.decode(errors="replace")
        route = self._routes.get((api_key, version)) or self._route(api_key, version)
        if route.request.flexible:
            body_at = _after_header_tags(frame, body_at)
        try:
            reply = route.answer(self._services, route.request, frame[body_at:])
        except Malformed as fault:
            name = ApiKey(api_key).name
            raise BadFrame(f"{name} v{version} is malformed: expected {fault}") from fault
        if reply is not None:
            self._keep_order(correlation_id, route, reply)

    def _route(self, api_key: int, version: int) -> Route:
        handler = self._registry.find(api_key)
        if handler is None:
            raise BadFrame(f"unknown API key {api_key}")
        is_api_versions = handler.api_key is ApiKey.API_VERSIONS
        if not is_api_versions and not handler.min_version <= version <= handler.max_version:
            raise BadFrame(
                f"{handler.name} v{version} is not supported, "
                f"{handler.min_version} to {handler.max_version} are"
            )
        flexible = handler.is_flexible(version)
        request = Request(
            api_key=api_key,
            api_version=version,
            client_id=self._client_id,
            client_host=self.host,
            flexible=flexible,
            peer=self._peer,
            listener=self._listener,
            authentication=self._authentication,
        )
        # ApiVersions answers with the oldest header, so that any client can read it.
        route = Route(handler.answer, request, flexible and not is_api_versions)
        if handler.min_version <= version <= handler.max_version:
            # Versions that are not listed are told so, and are too many to be remembered.
            self._routes[api_key, version] = route
        return route

    # -- answers out --

    def _keep_order(self, correlation_id: int, route: Route, reply: Reply) -> None:
        assert reply is not None
        self._unanswered.append((correlation_id, route, reply))
        if isinstance(reply, PendingReply):
            if not reply.is_over:
                if reply.holds_later_frames:
                    self._held_by = reply
                reply.tell(self._on_resolved)
            return
        if type(reply) is AnswerWithErrors:
            self._note_refusals(route, reply)
        if not (isinstance(reply, bytes) and len(reply) <= SMALL_ANSWER_BYTES):
            # Small ones are bounded by their number.
            self._answer_bytes += _size(reply)
            if self._answer_bytes >= self._answer_bytes_max:
                self._is_blocked = True

    def _on_resolved(self) -> None:
        if not self._is_send_due:
            self._is_send_due = True
            self._services.sends.due(self._send_due)

    def _send_due(self) -> None:
        self._is_send_due = False
        if self._is_closing:
            return
        held_by = self._held_by
        if held_by is not None and held_by.is_over:
            self._held_by = None
        was_held = (
            held_by is not None or self._is_blocked or len(self._unanswered) >= UNANSWERED_MAX
        )
        self._is_silent = False
        self._send_answered()
        if was_held:
            self._handle_frames()

    def _send_answered(self) -> None:
        """Send the answers that are there, up to the first that is still to come."""
        pieces: list[bytes | memoryview] = []
        unanswered = self._unanswered
        while unanswered:
            correlation_id, route, reply = unanswered[0]
            if isinstance(reply, PendingReply):
                if reply.body is None:
                    break
                reply = reply.body
                if type(reply) is AnswerWithErrors:
                    self._note_refusals(route, reply)
            unanswered.popleft()
            _put_reply(pieces, correlation_id, route.reply_has_tags, reply)
        if self._answer_bytes:
            left = (reply for _, _, reply in unanswered if not isinstance(reply, PendingReply))
            self._answer_bytes = sum(map(_size, left))
        if not pieces or self._transport.is_closing():
            return
        if len(pieces) == 1:
            self._transport.write(pieces[0])
            return
        size = sum(map(len, pieces))
        if size >= GATHER_PIECE_BYTES * len(pieces):
            self._transport.writelines(pieces)
        else:
            self._transport.write(b"".join(pieces))

    def _note_refusals(self, route: Route, answer: AnswerWithErrors) -> None:
        journal_refusals(self._services.peer_journal, route.request, answer.errors)

    def _pause_reading(self, is_full: bool) -> None:
        if is_full and not self._is_read_paused:
            self._transport.pause_reading()
        elif self._is_read_paused and not is_full:
            self._transport.resume_reading()
        self._is_read_paused = is_full

    # -- what it costs --

    def take_activity(self) -> bool:
        was_silent, self._is_silent = self._is_silent, True
        return not was_silent

    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def missing_bytes(self) -> int:
        return self._buffer.missing_bytes

    def receive_bytes(self) -> int:
        return self._buffer.held_bytes

    def shrink(self) -> None:
        if self._held_by is None:
            self._buffer.shrink()

    # -- the end --

    def stop_requests(self) -> None:
        """Handle no more requests; those that are handled are still answered."""
        self._is_deaf = True
        if not self._transport.is_closing():
            self._pause_reading(is_full=True)

    def close(self) -> None:
        """Close after what was answered has been sent."""
        self._is_closing = self._is_deaf = True
        self._transport.close()

    def abort(self) -> None:
        """Close at once: the peer does not take what was answered."""
        self._is_closing = self._is_deaf = True
        self._transport.abort()

    def cut(self, why: Overdue) -> None:
        """It has been too slow, or silent for too long, which is nobody's fault."""
        if why is Overdue.IDLE:
            self.close()
            return
        self._complain(why.name, why.value)
        self.abort()

    def _close(self, kind: str, reason: str) -> None:
        self._complain(kind, reason)
        self.close()

    def _complain(self, kind: str, reason: str) -> None:
        client_id = self._client_id[:CLIENT_ID_SHOWN]
        self._services.peer_journal.warn(f"{self._peer} ({client_id!r})", self.host, kind, reason)


def _after_header_tags(frame: memoryview, position: int) -> int:
    if position < len(frame) and frame[position] == 0:
        return position + 1
    reader = WireReader(frame, flexible=True, position=position)
    reader.skip_tags()
    return reader.position


def _size(body: ReplyBody) -> int:
    return len(body) if isinstance(body, bytes) else sum(map(len, body))


def _put_reply(
    pieces: list[bytes | memoryview], correlation_id: int, has_tags: bool, body: ReplyBody
) -> None:
    size = len(body) if isinstance(body, bytes) else sum(map(len, body))
    head = REPLY_HEAD.pack(LENGTH_SIZE + has_tags + size, correlation_id)
    if has_tags:
        head += NO_TAGS
    if isinstance(body, bytes):
        pieces.append(head + body)
    else:
        pieces.append(head)
        pieces += body

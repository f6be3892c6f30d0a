"""`WS /v1/watch`: a socket becomes a push session, its messages become wishes."""

import asyncio
import logging
from typing import Final

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.push import WatchError, WatchHello, WatchUp
from rideflow.contracts.tokens import Claims
from rideflow.fanout.link import TransportLink
from rideflow.fanout.push_session import PushSession
from rideflow.fanout.watch_room import WatchRoom
from rideflow.running import error_reply
from rideflow.running.tokens import BadToken, TokenKey

journal = logging.getLogger("hailstream.fanout")

HELLO_S: Final = 5.0  # from the opened socket to its token
KEEPALIVE_S: Final = 20.0  # WebSocket ping; a client that does not answer is gone
MESSAGE_BYTES_MAX: Final = 4_096

_decode = msgspec.json.Decoder(WatchUp).decode


class _Refused(Exception):
    """The socket is not let in."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WatchServer:
    """Handles sockets of watchers."""

    def __init__(
        self,
        room: WatchRoom,
        token_key: TokenKey,
        clock: Clock,
        metrics: Registry,
        *,
        sessions_max: int,
    ) -> None:
        self._room = room
        self._token_key = token_key
        self._clock = clock
        self._metrics = metrics
        self._sessions_max = sessions_max

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Serve one watcher until it leaves."""
        if len(self._room) >= self._sessions_max:
            return error_reply(503, "full", f"{self._sessions_max} watchers are connected already")
        ws = web.WebSocketResponse(
            compress=False, max_msg_size=MESSAGE_BYTES_MAX, heartbeat=KEEPALIVE_S
        )
        if not ws.can_prepare(request).ok:
            return error_reply(426, "upgrade_required", "/v1/watch is a WebSocket")
        await ws.prepare(request)
        try:
            claims = await self._greeting(ws, request)
        except _Refused as refusal:
            await ws.close(code=refusal.code, message=refusal.reason.encode())
            return ws
        await self._serve(ws, request, claims)
        return ws

    async def _greeting(self, ws: web.WebSocketResponse, request: web.Request) -> Claims:
        """Whom the watcher is, from its `Authorization` header or its first message."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = await _hello_token(ws)
        try:
            return self._token_key.read(token)
        except BadToken as error:
            raise _Refused(CloseCode.BAD_TOKEN, str(error)) from None

    async def _serve(self, ws: web.WebSocketResponse, request: web.Request, claims: Claims) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            return
        session = PushSession(TransportLink(transport), self._clock, claims, self._metrics)
        self._room.enter(session)
        try:
            async for message in ws:
                self._hear(session, message)
        finally:
            self._room.leave(session)

    def _hear(self, session: PushSession, message: WSMessage) -> None:
        if message.type is not WSMsgType.TEXT:
            session.close(CloseCode.PROTOCOL, "only JSON text is understood here")
            return
        try:
            wish = _decode(message.data)
        except msgspec.MsgspecError as error:
            session.tell(WatchError(code="bad_message", message=str(error)))
            return
        self._room.hear(session, wish)


async def _hello_token(ws: web.WebSocketResponse) -> str:
    try:
        async with asyncio.timeout(HELLO_S):
            message = await ws.receive()
    except TimeoutError:
        raise _Refused(CloseCode.PROTOCOL, f"no hello within {HELLO_S:g} s") from None
    try:
        hello = _decode(message.data) if message.type is WSMsgType.TEXT else None
    except msgspec.MsgspecError as error:
        raise _Refused(CloseCode.PROTOCOL, f"the first message: {error}") from None
    if not isinstance(hello, WatchHello):
        raise _Refused(CloseCode.PROTOCOL, "the first message must be hello")
    return hello.token

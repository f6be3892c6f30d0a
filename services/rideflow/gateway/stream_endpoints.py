"""The WebSockets of drivers and fleets: hello, frames, actions, goodbye."""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from groundwork.seams import Clock
from rideflow.columns.arrays import U64
from rideflow.columns.driver_slots import SlotsFull
from rideflow.contracts.driver_socket import (
    CloseCode,
    DriverAction,
    Hello,
    SocketError,
    Upward,
    Welcome,
)
from rideflow.contracts.ids import DRIVER_ID_MAX
from rideflow.contracts.pings import PING_SIZE, PINGS_PER_FRAME_MAX
from rideflow.contracts.tokens import Claims, Role
from rideflow.gateway.ack_pacer import AckPacer
from rideflow.gateway.command_desk import CommandDesk
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ownership import Ownership
from rideflow.gateway.refusal import Doorman, Refusal, token_of
from rideflow.gateway.refusals import Refusals
from rideflow.gateway.ride_feed import message_of
from rideflow.gateway.ride_requests import RideRequests
from rideflow.gateway.ride_view import RideView
from rideflow.gateway.settings import GatewaySettings
from rideflow.gateway.socket_conduit import SocketConduit
from rideflow.gateway.sockets import Sockets, drivers_of_ranges

_HELLO_WAIT_S: Final = 10
_FAREWELL_WAIT_S: Final = 5
_MESSAGE_BYTES_MAX: Final = 256 << 10
_FRAME_BYTES_MAX: Final = PINGS_PER_FRAME_MAX * PING_SIZE
_TEXT_COST_BYTES: Final = PING_SIZE  # an action weighs as much as a ping against the rate
_upward: Final = msgspec.json.Decoder(Upward)


class _Turned(Exception):
    """The socket is not let in, or not let go on: the close code and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamEndpoints:
    """Handlers of `WS /v1/drivers/{id}/stream` and `WS /v1/fleets/{id}/stream`."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        clock: Clock,
        doorman: Doorman,
        intake: BlockingIntake,
        ownership: Ownership,
        sockets: Sockets,
        refusals: Refusals,
        requests: RideRequests,
        desk: CommandDesk,
        view: RideView,
    ) -> None:
        self._settings, self._clock, self._doorman = settings, clock, doorman
        self._intake, self._ownership, self._sockets = intake, ownership, sockets
        self._refusals, self._requests, self._desk = refusals, requests, desk
        self._view = view
        self._phone_pacer: Final = AckPacer(clock, pause_ms=settings.phone_ack_ms)
        self._fleet_pacer: Final = AckPacer(clock, pause_ms=0)

    def send_due_acks(self) -> None:
        """Called every tick."""
        self._phone_pacer.send_due()

    async def driver_stream(self, request: web.Request) -> web.WebSocketResponse:
        return await self._stream(request, is_fleet=False)

    async def fleet_stream(self, request: web.Request) -> web.WebSocketResponse:
        return await self._stream(request, is_fleet=True)

    async def _stream(self, request: web.Request, *, is_fleet: bool) -> web.WebSocketResponse:
        # Frames of a few pings do not shrink, and acknowledgements are written uncompressed.
        socket = web.WebSocketResponse(compress=False, max_msg_size=_MESSAGE_BYTES_MAX)
        await socket.prepare(request)
        conduit = self._conduit(request, is_fleet=is_fleet)
        try:
            drivers = await self._greet(request, socket, is_fleet=is_fleet)
            self._let_in(conduit, drivers, is_fleet=is_fleet)
            await self._read(socket, conduit)
        except _Turned as turned:
            conduit.close(turned.code, turned.reason)
            await _farewell(socket)
        finally:
            await self._leave(conduit)
        return socket

    def _conduit(self, request: web.Request, *, is_fleet: bool) -> SocketConduit:
        kind = "fleet" if is_fleet else "driver"
        transport = request.transport
        assert transport is not None, "the upgrade was just answered on it"
        return SocketConduit(
            owner=self._ownership.new_owner(),
            source=f"gateway/{kind}/{request.match_info['id']}",
            transport=transport,
            pacer=self._fleet_pacer if is_fleet else self._phone_pacer,
            write_bytes_max=self._settings.write_bytes_max,
            credit_bytes=0,
        )

    async def _greet(
        self, request: web.Request, socket: web.WebSocketResponse, *, is_fleet: bool
    ) -> U64:
        """Learn who is there, and for which drivers it speaks."""
        name, token = request.match_info["id"], token_of(request)
        hello = Hello() if token and not is_fleet else await _hello(socket)
        try:
            claims = self._doorman.claims_in(hello.token or token or "")
        except Refusal as refusal:
            raise _Turned(CloseCode.BAD_TOKEN, refusal.message) from None
        ranges = _fleets_ranges(name, claims, hello) if is_fleet else _own_range(name, claims)
        if sum(high - low + 1 for low, high in ranges) > self._settings.drivers_max:
            raise _Turned(CloseCode.FORBIDDEN, f"more than {self._settings.drivers_max} drivers")
        return drivers_of_ranges(ranges)

    def _let_in(self, conduit: SocketConduit, drivers: U64, *, is_fleet: bool) -> None:
        settings = self._settings
        rate = settings.fleet_pings_per_second if is_fleet else settings.phone_pings_per_second
        try:
            self._sockets.open(conduit, drivers, pings_per_second=rate)
        except SlotsFull as full:
            raise _Turned(CloseCode.GOING_AWAY, str(full)) from None
        conduit.tell(Welcome(drivers=len(drivers), server_ms=self._clock.now_ms()))
        for driver, fact in self._view.driven_now():
            if self._sockets.speaks_for(conduit, driver):
                conduit.tell(message_of(driver, fact))

    async def _read(self, socket: web.WebSocketResponse, conduit: SocketConduit) -> None:
        intake = self._intake
        while conduit.close_code is None:
            message = await socket.receive()
            if message.type is WSMsgType.BINARY:
                self._take_frame(conduit, message.data)
                if intake.is_full:
                    await intake.wait_for_room()
            elif message.type is WSMsgType.TEXT:
                self._take_text(conduit, message.data)
            else:
                return
        await _farewell(socket)

    def _take_frame(self, conduit: SocketConduit, frame: bytes) -> None:
        size = len(frame)
        conduit.frames_taken += 1
        _charge(conduit, size)
        if size % PING_SIZE or not 0 < size <= _FRAME_BYTES_MAX:
            number, now_ms = conduit.frames_taken, self._clock.now_ms()
            self._refusals.whole_frame(conduit, frame, number, now_ms=now_ms)
            frame = b""  # keeps its place in the count of frames
        self._intake.add(conduit, frame)

    def _take_text(self, conduit: SocketConduit, text: str) -> None:
        _charge(conduit, _TEXT_COST_BYTES)
        try:
            message = _upward.decode(text)
            self._act(conduit, message)
        except msgspec.DecodeError as error:
            conduit.tell(SocketError(code="bad_message", message=str(error)))
        except Refusal as refusal:
            conduit.tell(SocketError(code=refusal.code, message=refusal.message))

    def _act(self, conduit: SocketConduit, action: Hello | DriverAction) -> None:
        if isinstance(action, Hello):
            raise Refusal(422, "second_hello", "hello is said once")
        if not self._sockets.speaks_for(conduit, action.driver):
            raise Refusal(403, "forbidden", f"this socket does not speak for {action.driver}")

        def written(failure: str | None) -> None:
            if failure is not None:
                conduit.tell(SocketError(code="log_unavailable", message=failure))

        self._desk.submit(self._requests.action(action), written)

    async def _leave(self, conduit: SocketConduit) -> None:
        """Let the tick have what the socket sent before its drivers are anyone's again."""
        while conduit.frames_sent < conduit.frames_taken and not conduit.is_broken:
            await self._intake.wait_for_take()
        self._sockets.left(conduit)


def _charge(conduit: SocketConduit, size: int) -> None:
    conduit.credit_bytes -= size
    if conduit.credit_bytes < 0:
        raise _Turned(CloseCode.RATE_LIMITED, "more pings than this socket may send")


async def _farewell(socket: web.WebSocketResponse) -> None:
    """We said goodbye: let the peer answer it, whatever it sent before it heard."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_WAIT_S):
            while (await socket.receive()).type in (WSMsgType.BINARY, WSMsgType.TEXT):
                pass


async def _hello(socket: web.WebSocketResponse) -> Hello:
    try:
        message = await socket.receive(timeout=_HELLO_WAIT_S)
    except TimeoutError:
        raise _Turned(CloseCode.PROTOCOL, f"no hello within {_HELLO_WAIT_S} s") from None
    if message.type is not WSMsgType.TEXT:
        raise _Turned(CloseCode.PROTOCOL, "the first message must be hello, as text")
    try:
        hello = _upward.decode(message.data)
    except msgspec.DecodeError as error:
        raise _Turned(CloseCode.PROTOCOL, f"the first message must be hello: {error}") from None
    if not isinstance(hello, Hello):
        raise _Turned(CloseCode.PROTOCOL, "the first message must be hello")
    return hello


def _own_range(name: str, claims: Claims) -> list[tuple[int, int]]:
    if not name.isdecimal() or not 0 < int(name) <= DRIVER_ID_MAX:
        raise _Turned(CloseCode.FORBIDDEN, f"{name!r} is not a driver's id")
    if not claims.may_speak_for(int(name)):
        raise _Turned(CloseCode.FORBIDDEN, f"the token does not speak for driver {name}")
    return [(int(name), int(name))]


def _fleets_ranges(name: str, claims: Claims, hello: Hello) -> list[tuple[int, int]]:
    if claims.role is not Role.FLEET or claims.sub != name:
        raise _Turned(CloseCode.FORBIDDEN, f"the token is not of fleet {name}")
    for low, high in hello.drivers:
        covered = any(a <= low <= high <= b for a, b in claims.drivers)
        if not covered or not 0 < low <= high <= DRIVER_ID_MAX:
            raise _Turned(CloseCode.FORBIDDEN, f"the token does not cover drivers {low} to {high}")
    return hello.drivers or claims.drivers

"""Pings by plain HTTP: our JSON or packed form, and two tracker apps' own."""

import asyncio
from collections import OrderedDict
from typing import Final

from aiohttp import web

from groundwork.seams import Clock
from rideflow.columns.driver_slots import SlotsFull
from rideflow.contracts.driver_socket import Rejected
from rideflow.contracts.ids import DRIVER_ID_MAX
from rideflow.contracts.pings import PING_SIZE, PINGS_PER_FRAME_MAX
from rideflow.contracts.replies import PingsReply
from rideflow.contracts.tokens import Claims, Role
from rideflow.gateway.conduit import POST_OWNER
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ownership import DriverTaken, Ownership
from rideflow.gateway.phone_pings import (
    OwnTracksMessage,
    PingAsk,
    TraccarMessage,
    TrackerPing,
    of_osmand,
    of_owntracks,
    of_traccar,
    packed,
)
from rideflow.gateway.refusal import Doorman, Refusal, forbid, read_body
from rideflow.running import json_reply

_COUNTED_DRIVERS_MAX: Final = 100_000


class PostConduit:
    """One POST: a frame that answers its request when the log has it."""

    __slots__ = ("_done", "frames_sent", "is_broken", "owner", "pings_sent", "refused", "source")

    def __init__(self, source: str) -> None:
        self.owner = POST_OWNER
        self.source = source
        self.frames_sent = 0
        self.pings_sent = 0
        self.is_broken = False
        self.refused: list[Rejected] = []
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def acknowledge(self, frames: int, pings: int) -> None:
        if not self._done.done():
            self._done.set_result(pings)

    def refuse(self, rejected: Rejected) -> None:
        self.refused.append(rejected)

    def log_failed(self, message: str) -> None:
        if not self._done.done():
            self._done.set_exception(Refusal(503, "log_unavailable", message))

    async def accepted(self) -> int:
        """How many pings are in the log. Raises `Refusal` where that is unknown."""
        return await self._done


class PostEndpoints:
    """Handlers of the ping posts."""

    def __init__(
        self, *, clock: Clock, doorman: Doorman, intake: BlockingIntake, ownership: Ownership
    ) -> None:
        self._clock, self._doorman = clock, doorman
        self._intake, self._ownership = intake, ownership
        # Trackers do not count their pings. When forgotten, a driver begins a new run.
        self._sequences: OrderedDict[int, int] = OrderedDict()

    async def post_pings(self, request: web.Request) -> web.Response:
        """POST /v1/drivers/{id}/pings: a JSON list of PingAsk, or packed PINGs."""
        claims = self._doorman.claims_of(request, Role.DRIVER, Role.FLEET)
        driver = _driver_id(request.match_info["id"])
        _check_speaks(claims, driver)
        if request.content_type == "application/octet-stream":
            frame = _checked_frame(await request.read())
        else:
            asks = await read_body(request, list[PingAsk])
            frame = b"".join(self._packed(driver, ask) for ask in asks[: PINGS_PER_FRAME_MAX + 1])
            _checked_frame(frame)
        return json_reply(await self._write(driver, frame))

    async def post_owntracks(self, request: web.Request) -> web.Response:
        """POST /v1/owntracks: the driver is the token's."""
        driver = self._token_driver(request)
        message = await read_body(request, OwnTracksMessage)
        if message.kind == "location":
            if message.lat != message.lat or message.lon != message.lon:
                raise Refusal(422, "bad_field", "a location needs lat and lon", field="lat")
            await self._write(driver, self._packed(driver, of_owntracks(message)))
        # The app expects a list of messages for it; other kinds of messages are no error.
        return web.json_response([])

    async def any_osmand(self, request: web.Request) -> web.Response:
        """GET or POST /v1/osmand: query parameters, or the JSON of newer Traccar clients."""
        driver = self._token_driver(request)
        tracked = await self._tracked(request)
        if tracked.device not in ("", str(driver)):
            forbid(f"the token is of driver {driver}, the device says {tracked.device!r}")
        return json_reply(await self._write(driver, self._packed(driver, tracked.ask)))

    async def _tracked(self, request: web.Request) -> TrackerPing:
        now_ms = self._clock.now_ms()
        if request.content_type == "application/json":
            return of_traccar(await read_body(request, TraccarMessage), now_ms=now_ms)
        form = await request.post() if request.method == "POST" else {}
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        return of_osmand({**request.query, **texts}, now_ms=now_ms)

    def _token_driver(self, request: web.Request) -> int:
        return _driver_id(self._doorman.claims_of(request, Role.DRIVER).sub)

    def _packed(self, driver: int, ask: PingAsk) -> bytes:
        sequence = ask.sequence
        if sequence is None:
            sequence = self._sequences.get(driver, 0) + 1
            self._sequences[driver] = sequence
            self._sequences.move_to_end(driver)
            if len(self._sequences) > _COUNTED_DRIVERS_MAX:
                self._sequences.popitem(last=False)
        return packed(driver, ask, sequence, now_ms=self._clock.now_ms())

    async def _write(self, driver: int, frame: bytes) -> PingsReply:
        try:
            self._ownership.claim_post(driver)
        except DriverTaken as taken:
            raise Refusal(409, "driver_connected", str(taken)) from None
        except SlotsFull as full:
            raise Refusal(503, "full", str(full)) from None
        if self._intake.is_full:
            raise Refusal(503, "log_unavailable", "too much waits for the log: try again later")
        conduit = PostConduit(f"gateway/driver/{driver}")
        self._intake.add(conduit, frame)
        return PingsReply(accepted=await conduit.accepted(), refused=conduit.refused)


def _driver_id(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= DRIVER_ID_MAX:
        raise Refusal(422, "bad_driver", f"{text!r} is not a driver's id", field="id")
    return int(text)


def _check_speaks(claims: Claims, driver: int) -> None:
    if not claims.may_speak_for(driver):
        forbid(f"the token does not speak for driver {driver}")


def _checked_frame(frame: bytes) -> bytes:
    if len(frame) % PING_SIZE or not 0 < len(frame) <= PINGS_PER_FRAME_MAX * PING_SIZE:
        message = f"send 1 to {PINGS_PER_FRAME_MAX} pings of {PING_SIZE} bytes: got {len(frame)}"
        raise Refusal(422, "odd_frame", message)
    return frame

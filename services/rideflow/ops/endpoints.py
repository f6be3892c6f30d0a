"""The HTTP endpoints of ops, as `contracts.operations` describes them."""

from typing import Final

from aiohttp import web

from groundwork.seams import Clock
from rideflow.contracts import metrics as declared
from rideflow.contracts.ids import RideId
from rideflow.contracts.operations import DriversReply, ProcessesReply, RidesReply
from rideflow.contracts.rides import RideState
from rideflow.ops.city_books import CityBooks
from rideflow.ops.guard import Guard, NotAllowed
from rideflow.ops.live import Board
from rideflow.ops.prometheus import prometheus_text
from rideflow.running import error_reply, json_reply
from rideflow.running.web import Handler

LIMIT: Final = 50
LIMIT_MAX: Final = 500
_DIGITS_MAX: Final = 10

_SPECS: Final = (
    *declared.GATEWAY_METRICS,
    *declared.POSITIONS_METRICS,
    *declared.ETA_METRICS,
    *declared.MATCHING_METRICS,
    *declared.FANOUT_METRICS,
    *declared.OPS_METRICS,
)


class Endpoints:
    """Answers from the books."""

    def __init__(self, books: CityBooks, board: Board, guard: Guard, clock: Clock) -> None:
        self._books = books
        self._board = board
        self._guard = guard
        self._clock = clock

    def add_to(self, application: web.Application) -> None:
        """Add the routes."""
        router = application.router
        router.add_get("/healthz", self._healthy)
        router.add_get("/metrics", self._metrics)
        router.add_get("/v1/summary", self._summary)
        router.add_get("/v1/processes", self._guarded(self._processes))
        router.add_get("/v1/rides", self._guarded(self._rides))
        router.add_get("/v1/rides/{ride}", self._guarded(self._ride))
        router.add_get("/v1/drivers", self._guarded(self._drivers))
        router.add_get("/v1/drivers/{driver}", self._guarded(self._driver))

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._guard.check_header(request.headers.get("Authorization", ""))
            except NotAllowed as refusal:
                return error_reply(401, "unauthorized", str(refusal))
            return await handler(request)

        return guarded

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        text = prometheus_text(self._books.processes.newest(), _SPECS)
        return web.Response(text=text, content_type="text/plain", charset="utf-8")

    async def _summary(self, _: web.Request) -> web.Response:
        return web.Response(text=self._board.summary_json, content_type="application/json")

    async def _processes(self, _: web.Request) -> web.Response:
        return json_reply(
            ProcessesReply(processes=self._books.processes.lines(self._clock.now_ms()))
        )

    async def _rides(self, request: web.Request) -> web.Response:
        asked = request.query.get("state")
        try:
            state = None if asked is None else RideState(asked)
        except ValueError:
            known = ", ".join(RideState)
            return error_reply(400, "bad_state", f"{asked} is none of {known}", field="state")
        limit = _limit(request)
        if limit is None:
            return error_reply(400, "bad_limit", f"limit is 1 to {LIMIT_MAX}", field="limit")
        return json_reply(RidesReply(rides=self._books.rides.newest(state=state, limit=limit)))

    async def _ride(self, request: web.Request) -> web.Response:
        ride = RideId(request.match_info["ride"])
        story = self._books.rides.story(ride)
        if story is None:
            return error_reply(404, "unknown_ride", f"nothing of {ride} in the last hour")
        return json_reply(story)

    async def _drivers(self, request: web.Request) -> web.Response:
        digits = request.query.get("search", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
            return error_reply(
                400, "bad_search", f"search is 1 to {_DIGITS_MAX} digits", field="search"
            )
        limit = _limit(request)
        if limit is None:
            return error_reply(400, "bad_limit", f"limit is 1 to {LIMIT_MAX}", field="limit")
        return json_reply(DriversReply(drivers=self._books.drivers.search(digits, limit=limit)))

    async def _driver(self, request: web.Request) -> web.Response:
        asked = request.match_info["driver"]
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 10 else 0
        reply = self._books.drivers.reply(number, self._clock.now_ms()) if number else None
        if reply is None:
            return error_reply(404, "unknown_driver", f"no position of driver {asked}")
        return json_reply(reply)


def _limit(request: web.Request) -> int | None:
    """The `limit` that was asked for; None where it is none."""
    asked = request.query.get("limit", str(LIMIT))
    if not (asked.isascii() and asked.isdigit() and 1 <= len(asked) <= 4):
        return None
    return int(asked) if 1 <= int(asked) <= LIMIT_MAX else None

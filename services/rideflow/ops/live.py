"""`WS /v1/ops/live`: the summary once a second, the drivers that changed twice a second.

Frames are made once for all viewers. A viewer that reads slowly waits in its own send and then
gets what changed since its last frame: newest places only, nothing queues up.
"""

import asyncio
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.operations import Summary
from rideflow.contracts.push import WatchHello
from rideflow.ops.city_books import CityBooks
from rideflow.ops.guard import Guard, NotAllowed

HELLO_S: Final = 5.0
KEEPALIVE_S: Final = 20.0
CITY_MS: Final = 500
SEND_S: Final = 10.0  # a viewer whose socket takes nothing for so long is cut off

_decode_hello = msgspec.json.Decoder(WatchHello).decode


class Board:
    """What all viewers are shown, made once."""

    def __init__(self, books: CityBooks, clock: Clock) -> None:
        self.summary: Summary = books.summary()
        self.summary_json = msgspec.json.encode(self.summary).decode()
        self._books = books
        self._clock = clock
        self._frames: dict[int, tuple[int, bytes]] = {}  # since tick -> (until tick, frame)

    def refresh(self) -> None:
        """Make the summary anew."""
        self.summary = self._books.summary()
        self.summary_json = msgspec.json.encode(self.summary).decode()

    def city_since(self, tick: int) -> tuple[int, bytes]:
        """The tick now, and the CITY frame of what changed after `tick`; empty where nothing did.

        Kept for the viewers who ask for the same in the same tick, which is nearly all.
        """
        now = self._books.drivers.tick
        if now == tick:
            return now, b""
        kept = self._frames.get(tick)
        if kept is None or kept[0] != now:
            frame = self._books.drivers.city_frame(tick, self._clock.now_ms())
            self._frames = {since: it for since, it in self._frames.items() if it[0] == now}
            kept = self._frames[tick] = now, frame
        return kept


class LiveServer:
    """Handles sockets of operator pages."""

    def __init__(self, board: Board, guard: Guard, clock: Clock, metrics: Registry) -> None:
        self._board = board
        self._guard = guard
        self._clock = clock
        self._viewers = metrics.gauge("ops_live_viewers")

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Serve one page until it leaves."""
        ws = web.WebSocketResponse(compress=False, max_msg_size=4096, heartbeat=KEEPALIVE_S)
        await ws.prepare(request)
        try:
            self._guard.check_token(await _hello_token(ws))
        except NotAllowed as refusal:
            await ws.close(code=CloseCode.BAD_TOKEN, message=str(refusal).encode()[:120])
            return ws
        self._viewers.set(self._viewers.value + 1)
        try:
            async with asyncio.TaskGroup() as tasks:
                showing = tasks.create_task(self._show(ws))
                async for _ in ws:  # a page has nothing to say; this sees it leave
                    pass
                showing.cancel()
        finally:
            self._viewers.set(self._viewers.value - 1)
        return ws

    async def _show(self, ws: web.WebSocketResponse) -> None:
        tick = 0
        shown_summary: Summary | None = None
        due_ms = self._clock.monotonic_ms()
        try:
            while not ws.closed:
                async with asyncio.timeout(SEND_S):
                    if self._board.summary is not shown_summary:
                        shown_summary = self._board.summary
                        await ws.send_str(self._board.summary_json)
                    tick, frame = self._board.city_since(tick)
                    if frame:
                        await ws.send_bytes(frame)
                due_ms = max(due_ms + CITY_MS, self._clock.monotonic_ms())
                await self._clock.sleep_until(due_ms)
        except TimeoutError:
            await ws.close(code=CloseCode.SLOW, message=b"nothing was read")
        except (ConnectionError, RuntimeError):
            return  # the page left while it was written to


async def _hello_token(ws: web.WebSocketResponse) -> str:
    try:
        async with asyncio.timeout(HELLO_S):
            message = await ws.receive()
        if message.type is not WSMsgType.TEXT:
            raise NotAllowed("the first message must be hello")
        return _decode_hello(message.data).token
    except TimeoutError:
        raise NotAllowed(f"no hello within {HELLO_S:g} s") from None
    except msgspec.MsgspecError as error:
        raise NotAllowed(f"the first message: {error}") from None

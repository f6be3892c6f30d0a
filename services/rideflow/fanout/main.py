"""The fan-out process: settings, tasks, the beginning and the end."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from aiohttp import web

from groundwork.seams import Clock
from rideflow.contracts.metrics import FANOUT_METRICS
from rideflow.contracts.ports import FANOUT_PORT_OFFSET, GATEWAY_PORT
from rideflow.fanout.log_readers import read_positions, read_rides
from rideflow.fanout.watch_room import WatchRoom
from rideflow.fanout.watch_server import WatchServer
from rideflow.running import Service, ServiceSettings, run_service, serve_http
from rideflow.running.tokens import TokenKey
from rideflow.running.web import make_application

_LATE_SLICES_MAX: Final = 5  # further behind, slices are left out instead of being hurried through


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutSettings(ServiceSettings):
    """How riders are served."""

    port: int = GATEWAY_PORT + FANOUT_PORT_OFFSET  # of WS /v1/watch
    slices_per_second: int = 25  # a multiple of 5: more of them spread sends further
    sessions_max: int = 19_000  # the usual limit of open files is 20,000
    token_secret: str = ""  # shared with whoever signs tokens; at least 32 bytes


def run(settings: FanoutSettings) -> None:
    """Run until told to stop."""
    run_service("fanout", settings, FANOUT_METRICS, _main)


async def _main(service: Service) -> None:
    settings = service.settings
    assert isinstance(settings, FanoutSettings)
    secret = settings.token_secret
    try:
        token_key = TokenKey(secret, service.clock)
    except ValueError as error:
        raise OSError(str(error)) from None
    room = WatchRoom(
        service.clock,
        service.metrics,
        key=blake2b(b"pseudonyms", key=secret.encode()[:64]).digest(),
        epoch=f"{service.clock.now_ms():x}",
        slices_per_second=settings.slices_per_second,
    )
    server = WatchServer(
        room, token_key, service.clock, service.metrics, sessions_max=settings.sessions_max
    )
    readers = (service.log, room, service.clock, service.metrics)
    service.tasks.create_task(read_positions(*readers), name="positions")
    service.tasks.create_task(read_rides(*readers), name="rides")
    service.tasks.create_task(
        run_slices(room, service.clock, settings.slices_per_second), name="slices"
    )
    application = make_application()
    application.router.add_get("/v1/watch", server.watch)
    application.router.add_get("/healthz", _healthy)
    runner = await serve_http(application, service="fanout", host=settings.host, port=settings.port)
    try:
        await service.stopping.wait()
        room.close()
    finally:
        await runner.cleanup()


async def run_slices(room: WatchRoom, clock: Clock, slices_per_second: int) -> None:
    """Run slices at their times until cancelled. Late ones are caught up with, to a point."""
    begin_ms = clock.monotonic_ms()
    number = 0
    while True:
        number += 1
        due_ms = begin_ms + number * 1000 // slices_per_second
        await clock.sleep_until(due_ms)
        late = (clock.monotonic_ms() - due_ms) * slices_per_second // 1000
        if late > _LATE_SLICES_MAX:
            number += late
        room.run_slice(number)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")

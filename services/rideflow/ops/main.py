"""The ops process: settings, tasks, the beginning and the end."""

from dataclasses import dataclass

from groundwork.seams import Clock
from rideflow.contracts.metrics import OPS_METRICS
from rideflow.contracts.ports import GATEWAY_PORT, OPS_PORT_OFFSET
from rideflow.ops.city_books import CityBooks
from rideflow.ops.endpoints import Endpoints
from rideflow.ops.guard import Guard
from rideflow.ops.live import Board, LiveServer
from rideflow.ops.log_readers import (
    audit_pings,
    read_positions,
    read_rides,
    read_vitals,
    watch_topics,
)
from rideflow.running import Service, ServiceSettings, run_service, serve_http
from rideflow.running.tokens import TokenKey
from rideflow.running.web import make_application


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsSettings(ServiceSettings):
    """How operators are served."""

    port: int = GATEWAY_PORT + OPS_PORT_OFFSET  # of the HTTP endpoints
    token_secret: str = ""  # shared with whoever signs tokens; at least 32 bytes


def run(settings: OpsSettings) -> None:
    """Run until told to stop."""
    run_service("ops", settings, OPS_METRICS, _main)


async def _main(service: Service) -> None:
    settings = service.settings
    assert isinstance(settings, OpsSettings)
    try:
        guard = Guard(TokenKey(settings.token_secret, service.clock))
    except ValueError as error:
        raise OSError(str(error)) from None
    books = CityBooks(service.clock)
    board = Board(books, service.clock)
    log, clock, metrics = service.log, service.clock, service.metrics
    for name, reader in (
        ("audit", audit_pings(log, books, clock, metrics)),
        ("positions", read_positions(log, books, clock, metrics)),
        ("rides", read_rides(log, books, clock, metrics)),
        ("vitals-reader", read_vitals(log, books, metrics)),
        ("topics", watch_topics(log, books, clock)),
        ("board", refresh_board(board, clock)),
    ):
        service.tasks.create_task(reader, name=name)
    application = make_application()
    Endpoints(books, board, guard, clock).add_to(application)
    live = LiveServer(board, guard, clock, metrics)
    application.router.add_get("/v1/ops/live", live.watch)
    runner = await serve_http(application, service="ops", host=settings.host, port=settings.port)
    try:
        await service.stopping.wait()
    finally:
        await runner.cleanup()


async def refresh_board(board: Board, clock: Clock) -> None:
    """Make the summary once a second until cancelled."""
    due_ms = clock.monotonic_ms()
    while True:
        board.refresh()
        due_ms = max(due_ms + 1000, clock.monotonic_ms())
        await clock.sleep_until(due_ms)

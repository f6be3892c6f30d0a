"""The broker process: opens the logs, listens, says so, and ends in order.

Ending: take no more connections and requests, answer parked fetches, write, sync and
checkpoint, send the answers, close connections, close files.
"""

import asyncio
import errno
import gc
import logging
import random
import signal
import socket
import sys
from asyncio.trsock import TransportSocket
from collections.abc import Awaitable, Callable

from groundwork.real.clocks import SystemClock
from groundwork.real.disk import OsDirectory
from streamcore.broker.assembly import World, assemble
from streamcore.broker.cleaner_process import ProcessWorker
from streamcore.broker.connection import Connection
from streamcore.broker.data_dir_lock import DataDirInUse, DataDirLock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.producer_ids import ProducerIdsUnreadable
from streamcore.broker.retention_rounds import RetentionRounds
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topics import TopicsUnreadable

logger = logging.getLogger(__name__)

BACKLOG = 1024
# A peer that is silent for a minute is asked; unanswered for another, it is gone.
KEEPALIVE_IDLE_S = 60
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 6
EXIT_FAILURE = 1
# A tick of requests makes some thousand objects that die with it: looking for cycles
# among them seven times as often, as by default, finds none.
GC_THRESHOLDS = (5_000, 20, 50)


class CannotListen(Exception):
    """The broker's address cannot be had."""


class Broker:
    """One running broker: its services, its listener and its connections."""

    def __init__(self, services: BrokerServices) -> None:
        self.services = services
        self._connections: set[Connection] = set()
        self._all_closed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._metrics_server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Accept connections; return the port. Raises `CannotListen`."""
        loop = asyncio.get_running_loop()
        settings = self.services.settings
        self._server = await _listening(
            settings.listen_host,
            settings.listen_port,
            lambda host, port: loop.create_server(self._connection, host, port, backlog=BACKLOG),
        )
        for listening in self._server.sockets:
            _watch_peers(listening)
        port: int = self._server.sockets[0].getsockname()[1]
        self.services.listening_port = port
        if settings.metrics_port is not None:
            # Imported here: most brokers do without the page and what it brings along.
            from streamcore.broker.metrics_page import MetricsPage

            page = MetricsPage(self.services, lambda: len(self._connections))
            self._metrics_server = await _listening(
                settings.listen_host, settings.metrics_port, page.listen
            )
        return port

    def _connection(self) -> Connection:
        return Connection(self.services, REGISTRY, on_open=self._on_open, on_closed=self._on_closed)

    def _on_open(self, connection: Connection) -> bool:
        if len(self._connections) >= self.services.settings.connections_max:
            return False
        self._connections.add(connection)
        return True

    def _on_closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()

    async def run(self) -> None:
        """Do the work beside the connections until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.services.durability.run())
            tasks.create_task(RetentionRounds(self.services).run())
            tasks.create_task(self.services.groups.run())
            tasks.create_task(self.services.cleaner.run())

    async def close(self) -> None:
        """End in order: what was taken is answered, and nothing that was answered is lost."""
        services = self.services
        for server in (self._server, self._metrics_server):
            if server is not None:
                server.close()
        for connection in self._connections:
            connection.stop_requests()
        services.groups.close()
        await services.cleaner.close()
        services.fetches.on_shutdown()
        services.appends.flush()
        await services.durability.close()
        services.sends.flush()
        await self._close_connections()
        services.topics.close()

    async def _close_connections(self) -> None:
        """Let peers take their answers, those that are too slow for a limited time."""
        if not self._connections:
            return
        self._all_closed.clear()
        for connection in self._connections:
            connection.close()
        try:
            async with asyncio.timeout(self.services.settings.shutdown_timeout_ms / 1000):
                await self._all_closed.wait()
        except TimeoutError:
            logger.warning("%d connections did not take their answers", len(self._connections))
            for connection in self._connections:
                connection.abort()


def _watch_peers(listening: socket.socket | TransportSocket) -> None:
    """Have the kernel find peers that are gone without a word: their connections end.

    Connections inherit this from the socket that accepts them (Linux, tcp(7)).
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)


async def _listening(
    host: str, port: int, listen: Callable[[str, int], Awaitable[asyncio.Server]]
) -> asyncio.Server:
    try:
        return await listen(host, port)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error}"
        raise CannotListen(f"{host}:{port} {why}") from error


async def run_broker(
    settings: BrokerSettings,
    *,
    on_ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
) -> int:
    """Run a broker on this machine until SIGTERM, SIGINT or `stop`; return the exit status.

    Prints `ready kafka://HOST:PORT node=N` once it accepts (or hands it to `on_ready`). What
    keeps it from starting is one line on standard error and status 1.
    """
    stop = stop or asyncio.Event()
    try:
        lock = DataDirLock(settings.data_dir)
    except (DataDirInUse, OSError) as error:
        return _cannot_start(error)
    try:
        return await _run_locked(settings, on_ready or _print_line, stop)
    finally:
        lock.release()


def _cannot_start(error: Exception) -> int:
    sys.stderr.write(f"broker cannot start: {error}\n")
    return EXIT_FAILURE


async def _run_locked(
    settings: BrokerSettings, on_ready: Callable[[str], None], stop: asyncio.Event
) -> int:
    world = World(
        clock=SystemClock(),
        rng=random.SystemRandom(),
        directory=OsDirectory(settings.data_dir),
        cleaning_worker=ProcessWorker(
            settings.data_dir, key_map_bytes=settings.log_cleaner_dedupe_buffer_size
        ),
    )
    try:
        broker = Broker(assemble(settings, world))
    except (TopicsUnreadable, ProducerIdsUnreadable, OSError) as error:
        return _cannot_start(error)
    try:
        port = await broker.listen()
        _on_signals(stop.set)
        # What lives now lives until the end: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        on_ready(f"ready kafka://{settings.listen_host}:{port} node={settings.node_id}")
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(broker.run())
            await stop.wait()
            work.cancel()
    except CannotListen as error:
        return _cannot_start(error)
    finally:
        await broker.close()
    return 0


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

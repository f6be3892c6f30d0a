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
from dataclasses import replace

from groundwork.real.clocks import SystemClock
from groundwork.real.disk import OsDirectory
from streamcore.broker.assembly import World, assemble
from streamcore.broker.cleaner_process import ProcessWorker
from streamcore.broker.connection import Connection
from streamcore.broker.data_dir_lock import DataDirInUse, DataDirLock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.producer_ids import ProducerIdsUnreadable
from streamcore.broker.retention_rounds import RetentionRounds
from streamcore.broker.security.certificates import Certificates, CertificatesUnusable
from streamcore.broker.security.credentials import CredentialsUnreadable
from streamcore.broker.security.listeners import Listener, ListenerPlan, plan_listeners
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings, InvalidSetting
from streamcore.broker.topics import TopicsUnreadable

logger = logging.getLogger(__name__)

BACKLOG = 1024
# A peer that is silent for a minute is asked; unanswered for another, it is gone.
KEEPALIVE_IDLE_S = 60
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 6
# How often connections are looked at: how late a peer may be found to be too slow.
LOOK_ROUND_MS = 1_000
EXIT_FAILURE = 1
# A tick of requests makes some thousand objects that die with it: looking for cycles
# among them seven times as often, as by default, finds none.
GC_THRESHOLDS = (5_000, 20, 50)


# What makes a broker unable to start, and is said in one line.
CANNOT_START = (
    TopicsUnreadable,
    ProducerIdsUnreadable,
    CredentialsUnreadable,
    CertificatesUnusable,
    InvalidSetting,
    OSError,
)


class CannotListen(Exception):
    """The broker's address cannot be had."""


class Broker:
    """One running broker: its services, its listeners and its connections.

    Raises `InvalidSetting` and `CertificatesUnusable`.
    """

    def __init__(self, services: BrokerServices) -> None:
        self.services = services
        self._plans = plan_listeners(services.settings)
        has_tls = any(plan.protocol.has_tls for plan in self._plans)
        self._certificates = Certificates(services.settings) if has_tls else None
        self._all_closed = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self.listening: list[ListenerPlan] = []

    async def listen(self) -> int:
        """Accept connections; return the first listener's port. Raises `CannotListen`."""
        settings = self.services.settings
        self.listening = [await self._listen(plan) for plan in self._plans]
        first = self.listening[0]
        if settings.metrics_port is not None:
            # Imported here: most brokers do without the page and what it brings along.
            from streamcore.broker.metrics_page import MetricsPage

            page = MetricsPage(self.services, lambda: len(self.services.crowd))
            self._servers.append(await _listening(first.host, settings.metrics_port, page.listen))
        return first.port

    async def _listen(self, plan: ListenerPlan) -> ListenerPlan:
        if plan.protocol.has_sasl and not len(self.services.guard.users):
            logger.warning("there are no users yet: nobody can log in at %s", plan)
        loop = asyncio.get_running_loop()
        told: list[Listener] = []

        async def listen(host: str, port: int) -> asyncio.Server:
            server = await loop.create_server(
                lambda: self._protocol(told[0]), host, port, backlog=BACKLOG, start_serving=False
            )
            # Which port is ours has to be known before the first peer comes.
            told.append(plan.met_at(_port_of(server)))
            for listening in server.sockets:
                _watch_peers(listening)
            await server.start_serving()
            return server

        server = await _listening(plan.host, plan.port, listen)
        self._servers.append(server)
        return replace(plan, port=_port_of(server))

    def _protocol(self, listener: Listener) -> asyncio.BaseProtocol:
        connection = self._connection(listener)
        if self._certificates is None or not listener.protocol.has_tls:
            return connection
        # Imported here, as below: most brokers have none of these, and are ready sooner.
        from streamcore.broker.security.tls_link import TlsLink

        call_soon = asyncio.get_running_loop().call_soon
        return TlsLink(self._certificates.context, connection, call_soon=call_soon)

    def _connection(self, listener: Listener) -> Connection:
        kind: type[Connection] = Connection
        if listener.protocol.has_sasl:
            from streamcore.broker.sasl_connection import SaslConnection

            kind = SaslConnection
        return kind(self.services, REGISTRY, listener=listener, on_closed=self._on_closed)

    def _on_closed(self, connection: Connection) -> None:
        if not len(self.services.crowd):
            self._all_closed.set()

    @property
    def has_certificates(self) -> bool:
        return self._certificates is not None

    def reload_certificates(self) -> None:
        """Meet new connections with what the files hold now; those that are open stay."""
        assert self._certificates is not None
        try:
            self._certificates.reload()
        except CertificatesUnusable as fault:
            logger.error("certificates are not read again: %s", fault)  # noqa: TRY400  # it says all
        else:
            logger.warning("certificates were read again")

    async def run(self) -> None:
        """Do the work beside the connections until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.services.durability.run())
            tasks.create_task(RetentionRounds(self.services).run())
            tasks.create_task(self.services.groups.run())
            tasks.create_task(self.services.cleaner.run())
            tasks.create_task(self.services.transactions.run())
            tasks.create_task(self._look_round())

    async def _look_round(self) -> None:
        services = self.services
        while True:
            now_ms = services.clock.monotonic_ms()
            services.crowd.look_round(now_ms)
            services.peer_journal.close_window()
            await services.clock.sleep_until(now_ms + LOOK_ROUND_MS)

    async def close(self) -> None:
        """End in order: what was taken is answered, and nothing that was answered is lost."""
        services = self.services
        for server in self._servers:
            server.close()
        for connection in services.crowd.members():
            connection.stop_requests()
        services.groups.close()
        await services.cleaner.close()
        services.fetches.on_shutdown()
        services.appends.flush()
        await services.durability.close()
        services.sends.flush()
        await self._close_connections()
        services.guard.passwords.close()
        services.topics.close()

    async def _close_connections(self) -> None:
        """Let peers take their answers, those that are too slow for a limited time."""
        crowd = self.services.crowd
        if not len(crowd):
            return
        self._all_closed.clear()
        for connection in crowd.members():
            connection.close()
        try:
            async with asyncio.timeout(self.services.settings.shutdown_timeout_ms / 1000):
                await self._all_closed.wait()
        except TimeoutError:
            logger.warning("%d connections did not take their answers", len(crowd))
            for connection in crowd.members():
                connection.abort()


def _port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


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
    except CANNOT_START as error:
        return _cannot_start(error)
    try:
        await broker.listen()
        first, *others = broker.listening
        _on_signals(stop.set, broker)
        # What lives now lives until the end: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        for other in others:
            on_ready(f"listening {other}")
        on_ready(f"ready kafka://{first.host}:{first.port} node={settings.node_id}")
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(broker.run())
            await stop.wait()
            work.cancel()
    except CannotListen as error:
        return _cannot_start(error)
    finally:
        await broker.close()
    return 0


def _on_signals(stop: Callable[[], None], broker: Broker) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if broker.has_certificates:
        loop.add_signal_handler(signal.SIGHUP, broker.reload_certificates)


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

"""The broker's figures as a Prometheus page, on a port of its own: `GET /metrics`.

Imported only where a metrics port is set: the registry brings numpy, which a small broker
can do without.
"""

import asyncio
import logging
from collections.abc import Callable

from groundwork.metrics import MetricSpec, Registry
from streamcore.broker.services import BrokerServices

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 5.0
REQUEST_BYTES_MAX = 8192

METRICS = (
    MetricSpec(name="broker_connections", kind="gauge", help="Open client connections."),
    MetricSpec(name="broker_topics", kind="gauge", help="Topics."),
    MetricSpec(name="broker_partitions", kind="gauge", help="Partitions of all topics."),
    MetricSpec(name="broker_log_bytes", kind="gauge", help="Bytes in all segments."),
    MetricSpec(name="broker_tail_bytes", kind="gauge", help="Bytes in the tail cache."),
    MetricSpec(name="broker_parked_fetches", kind="gauge", help="Fetches that wait for records."),
    MetricSpec(
        name="broker_appended_batches_total", kind="counter", help="Batches since the start."
    ),
    MetricSpec(name="broker_appended_bytes_total", kind="counter", help="Bytes since the start."),
    MetricSpec(name="broker_sync_rounds_total", kind="counter", help="Group commits."),
    MetricSpec(name="broker_receive_bytes", kind="gauge", help="Memory of all receive buffers."),
    MetricSpec(
        name="broker_unsent_bytes", kind="gauge", help="Answers that slow peers have not taken."
    ),
    MetricSpec(
        name="broker_refused_connections_total", kind="counter", help="Connections too many."
    ),
    MetricSpec(
        name="broker_cut_connections_total",
        kind="counter",
        help="Connections ended for being idle, too slow, or never authenticated.",
    ),
    MetricSpec(
        name="broker_cleaner_dirty_ratio_max",
        kind="gauge",
        help="Dirty part of the dirtiest compacted log, when it was last looked at.",
    ),
    MetricSpec(
        name="broker_cleaner_seconds_since_round",
        kind="gauge",
        help="Since the last round of compaction; -1 before the first.",
    ),
    MetricSpec(
        name="broker_cleaner_set_aside",
        kind="gauge",
        help="Logs that are not compacted any more, for the reason in the journal.",
    ),
    MetricSpec(name="broker_cleaner_rounds_total", kind="counter", help="Rounds of compaction."),
    MetricSpec(
        name="broker_cleaner_bytes_total", kind="counter", help="Bytes that compaction went over."
    ),
    MetricSpec(
        name="broker_cleaner_failures_total",
        kind="counter",
        help="Rounds of compaction that came to nothing.",
    ),
)


class MetricsPage:
    """Reads the figures when the page is asked for: they cost nothing in between."""

    def __init__(self, services: BrokerServices, connection_count: Callable[[], int]) -> None:
        self._services = services
        self._connection_count = connection_count
        self._registry = Registry(METRICS)

    def text(self) -> str:
        """The page, with the figures of now."""
        services = self._services
        replicas = services.topics.replicas()
        for name, value in (
            ("broker_connections", self._connection_count()),
            ("broker_topics", len(services.topics)),
            ("broker_partitions", len(replicas)),
            ("broker_log_bytes", sum(replica.log.bytes_held for replica in replicas)),
            ("broker_tail_bytes", services.topics.tail_bytes_held),
            ("broker_parked_fetches", services.fetches.parked_count),
            ("broker_receive_bytes", services.crowd.receive_bytes()),
            ("broker_unsent_bytes", services.crowd.unsent_bytes),
            ("broker_cleaner_dirty_ratio_max", services.cleaner.dirty_ratio_max),
            ("broker_cleaner_seconds_since_round", services.cleaner.seconds_since_round()),
            ("broker_cleaner_set_aside", services.cleaner.set_aside_count),
        ):
            self._registry.gauge(name).set(value)
        for name, value in (
            ("broker_appended_batches_total", sum(r.appended_batches for r in replicas)),
            ("broker_appended_bytes_total", sum(r.appended_bytes for r in replicas)),
            ("broker_sync_rounds_total", services.durability.sync_rounds),
            ("broker_refused_connections_total", services.crowd.refused_total),
            ("broker_cut_connections_total", services.crowd.cut_total.total()),
            ("broker_cleaner_rounds_total", services.cleaner.rounds),
            ("broker_cleaner_bytes_total", services.cleaner.bytes_cleaned),
            ("broker_cleaner_failures_total", services.cleaner.failures),
        ):
            self._registry.counter(name).value = value
        return self._registry.prometheus_text()

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Answer from now on. Raises `OSError` where the port cannot be had."""
        server = await asyncio.start_server(self._answer, host, port, limit=REQUEST_BYTES_MAX)
        where = server.sockets[0].getsockname()
        logger.info("metrics on http://%s:%d/metrics", where[0], where[1])
        return server

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            is_known = head.startswith((b"GET /metrics ", b"GET /metrics?"))
            body = self.text() if is_known else "only GET /metrics\n"
            status = "200 OK" if is_known else "404 Not Found"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\n"
                f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
            )
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            logger.debug("a request for metrics came to nothing")
        finally:
            writer.close()

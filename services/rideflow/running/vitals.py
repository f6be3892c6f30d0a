"""Once a second a process tells `service.vitals` how it is."""

from __future__ import annotations

import logging
import os
import resource
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from rideflow.contracts.topics import SERVICE_VITALS
from rideflow.contracts.vitals import Vitals
from streamcore.client.api import Backpressure, LogError, OutRecord, TopicName

if TYPE_CHECKING:
    from rideflow.running.service import Service

journal = logging.getLogger("hailstream.vitals")

PERIOD_MS = 1000
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def publish_vitals(service: Service) -> None:
    """Publish until cancelled. A second that cannot be told is skipped: the next one says all."""
    producer = service.log.producer()
    started_ms = service.clock.now_ms()
    due_ms = service.clock.monotonic_ms()
    while True:
        vitals = _vitals(service, started_ms)
        key = f"{vitals.service}/{vitals.instance}".encode()
        record = OutRecord(key=key, value=msgspec.json.encode(vitals))
        try:
            producer.send_records(TopicName(SERVICE_VITALS.name), [record], partial(_told, service))
        except Backpressure:
            journal.debug("the log is behind: no vitals this second")
        due_ms += PERIOD_MS
        await service.clock.sleep_until(due_ms)


def _told(service: Service, error: LogError | None) -> None:
    # On the way out the producer closes over what is in flight: that is no news.
    if error is not None and not service.stopping.is_set():
        journal.warning("vitals were not taken: %s", error)


def _vitals(service: Service, started_ms: int) -> Vitals:
    return Vitals(
        service=service.name,
        instance=service.settings.instance,
        pid=os.getpid(),
        at_ms=service.clock.now_ms(),
        started_ms=started_ms,
        cpu_s=cpu_seconds(),
        rss_mb=rss_mb(),
        counters=service.metrics.counters(),
        gauges=service.metrics.gauges(),
        histograms=service.metrics.histograms(),
    )


def cpu_seconds() -> float:
    """User and system time of this process since it started."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_mb() -> float:
    """Resident memory now, in MiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE_MB

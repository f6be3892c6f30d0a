"""The shell around a service: it brings the world in and says once a second how it is."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from groundwork.journal import setup_journal
from groundwork.metrics import MetricSpec, Registry
from groundwork.real.clocks import SystemClock
from groundwork.seams import Clock
from groundwork.supervise import leaves, run_process
from rideflow.contracts.topics import ALL_TOPICS
from rideflow.running.vitals import publish_vitals
from streamcore.client import connect
from streamcore.client.api import Log, LogError, LogSettings, TopicName, TopicSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What every service can be told."""

    bootstrap_servers: str = "127.0.0.1:9092"  # where the log is
    client_config: str = ""  # file in Kafka's properties form: how to log in there
    engine: str = "columnar"  # of the log client: columnar or librdkafka
    instance: int = 0  # tells several processes of one service apart
    host: str = "127.0.0.1"  # address to listen on
    port: int = 0  # 0: the operating system chooses


@dataclass(slots=True, kw_only=True)
class Service:
    """What a service's `main` is given."""

    name: str
    settings: ServiceSettings
    clock: Clock
    log: Log
    metrics: Registry
    tasks: asyncio.TaskGroup
    stopping: asyncio.Event


class _Drained(Exception):
    """Not an error: how a task group is told that its service has drained and may end."""


ServiceMain = Callable[[Service], Awaitable[None]]


def run_service(
    name: str, settings: ServiceSettings, specs: Sequence[MetricSpec], main: ServiceMain
) -> None:
    """Run a service until SIGTERM or SIGINT.

    `main` starts its work in `service.tasks`, waits for `service.stopping`, drains within three
    seconds and returns; whatever still runs in `service.tasks` is then cancelled. What cannot
    start ends the process with one line that says why, and status 1.
    """
    setup_journal()
    journal = logging.getLogger(f"hailstream.{name}")
    try:
        run_process(lambda stopping: _serve(name, settings, specs, main, stopping))
    except* (LogError, OSError) as errors:
        for error in leaves(errors):
            journal.error("%s cannot go on: %s", name, error)
        sys.exit(1)


async def _serve(
    name: str,
    settings: ServiceSettings,
    specs: Sequence[MetricSpec],
    main: ServiceMain,
    stopping: asyncio.Event,
) -> None:
    clock = SystemClock()
    log_settings = LogSettings(
        bootstrap_servers=settings.bootstrap_servers,
        client_config=settings.client_config,
        engine=settings.engine,
        client_id=f"{name}-{settings.instance}",
    )
    log = await _unless_stopped(stopping, connect(log_settings, clock))
    if log is None:
        return
    try:
        await log.admin.ensure_topics(
            [
                TopicSpec(name=TopicName(t.name), partitions=t.partitions, configs=t.configs)
                for t in ALL_TOPICS
            ]
        )
        async with asyncio.TaskGroup() as tasks:
            service = Service(
                name=name,
                settings=settings,
                clock=clock,
                log=log,
                metrics=Registry(specs),
                tasks=tasks,
                stopping=stopping,
            )
            tasks.create_task(publish_vitals(service), name="vitals")
            await _run_and_end(main, service)
    except* _Drained:
        pass
    finally:
        await log.close()


async def _unless_stopped(stopping: asyncio.Event, connecting: Awaitable[Log]) -> Log | None:
    """Wait for the log, which may take its time, or for the word to stop: then None."""
    async with asyncio.TaskGroup() as tasks:
        stop = tasks.create_task(_until(stopping))
        work = tasks.create_task(_awaited(connecting))
        await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        work.cancel()
    return None if work.cancelled() else work.result()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _awaited(connecting: Awaitable[Log]) -> Log:
    return await connecting


async def _run_and_end(main: ServiceMain, service: Service) -> None:
    await main(service)
    raise _Drained

"""A service's main over a fake log, as `run_service` would start it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from groundwork.metrics import MetricSpec, Registry
from groundwork.real.clocks import SystemClock
from rideflow.running import Service, ServiceSettings
from streamcore.client.api import Log


@asynccontextmanager
async def running(
    main: Callable[[Service], Awaitable[None]],
    log: Log,
    settings: ServiceSettings,
    specs: Sequence[MetricSpec],
) -> AsyncIterator[Service]:
    """Run `main` while the block runs; then stop it as SIGTERM would, within three seconds."""
    async with asyncio.TaskGroup() as tasks:
        service = Service(
            name="tested",
            settings=settings,
            clock=SystemClock(),
            log=log,
            metrics=Registry(specs),
            tasks=tasks,
            stopping=asyncio.Event(),
        )
        work = tasks.create_task(_serve(main, service))
        try:
            yield service
        finally:
            service.stopping.set()
            async with asyncio.timeout(3):
                await asyncio.wait([work])


class _Drained(Exception):
    """Not an error: the service has drained and what still runs may be cancelled."""


async def _serve(main: Callable[[Service], Awaitable[None]], service: Service) -> None:
    try:
        async with asyncio.TaskGroup() as service.tasks:
            await _run_and_end(main, service)
    except* _Drained:
        pass


async def _run_and_end(main: Callable[[Service], Awaitable[None]], service: Service) -> None:
    await main(service)
    raise _Drained

"""How a process lives: one loop, one group of tasks, one way to stop.

`run_process` starts the loop and calls `main(stopping)`. SIGTERM and SIGINT set `stopping`;
`main` then drains and returns. What has not returned DRAIN_S later is cancelled, so that a
process always ends within the five seconds that operators are promised.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable

import uvloop

journal = logging.getLogger("hailstream.supervise")

DRAIN_S = 4.0

Main = Callable[[asyncio.Event], Awaitable[None]]


def run_process(main: Main) -> None:
    """Run `main` on uvloop until it returns. Errors leave as they are: the caller names them."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(main))


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside nested groups, for a person who wants to read what happened."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


async def _run(main: Main) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    # What start-up made lives as long as the process: keep the collector from walking it.
    gc.collect()
    gc.freeze()
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(_awaited(main(stopping)), name="main")
        watch = tasks.create_task(_cancel_after_drain(stopping, work), name="drain deadline")
        await asyncio.wait({work})
        watch.cancel()


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _cancel_after_drain(stopping: asyncio.Event, work: asyncio.Task[None]) -> None:
    await stopping.wait()
    _, late = await asyncio.wait({work}, timeout=DRAIN_S)
    if late:
        journal.warning("still draining after %.0f s: giving up what is left", DRAIN_S)
        work.cancel()

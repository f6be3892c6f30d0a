"""An event loop whose timers go by a clock that a test moves."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from groundwork.simulated.clocks import VirtualClock

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """`call_later` is due when the clock says so. Whoever waits for that alone waits for ever:
    the test goes on by turns of the loop, and moves the clock itself."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic_ms() / 1000


def run_virtually(clock: VirtualClock, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main` on a loop of this clock; what a callback raises is raised here."""
    faults: list[dict[str, Any]] = []

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        faults.append(context)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.get_loop().set_exception_handler(note)
        result = runner.run(main())
    for fault in faults:
        raise fault.get("exception") or AssertionError(fault["message"])
    return result


async def turns(count: int) -> None:
    """Let the loop go round some times."""
    for _ in range(count):
        await asyncio.sleep(0)

"""An event loop in virtual time: its timers follow a clock that a test moves."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from groundwork.simulated.clocks import VirtualClock

T = TypeVar("T")
# A loop that is not at rest by then never will be: two callbacks call each other.
TURNS_MAX = 10_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is due until nothing is, and never waits for time."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._virtual_clock = clock
        self.faults: list[BaseException] = []  # of callbacks and of tasks that nobody awaits
        self.set_exception_handler(self._on_fault)

    def time(self) -> float:
        return self._virtual_clock.monotonic_ms() / 1000

    def _on_fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.faults.append(context.get("exception") or RuntimeError(context["message"]))

    def call(self, work: Callable[[], T]) -> T:
        """Do something on the loop, and no more than that."""

        async def do() -> T:
            return work()

        return self.run_until_complete(do())

    def settle(self) -> None:
        """Go on until nothing is left to do at this time."""
        for _ in range(TURNS_MAX):
            self.call_soon(self.stop)
            self.run_forever()
            if not self._is_busy():
                return
        raise AssertionError("the loop does not come to rest")

    def _is_busy(self) -> bool:
        ready = getattr(self, "_ready")  # noqa: B009  # typeshed does not know it
        timers = getattr(self, "_scheduled")  # noqa: B009  # nor this
        return bool(ready) or bool(timers and timers[0].when() <= self.time())


def run_virtually(clock: VirtualClock, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main` on such a loop, which then waits for its sockets alone: the test goes on by turns
    of the loop, and moves the clock itself. What a callback raises is raised here."""
    loops: list[VirtualLoop] = []

    def make() -> VirtualLoop:
        loops.append(VirtualLoop(clock))
        return loops[-1]

    with asyncio.Runner(loop_factory=make) as runner:
        result = runner.run(main())
    for fault in loops[0].faults:
        raise fault
    return result


async def turns(count: int) -> None:
    """Let the loop go round some times."""
    for _ in range(count):
        await asyncio.sleep(0)

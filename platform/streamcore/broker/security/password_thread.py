"""Where passwords are compared: in one thread, so that the loop goes on meanwhile.

One thread bounds what peers that guess can take of the machine: they wait for each other.
Who waits is bounded by the connections, for each has one attempt at a time.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Check(Protocol[T_co]):
    """Work that takes long enough to be done elsewhere."""

    def outcome(self) -> T_co: ...


class PasswordThread:
    """Does checks one after another."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    def check(self, check: Check[T], on_outcome: Callable[[T], None]) -> Callable[[], object]:
        """Have `on_outcome` called on the loop; return how to forget about it."""
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, check.outcome)

        def tell(finished: "asyncio.Future[T]") -> None:
            if not finished.cancelled():
                on_outcome(finished.result())

        done.add_done_callback(tell)
        return done.cancel

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

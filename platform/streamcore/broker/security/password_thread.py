"""Where passwords are compared: in one thread, so that the loop goes on meanwhile.

One thread bounds what peers that guess can take of the machine: they wait for each other.
Who waits is bounded by the connections, for each has one attempt at a time.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from streamcore.broker.security.tokens import Accepted, PasswordCheck, Refused

Outcome = Accepted | Refused


class PasswordThread:
    """Does `PasswordCheck`s one after another."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    def check(
        self, check: PasswordCheck, on_outcome: Callable[[Outcome], None]
    ) -> Callable[[], object]:
        """Have `on_outcome` called on the loop; return how to forget about it."""
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, check.outcome)

        def tell(finished: "asyncio.Future[Outcome]") -> None:
            if not finished.cancelled():
                on_outcome(finished.result())

        done.add_done_callback(tell)
        return done.cancel

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

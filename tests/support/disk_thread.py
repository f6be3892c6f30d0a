"""The broker's disk thread as a queue: its jobs are done at once, or when a test says so."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DiskThread(Executor):
    """Does jobs in their order. While it `is_held`, they wait for `go_on`."""

    def __init__(self) -> None:
        self.is_held = False
        self._jobs: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        outcome: Future[T] = Future()

        def job() -> None:
            if outcome.set_running_or_notify_cancel():
                try:
                    outcome.set_result(work(*args, **kwargs))
                except Exception as failure:  # noqa: BLE001  # is told to who waits
                    outcome.set_exception(failure)

        self._jobs.append(job)
        if not self.is_held:
            self.go_on()
        return outcome

    def go_on(self) -> None:
        """Do what waits."""
        while self._jobs:
            self._jobs.popleft()()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.is_held = False
        self.go_on()

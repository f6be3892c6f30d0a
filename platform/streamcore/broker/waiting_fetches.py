"""The shell of the fetch purgatory: one timer, and the answers when fetches are ready."""

import asyncio
from collections.abc import Callable

from groundwork.seams import Clock
from streamcore.partition.purgatory import FetchPurgatory, ParkedFetch
from streamcore.partition.replica import Appended, Replica

AnswerNow = Callable[[], None]
Waiting = ParkedFetch[Replica, AnswerNow]


class WaitingFetches:
    """Parks fetches, and answers each exactly once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._purgatory: FetchPurgatory[Replica, AnswerNow] = FetchPurgatory()
        self._ready: list[Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0

    @property
    def parked_count(self) -> int:
        return self._purgatory.parked_count

    def park(
        self,
        replicas: list[Replica],
        *,
        bytes_missing: int,
        max_wait_ms: int,
        is_committed_only: bool,
        answer: AnswerNow,
    ) -> Callable[[], None]:
        """Call `answer` when enough was appended or the time is over; return how to forget it."""
        fetch: Waiting = ParkedFetch(
            partitions=replicas,
            bytes_missing=bytes_missing,
            deadline_ms=self._clock.monotonic_ms() + max_wait_ms,
            what=answer,
            is_committed_only=is_committed_only,
        )
        self._purgatory.park(fetch)
        self._arm()
        return lambda: self._purgatory.forget(fetch)

    def on_appended(self, replica: Replica, appended: Appended) -> None:
        self._ready += self._purgatory.on_append(
            replica, appended.size, stable_size=appended.stable_size
        )

    def on_gone(self, replica: Replica) -> None:
        """The partition was deleted: whoever waits for it hears so now."""
        self._ready += self._purgatory.on_gone(replica)
        self.answer_ready()

    def answer_ready(self) -> None:
        """Answer the fetches that appends have made ready, once all partitions are written."""
        ready, self._ready = self._ready, []
        for fetch in ready:
            fetch.what()

    def on_shutdown(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ready += self._purgatory.on_shutdown()
        self.answer_ready()

    def _arm(self) -> None:
        deadline_ms = self._purgatory.next_deadline_ms()
        if deadline_ms is None or (self._timer is not None and self._timer_ms <= deadline_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_ms = max(0, deadline_ms - self._clock.monotonic_ms())
        self._timer_ms = deadline_ms
        self._timer = asyncio.get_running_loop().call_later(delay_ms / 1000, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._ready += self._purgatory.on_tick(now_ms=self._clock.monotonic_ms())
        self.answer_ready()
        self._arm()

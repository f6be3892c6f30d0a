"""Fetches that wait: for enough bytes, or for their deadline, whichever is first.

A parked fetch is released exactly once. Whoever releases it (append, deadline, a closed
connection) takes it out of the table first, so that nobody else finds it there.
"""

import heapq
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class ParkedFetch(Generic[K, T]):
    """One waiting fetch. `what` is the caller's: whatever it needs to answer."""

    partitions: Sequence[K]
    bytes_missing: int
    deadline_ms: int
    what: T
    is_committed_only: bool = False
    is_parked: bool = field(default=True, init=False)


class FetchPurgatory(Generic[K, T]):
    """Decides which parked fetches are ready. Owns no timer and no socket.

    The shell calls `on_append` after each append and `on_tick` no later than
    `next_deadline_ms`, then answers whatever these return.
    """

    def __init__(self) -> None:
        self._waiting: dict[K, dict[int, ParkedFetch[K, T]]] = {}
        self._deadlines: list[tuple[int, int, ParkedFetch[K, T]]] = []
        self._count = 0
        self.parked_count = 0

    def park(self, fetch: ParkedFetch[K, T]) -> None:
        self._count += 1
        self.parked_count += 1
        heapq.heappush(self._deadlines, (fetch.deadline_ms, self._count, fetch))
        number, waiting = id(fetch), self._waiting
        for partition in fetch.partitions:
            if partition in waiting:
                waiting[partition][number] = fetch
            else:
                waiting[partition] = {number: fetch}

    def on_append(self, partition: K, size: int, *, stable_size: int) -> list[ParkedFetch[K, T]]:
        """Count new bytes of `partition`; return the fetches that have enough now.

        `stable_size` of them, or of earlier ones, are new to readers of committed records.
        """
        waiting = self._waiting.get(partition)
        if not waiting:
            return []
        ready = []
        for fetch in waiting.values():
            fetch.bytes_missing -= stable_size if fetch.is_committed_only else size
            if fetch.bytes_missing <= 0:
                ready.append(fetch)
        for fetch in ready:
            self._release(fetch)
        return ready

    def on_gone(self, partition: K) -> list[ParkedFetch[K, T]]:
        """The partition was deleted: release everyone who waits for it."""
        ready = list(self._waiting.get(partition, {}).values())
        for fetch in ready:
            self._release(fetch)
        return ready

    def on_tick(self, *, now_ms: int) -> list[ParkedFetch[K, T]]:
        """Release the fetches whose deadline has come."""
        ready = []
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            _, _, fetch = heapq.heappop(self._deadlines)
            if fetch.is_parked:
                self._release(fetch)
                ready.append(fetch)
        return ready

    def on_shutdown(self) -> list[ParkedFetch[K, T]]:
        """Release everyone."""
        ready = [fetch for _, _, fetch in self._deadlines if fetch.is_parked]
        for fetch in ready:
            self._release(fetch)
        return ready

    def forget(self, fetch: ParkedFetch[K, T]) -> None:
        """Nobody waits for this answer any more."""
        if fetch.is_parked:
            self._release(fetch)

    def next_deadline_ms(self) -> int | None:
        while self._deadlines and not self._deadlines[0][2].is_parked:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _release(self, fetch: ParkedFetch[K, T]) -> None:
        assert fetch.is_parked, "a fetch is released once"
        fetch.is_parked = False
        self.parked_count -= 1
        for partition in fetch.partitions:
            waiting = self._waiting.get(partition)
            if waiting is not None:
                waiting.pop(id(fetch), None)
                if not waiting:
                    del self._waiting[partition]
        # A fetch that was released early leaves a dead entry among the deadlines, at most
        # until its deadline; when most are dead the heap is made anew.
        if len(self._deadlines) > 64 and len(self._deadlines) > 2 * self.parked_count:
            self._deadlines = [entry for entry in self._deadlines if entry[2].is_parked]
            heapq.heapify(self._deadlines)

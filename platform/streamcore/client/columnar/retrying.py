"""Trying again what may succeed later, with back-off, until the request's time is over."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from groundwork.backoff import Backoff
from streamcore.client.api import LogError
from streamcore.client.columnar.cluster import Cluster

T = TypeVar("T")


async def retried(cluster: Cluster, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what `attempt` returns. Raises its last `LogError`, at once where it is final."""
    give_up_ms = cluster.deadline_ms()
    backoff = Backoff(cluster.rng)
    while True:
        try:
            return await attempt()
        except LogError as error:
            retry_ms = cluster.clock.monotonic_ms() + backoff.next_delay_ms()
            if not error.retriable or retry_ms >= give_up_ms:
                raise
            await cluster.clock.sleep_until(retry_ms)

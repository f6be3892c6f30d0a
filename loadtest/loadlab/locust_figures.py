"""Locust's statistics, made fit for operations of a few milliseconds."""

from typing import Any

import locust.stats

# Locust's annotations say whole milliseconds; its tables take any number.
_stats: Any = locust.stats


def keep_tenths_of_milliseconds() -> None:
    """Locust rounds response times below 100 ms to whole ones; keep one decimal there.

    Must run in the master and in every worker, so it is called where the locustfile is loaded.
    """
    _stats.bucket_response_time = lambda ms: round(ms, 1) if ms < 100 else round(ms, -1)


def add_operations(stats: Any, name: str, ms: list[float]) -> None:
    """Count one operation per entry of `ms`, as many calls of `request.fire` would.

    `fire` costs 3 microseconds an operation, more than a ping costs the gateway; the figures
    are the same (StatsEntry.log is what it calls in the end).
    """
    entry = stats.get(name, "WS")
    for value in ms:
        entry.log(value, 40)
        stats.total.log(value, 40)

"""When which drivers report: blocks of drivers spread evenly over the reporting period.

Open loop: a report's time is fixed beforehand and stays what it is when the sender is late,
so that lateness shows in the ages and nothing is silently left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rideflow.roads.arrays import Longs


@dataclass(frozen=True, slots=True, kw_only=True)
class DueBlocks:
    """Blocks `first .. last` (exclusive) make their report number `step`, at `fix_ms` each."""

    step: int
    first: int
    last: int
    fix_ms: Longs


class Schedule:
    """Block b makes its report k at `start_ms + (k + b / blocks) * period_ms`."""

    def __init__(self, *, start_ms: int, period_ms: float, blocks: int) -> None:
        assert period_ms > 0
        assert blocks > 0
        self._start_ms, self._period_ms, self._blocks = start_ms, period_ms, blocks
        self._taken = 0

    def take(self, now_ms: int, *, blocks_max: int) -> Iterator[DueBlocks]:
        """Take what is due at `now_ms`, at most so many blocks, in order; the rest stays due."""
        elapsed_ms = now_ms - self._start_ms
        due = int(elapsed_ms * self._blocks / self._period_ms) + 1 if elapsed_ms >= 0 else 0
        until = min(due, self._taken + blocks_max)
        while self._taken < until:
            step, first = divmod(self._taken, self._blocks)
            last = min(self._blocks, first + until - self._taken)
            order = np.arange(self._taken, self._taken + last - first)
            self._taken += last - first
            fix_ms = self._start_ms + (order * (self._period_ms / self._blocks)).astype(np.int64)
            yield DueBlocks(step=step, first=first, last=last, fix_ms=fix_ms)

    def steps_begun(self) -> int:
        """Return how many reports the first block has made."""
        return -(-self._taken // self._blocks)

"""Rounds: when a driver comes several times in one tick, its pings must take effect in order.

Scatters give every driver at most one row. So a tick's rows are parted into rounds in which
no driver comes twice; the first round holds everyone's first row, the second everyone's
second, and so on. Nearly always there is one round, and finding that out costs one scatter
and one gather.
"""

from collections.abc import Iterator

import numpy as np

from rideflow.columns.arrays import I64, Index
from rideflow.columns.slot_column import SlotColumn


class Rounds:
    """Parts rows by slot. Keeps a scratch column so that a tick allocates nothing by slot."""

    def __init__(self) -> None:
        self._seen_at: SlotColumn[np.int64] = SlotColumn(np.int64)

    def of(self, slots: Index) -> Iterator[I64]:
        """Yield indexes into `slots`, a round at a time, each in order of arrival."""
        count = len(slots)
        if count == 0:
            return
        everyone = np.arange(count)
        if self._has_repeats(slots, everyone):
            yield from _by_turn(slots)
        else:
            yield everyone

    def _has_repeats(self, slots: Index, everyone: I64) -> bool:
        self._seen_at.ensure(int(slots.max()) + 1)
        self._seen_at.values.put(slots, everyone)
        return not np.array_equal(self._seen_at.values.take(slots), everyone)


def _by_turn(slots: Index) -> Iterator[I64]:
    count = len(slots)
    by_slot = np.argsort(slots, kind="stable")
    sorted_slots = slots.take(by_slot)
    is_first = np.concatenate(([True], sorted_slots[1:] != sorted_slots[:-1]))
    starts = np.flatnonzero(is_first)
    sizes = np.diff(starts, append=count)
    turns = np.empty(count, np.int64)
    turns.put(by_slot, np.arange(count) - np.repeat(starts, sizes))
    by_turn = np.argsort(turns, kind="stable")
    ends = np.cumsum(np.bincount(turns))
    yield from np.split(by_turn, ends[:-1])

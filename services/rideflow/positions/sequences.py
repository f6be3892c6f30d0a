"""Which pings are new, which are repeats, which come late: by sequence, in columns.

A driver's sequence grows by one per ping of a run. The highest one and the 64 behind it are
remembered as bits, so a repeat within that window is told from a late ping. When a sequence
that is not ahead comes with a fix later than all before, the phone has begun a new run: its
app was started anew. (A repeat has an old fix, a late ping as well.)
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rideflow.columns.arrays import I64, U64, Bools, Rows

WINDOW: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How each ping stands in its driver's run: exactly one is true of each."""

    is_next: Bools  # ahead of all before, or the first of a run
    is_repeat: Bools
    is_late: Bools  # behind, and not seen before, or too far behind to know


def judge(tracks: Rows, sequence: I64, fix_ms: I64) -> Arrival:
    """Judge one ping of each driver and write `highest` and `seen` of `tracks` on."""
    highest, seen = tracks["highest"], tracks["seen"]
    ahead_by = sequence - highest
    is_first = (highest < 0) | ((ahead_by <= 0) & (fix_ms > tracks["newest_fix_ms"]))
    is_next = is_first | (ahead_by > 0)
    behind_by = -ahead_by
    in_window = ~is_next & (behind_by > 0) & (behind_by <= WINDOW)
    bit = np.where(in_window, np.uint64(1) << _shift(behind_by - 1), np.uint64(0))
    is_repeat = ~is_next & ((behind_by == 0) | ((seen & bit) != 0))
    tracks["seen"] = np.where(is_next, _moved(seen, ahead_by, is_first), seen | bit)
    tracks["highest"] = np.where(is_next, sequence, highest)
    return Arrival(is_next=is_next, is_repeat=is_repeat, is_late=~is_next & ~is_repeat)


def _moved(seen: U64, ahead_by: I64, is_first: Bools) -> U64:
    """The window after the highest grew by `ahead_by`: older bits move, the old highest joins."""
    # numpy shifts by 64 and more are not zero on every machine: such a window is emptied below.
    older = np.where(ahead_by < WINDOW, seen << _shift(ahead_by), np.uint64(0))
    old_highest = np.where(ahead_by <= WINDOW, np.uint64(1) << _shift(ahead_by - 1), np.uint64(0))
    return np.where(is_first, np.uint64(0), older | old_highest)


def _shift(by: I64) -> U64:
    return np.clip(by, 0, WINDOW - 1).astype(np.uint64)

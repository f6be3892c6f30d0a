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
_ONE: Final = np.uint64(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How each ping stands in its driver's run: exactly one is true of each."""

    is_next: Bools  # ahead of all before, or the first of a run
    is_repeat: Bools
    is_late: Bools  # behind, and not seen before, or too far behind to know


def judge(tracks: Rows, sequence: I64, fix_ms: I64) -> Arrival:
    """Judge one ping of each driver and write `highest` and `seen` of `tracks` on."""
    ahead_by = sequence - tracks["highest"]
    odd = np.flatnonzero((ahead_by != 1) | (tracks["highest"] < 0))
    arrival = Arrival(
        is_next=np.ones(len(sequence), np.bool_),
        is_repeat=np.zeros(len(sequence), np.bool_),
        is_late=np.zeros(len(sequence), np.bool_),
    )
    seen_of_odd = tracks["seen"].take(odd)
    # Nearly every ping is the next one of its driver: only the others need more than this.
    tracks["seen"] = (tracks["seen"] << _ONE) | _ONE
    if len(odd):
        _judge_odd(tracks, arrival, odd, seen_of_odd, ahead_by.take(odd), fix_ms.take(odd))
    tracks["highest"] = np.where(arrival.is_next, sequence, tracks["highest"])
    return arrival


def _judge_odd(
    tracks: Rows, arrival: Arrival, odd: I64, seen: U64, ahead_by: I64, fix_ms: I64
) -> None:
    """Judge the pings at `odd`, which are not just one ahead."""
    is_unheard = tracks["highest"].take(odd) < 0
    is_first = is_unheard | ((ahead_by <= 0) & (fix_ms > tracks["newest_fix_ms"].take(odd)))
    is_next = is_first | (ahead_by > 0)
    behind_by = -ahead_by
    in_window = ~is_next & (behind_by > 0) & (behind_by <= WINDOW)
    bit = np.where(in_window, _ONE << _shift(behind_by - 1), np.uint64(0))
    is_repeat = ~is_next & ((behind_by == 0) | ((seen & bit) != 0))
    arrival.is_next.put(odd, is_next)
    arrival.is_repeat.put(odd, is_repeat)
    arrival.is_late.put(odd, ~is_next & ~is_repeat)
    tracks["seen"].put(odd, np.where(is_next, _moved(seen, ahead_by, is_first), seen | bit))


def _moved(seen: U64, ahead_by: I64, is_first: Bools) -> U64:
    """The window after the highest grew by `ahead_by`: older bits move, the old highest joins."""
    # numpy shifts by 64 and more are not zero on every machine: such a window is emptied below.
    older = np.where(ahead_by < WINDOW, seen << _shift(ahead_by), np.uint64(0))
    old_highest = np.where(ahead_by <= WINDOW, _ONE << _shift(ahead_by - 1), np.uint64(0))
    return np.where(is_first, np.uint64(0), older | old_highest)


def _shift(by: I64) -> U64:
    return np.minimum(np.maximum(by, 0), WINDOW - 1).astype(np.uint64)

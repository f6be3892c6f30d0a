"""What the log proves about pings: which sequence numbers are missing, repeated, out of order.

A driver's phone numbers its pings 1, 2, 3 ... over the live and the backlog lane together. The
audit keeps, by driver, the highest number and one bit for each of the WINDOW numbers below it,
as a ring, so that a poll of a million pings is a few dozen array passes. A number that was
skipped counts as missing until it is seen; one older than the window is believed to be a late
arrival (the exact answer is `final_audit`, which holds a count for every number).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rideflow.columns.arrays import I64, U64, Bools
from rideflow.columns.driver_slots import DriverSlots
from rideflow.columns.rounds import Rounds
from rideflow.columns.slot_column import SlotColumn

WINDOW: Final = 512  # one cache line of bits: 8 minutes in the dark at a ping a second
_WORD_BITS: Final = 6
_WORDS: Final = WINDOW >> _WORD_BITS
_LANES: Final = 2
LIVE: Final = 0
BACKLOG: Final = 1
# A phone that begins anew numbers from 1: much lower, or at the very beginning, and yet later.
_RESTART_BELOW: Final = 256
_RESTART_UNTIL: Final = 4
_CLEAR_AT_ONCE: Final = 4_096  # rows of WINDOW bytes

_RING: Final = np.arange(WINDOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceCounts:
    """Pings of both lanes since the audit began."""

    checked: int
    missing: int
    repeated: int
    disordered: int


class SequenceAudit:
    """Checks pings as they are read. Bounded: about 110 bytes a driver."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self._slots = DriverSlots(drivers_max=drivers_max)
        self._rounds = Rounds()
        self._first: SlotColumn[np.int64] = SlotColumn(np.int64)
        self._highest: SlotColumn[np.int64] = SlotColumn(np.int64)
        self._highest_fix_ms: SlotColumn[np.int64] = SlotColumn(np.int64)
        self._lane_highest = [SlotColumn[np.int64](np.int64) for _ in range(_LANES)]
        self._bits: SlotColumn[np.uint64] = SlotColumn(np.uint64, shape=(_WORDS,))
        self._checked = self._expected = self._distinct = 0
        self._repeated = self._disordered = 0

    @property
    def counts(self) -> SequenceCounts:
        return SequenceCounts(
            checked=self._checked,
            missing=self._expected - self._distinct,
            repeated=self._repeated,
            disordered=self._disordered,
        )

    def take(
        self, drivers: U64, sequences: NDArray[np.uint32], fixes_ms: I64, *, lane: int
    ) -> None:
        """Check pings of one lane, those of a driver in the order of the log."""
        slots = self._slots.slots_of(drivers, create=True).astype(np.int64)
        self._ensure(len(self._slots))
        self._checked += len(slots)
        wide = sequences.astype(np.int64)
        for turn in self._rounds.of(slots):
            self._check(slots.take(turn), wide.take(turn), fixes_ms.take(turn), lane)

    def _ensure(self, count: int) -> None:
        for column in (self._first, self._highest, self._highest_fix_ms, *self._lane_highest):
            column.ensure(count)
        self._bits.ensure(count)

    def _check(self, slots: I64, sequences: I64, fixes_ms: I64, lane: int) -> None:
        """Check one ping of each of some drivers."""
        highest = self._highest.values.take(slots)
        begins = highest == 0
        if lane == LIVE:
            begins |= self._begins_anew(slots, sequences, fixes_ms, highest)
        if begins.any():
            self._begin(slots[begins], sequences[begins])
            highest = np.where(begins, sequences - 1, highest)
        ahead = sequences > highest
        if ahead.all():
            self._advance(slots, sequences, fixes_ms, highest)
            repeated: Bools = np.zeros(len(slots), np.bool_)
        else:
            self._advance(slots[ahead], sequences[ahead], fixes_ms[ahead], highest[ahead])
            repeated = np.zeros(len(slots), np.bool_)
            repeated[~ahead] = self._fill(slots[~ahead], sequences[~ahead], highest[~ahead])
        self._note_order(slots, sequences, repeated, lane)

    def _begins_anew(self, slots: I64, sequences: I64, fixes_ms: I64, highest: I64) -> Bools:
        is_low = (sequences <= highest) & (
            (sequences <= _RESTART_UNTIL) | (sequences + _RESTART_BELOW < highest)
        )
        if not is_low.any():
            return is_low
        anew: Bools = is_low & (fixes_ms > self._highest_fix_ms.values.take(slots))
        return anew

    def _begin(self, slots: I64, sequences: I64) -> None:
        """A run of numbers that nothing came before: what is lower than its first is not ours."""
        self._first.values.put(slots, sequences)
        self._bits.values[slots] = 0
        for column in self._lane_highest:
            column.values.put(slots, 0)

    def _advance(self, slots: I64, sequences: I64, fixes_ms: I64, highest: I64) -> None:
        steps = sequences - highest
        self._expected += int(steps.sum())
        self._distinct += len(steps)
        if len(steps) and int(steps.max()) > 1:
            jumps = np.flatnonzero(steps > 1)
            self._clear(slots.take(jumps), highest.take(jumps) + 1, steps.take(jumps) - 1)
        self._set_bits(slots, sequences)
        self._highest.values.put(slots, sequences)
        self._highest_fix_ms.values.put(slots, fixes_ms)

    def _fill(self, slots: I64, sequences: I64, highest: I64) -> Bools:
        """Numbers at or below the highest: note each as seen, and return which were already."""
        is_ours = sequences >= self._first.values.take(slots)
        in_window = is_ours & (highest - sequences < WINDOW)
        words, bits = self._places(slots, sequences)
        was_seen = (self._bits.values.ravel().take(words) & bits) != 0
        repeated: Bools = in_window & was_seen
        fresh = in_window & ~was_seen
        self._set_bits(slots[fresh], sequences[fresh])
        # Older than the window: whether it was seen is no longer known; believed to be late.
        self._distinct += int(np.count_nonzero(is_ours & ~repeated))
        self._repeated += int(np.count_nonzero(repeated))
        return repeated

    def _note_order(self, slots: I64, sequences: I64, repeated: Bools, lane: int) -> None:
        column = self._lane_highest[lane].values
        before = column.take(slots)
        is_smaller = sequences < before
        self._disordered += int(np.count_nonzero(is_smaller & ~repeated))
        column.put(slots, np.maximum(before, sequences))

    def _places(self, slots: I64, sequences: I64) -> tuple[I64, U64]:
        ring = sequences & (WINDOW - 1)
        bits = np.uint64(1) << (ring & 63).astype(np.uint64)
        return slots * _WORDS + (ring >> _WORD_BITS), bits

    def _set_bits(self, slots: I64, sequences: I64) -> None:
        words, bits = self._places(slots, sequences)
        flat = self._bits.values.ravel()  # a view: the column is contiguous
        flat.put(words, flat.take(words) | bits)

    def _clear(self, slots: I64, starts: I64, counts: I64) -> None:
        """Forget what the ring held at the numbers `starts` .. `starts + counts - 1`."""
        for at in range(0, len(slots), _CLEAR_AT_ONCE):
            part = slice(at, at + _CLEAR_AT_ONCE)
            distance = (_RING - starts[part, None]) & (WINDOW - 1)
            forget = np.packbits(distance < counts[part, None], axis=1, bitorder="little")
            self._bits.values[slots[part]] &= ~forget.view(np.uint64)

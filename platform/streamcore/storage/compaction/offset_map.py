"""The newest offset of each key, in a table that cannot grow past its budget.

An open hash table as three columns (two words of digest, one offset), filled and asked with
many keys at a time. Where a key lies depends on a secret number, so that nobody can choose
keys that crowd one another.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamcore.record.places import Offset
from streamcore.storage.compaction.key_digests import Digests
from streamcore.storage.compaction.record_columns import Int64s

SLOT_BYTES: Final = 24
SLOTS_AT_FIRST: Final = 1 << 10
SLOTS_MIN: Final = 8
FULL_AT: Final = 0.75  # of the slots: then a search takes four steps on average
NO_OFFSET: Final = -1
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)  # of splitmix64
_FOLD: Final = np.uint64(32)


class OffsetMap:
    """Keys by digest. Every record below `end` that should be in it is in it."""

    def __init__(self, *, bytes_max: int, secret: int) -> None:
        # While the table doubles, the old one is there too.
        slots_max = max(SLOTS_MIN, bytes_max // (SLOT_BYTES * 3 // 2))
        self._slots_max = 1 << (slots_max.bit_length() - 1)
        self._secret = np.array([secret & (1 << 64) - 1, secret >> 64], np.uint64)
        self.end = Offset(0)
        self._size = 0
        self._make_table(min(SLOTS_AT_FIRST, self._slots_max))

    def _make_table(self, slots: int) -> None:
        self._first_words = np.zeros(slots, np.uint64)
        self._second_words = np.zeros(slots, np.uint64)
        self._offsets = np.full(slots, NO_OFFSET, np.int64)

    def __len__(self) -> int:
        return self._size

    @property
    def room(self) -> int:
        """How many keys still fit. The caller stops there; one batch more does no harm."""
        return max(0, int(self._slots_max * FULL_AT) - self._size)

    def put(self, digests: Digests, offsets: Int64s) -> None:
        """Note these records' offsets, which only grow, from row to row and call to call."""
        start = 0
        while start < len(digests):
            slots = len(self._offsets)
            free = int(slots * FULL_AT) - self._size
            if free <= 0:
                self._grow()
                continue
            # Most keys may be here already: only what is new makes the table fuller.
            end = start + max(free, slots >> 3)
            self._put(digests[start:end], offsets[start:end])
            start = end

    def _grow(self) -> None:
        used = self._offsets != NO_OFFSET
        digests = np.stack((self._first_words[used], self._second_words[used]), axis=1)
        offsets = self._offsets[used]
        self._make_table(2 * len(self._offsets))
        self._size = 0
        self._put(digests, offsets)

    def _put(self, digests: Digests, offsets: Int64s) -> None:
        rows = np.arange(len(digests))
        slots = self._first_slots(digests)
        step = 0
        while len(rows):
            is_free = self._offsets[slots] == NO_OFFSET
            free, wanting = slots[is_free], rows[is_free]
            # Of several rows that want a free slot the last gets it.
            self._first_words[free] = digests[wanting, 0]
            self._second_words[free] = digests[wanting, 1]
            self._offsets[free] = offsets[wanting]
            self._size += int(np.count_nonzero(self._offsets[free] == offsets[wanting]))
            here = self._are_at(slots, digests, rows)
            self._offsets[slots[here]] = offsets[rows[here]]
            step += 1
            rows, slots = rows[~here], self._next_slots(slots[~here], step)

    def newest(self, digests: Digests) -> Int64s:
        """Return the newest offset of each key; `NO_OFFSET` where it is not here."""
        found = np.full(len(digests), NO_OFFSET, np.int64)
        rows = np.arange(len(digests))
        slots = self._first_slots(digests)
        step = 0
        while len(rows):
            offsets = self._offsets[slots]
            here = self._are_at(slots, digests, rows)
            here &= offsets != NO_OFFSET
            found[rows[here]] = offsets[here]
            step += 1
            further = ~here & (offsets != NO_OFFSET)
            rows, slots = rows[further], self._next_slots(slots[further], step)
        return found

    def _are_at(self, slots: Int64s, digests: Digests, rows: Int64s) -> NDArray[np.bool_]:
        are_here: NDArray[np.bool_] = self._first_words[slots] == digests[rows, 0]
        are_here &= self._second_words[slots] == digests[rows, 1]
        return are_here

    def _first_slots(self, digests: Digests) -> NDArray[np.int64]:
        mixed = digests ^ self._secret
        mixed ^= mixed >> _FOLD
        mixed *= _MIX
        words = mixed[:, 0] ^ (mixed[:, 1] >> _FOLD) ^ (mixed[:, 1] << _FOLD)
        words *= _MIX
        words ^= words >> _FOLD
        slots: NDArray[np.int64] = (words & np.uint64(len(self._offsets) - 1)).astype(np.int64)
        return slots

    def _next_slots(self, slots: NDArray[np.int64], step: int) -> NDArray[np.int64]:
        """Steps of 1, 2, 3... come by every slot of a table whose size is a power of two."""
        return (slots + step) & (len(self._offsets) - 1)

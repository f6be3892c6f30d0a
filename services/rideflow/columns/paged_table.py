"""A table from sparse whole numbers to small ones, read by two gathers.

A number's high bits choose a page, its low bits a place on it. The directory of pages is
allocated zeroed, so the operating system backs only what is touched: ten billion
possible driver ids cost 40 MB of addresses and no memory. Page 0 is all zeros and serves
every number that was never put: 0 means absent, and callers store their value plus one.
"""

from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64


class TableFull(Exception):
    """More pages would be needed than the table may hold."""

    def __init__(self, *, pages_max: int) -> None:
        super().__init__(f"the table already holds {pages_max} pages")
        self.pages_max = pages_max


class PagedTable:
    """int64 keys in 0..keys_max to int32 values; 0 where nothing was put."""

    def __init__(self, *, keys_max: int, page_bits: int, pages_max: int) -> None:
        self._page_bits: Final = page_bits
        self._low_mask: Final = (1 << page_bits) - 1
        self._pages_max: Final = pages_max
        # Values of the directory are the page's first place in the store: one shift saved.
        self._directory: I32 = np.zeros((keys_max >> page_bits) + 1, np.int32)
        self._store: I32 = np.zeros(2 << page_bits, np.int32)
        self._pages_used = 1

    def take(self, keys: I64) -> I32:
        """Return the value of each key. Keys outside 0..keys_max raise `IndexError`."""
        places = self._directory.take(keys >> self._page_bits) + (keys & self._low_mask)
        return self._store.take(places)

    def put(self, keys: I64, values: I32) -> None:
        """Set the value of each key; of keys named twice the last one stays. Raises `TableFull`."""
        self._make_pages(keys >> self._page_bits)
        places = self._directory.take(keys >> self._page_bits) + (keys & self._low_mask)
        self._store.put(places, values)

    def clear(self) -> None:
        """Forget everything."""
        self._directory[:] = 0
        self._store[:] = 0
        self._pages_used = 1

    def _make_pages(self, pages: I64) -> None:
        missing = np.unique(pages[self._directory.take(pages) == 0])
        if not len(missing):
            return
        if self._pages_used + len(missing) > self._pages_max + 1:
            raise TableFull(pages_max=self._pages_max)
        numbers = np.arange(self._pages_used, self._pages_used + len(missing), dtype=np.int32)
        self._pages_used += len(missing)
        self._grow(self._pages_used << self._page_bits)
        self._directory.put(missing, numbers << self._page_bits)

    def _grow(self, size: int) -> None:
        if size > len(self._store):
            grown = np.zeros(max(size, 2 * len(self._store)), np.int32)
            grown[: len(self._store)] = self._store
            self._store = grown

"""Cars to show by area cell: runs of one array, so that many areas are looked up at once.

Built anew from flat arrays rather than kept up: it is one sort, and a car that moves, closes or
falls silent needs no code of its own. Within a cell the rarest sampling levels come first, so
that a crowded area takes the beginning of each run: the same cars each time, never all of them.
"""

from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64
from rideflow.contracts.push import AREA_CARS_MAX
from rideflow.fanout.city_view import SAMPLE_LEVELS, CityView

_SHORT: Final = 1 << 16  # numpy sorts 16-bit numbers by radix, several times faster
# An area that was sampled goes back to more cars only when they fit with room to spare:
# otherwise it would halve and double its cars with every one that comes or leaves.
_CARS_AIM: Final = AREA_CARS_MAX * 4 // 5


class AreaIndex:
    """Slots sorted by cell and level. Immutable: the view at the moment it was made."""

    def __init__(self, view: CityView, watched: I32, now_ms: int) -> None:
        """`watched` by cell number: 1, 2, 3 ... for the cells to index, 0 for the others."""
        count = int(watched.max(initial=0)) + 1
        self._watched = watched
        cells = watched.take(view.shown_in())
        slots = np.flatnonzero((cells > 0) & view.is_fresh(now_ms))
        keys = cells.take(slots) * SAMPLE_LEVELS
        keys += SAMPLE_LEVELS - 1 - view.levels_of(slots)
        short = keys.astype(np.uint16) if count * SAMPLE_LEVELS <= _SHORT else keys
        self._slots: I64 = slots.take(np.argsort(short, kind="stable"))
        sizes = np.bincount(keys, minlength=count * SAMPLE_LEVELS)
        by_cell = sizes.reshape(count, SAMPLE_LEVELS)
        # Column n: how many cars of the cell have the rarest n + 1 levels.
        self._sizes: I64 = np.cumsum(by_cell, axis=1)
        ends = np.cumsum(self._sizes[:, -1])
        self._starts: I64 = ends - self._sizes[:, -1]

    def lookup(self, cells: I64, owners: I64, coarseness: I64) -> tuple[I64, I64]:
        """The cars of areas, at most AREA_CARS_MAX each: slots, and the owner of each.

        `cells` are cell numbers, `owners` their areas 0, 1, 2 ... ascending, `coarseness` by
        area how many levels were left out before; it is changed to how many are left out now.
        """
        cells = self._watched.take(cells).astype(np.int64)
        sizes = self._sizes.take(cells, axis=0)
        first_cells = np.searchsorted(owners, np.arange(len(coarseness)))
        totals = np.add.reduceat(sizes, first_cells, axis=0)[:, ::-1]
        is_before = np.arange(SAMPLE_LEVELS) < coarseness[:, None]
        fits = totals <= np.where(is_before, _CARS_AIM, AREA_CARS_MAX)
        fits[:, -1] = True
        coarseness[:] = np.argmax(fits, axis=1)
        taken = sizes[np.arange(len(cells)), SAMPLE_LEVELS - 1 - coarseness.take(owners)]
        ends = np.cumsum(taken)
        places = np.arange(int(ends[-1])) + np.repeat(
            self._starts.take(cells) - ends + taken, taken
        )
        return self._slots.take(places), np.repeat(owners, taken)

"""The k nearest points on a plane, for many askers at once: a uniform grid, built anew each time.

Everything moves every second, so an index that is updated point by point pays for each move;
sorting all points into cells costs one `argsort` and is done once a window. Answers are exact:
a search widens until the k-th distance lies within what has been looked at.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

NOBODY = -1
_POINTS_PER_CELL = 3  # on average: few enough to rank, enough that most searches end at once
_SPARE = 1.3
_CELL_M_MIN = 40.0
_CELLS_MAX = 1 << 20  # of the whole grid: one far-away point must not cost gigabytes


class NearestGrid:
    """Points given by x and y in metres; answers name them by their index.

    >>> grid = NearestGrid(np.array([0.0, 30.0, 500.0]), np.zeros(3))
    >>> indexes, metres = grid.nearest(np.array([40.0]), np.zeros(1), k=2)
    >>> indexes.tolist(), metres.tolist()
    ([[1, 0]], [[10.0, 40.0]])
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        assert len(x) == len(y)
        self._count = len(x)
        if not self._count:
            return
        self._west, self._south = float(x.min()), float(y.min())
        width, height = float(x.max()) - self._west, float(y.max()) - self._south
        self._cell_m = _cell_m(width, height, self._count)
        self._columns = int(width / self._cell_m) + 1
        self._rows = int(height / self._cell_m) + 1
        cell = self._row(y) * self._columns + self._column(x)
        self._order = np.argsort(cell, kind="stable")
        self._x, self._y = x[self._order], y[self._order]
        self._start = np.zeros(self._columns * self._rows + 1, np.int64)
        np.cumsum(np.bincount(cell, minlength=len(self._start) - 1), out=self._start[1:])

    def __len__(self) -> int:
        return self._count

    def nearest(self, x: Floats, y: Floats, *, k: int) -> tuple[Longs, Floats]:
        """Return indexes and distances in metres, both of shape (askers, k), nearest first.

        Where there are fewer than k points the rest is `NOBODY` and infinity. Equally near
        points of one cell come in the order of their indexes.
        """
        assert k > 0
        indexes = np.full((len(x), k), NOBODY, np.int64)
        metres = np.full((len(x), k), np.inf)
        if not self._count:
            return indexes, metres
        asking = np.arange(len(x))
        # Wide enough that the k-th is expected within, with some to spare: one pass for most.
        reach = int(np.ceil(np.sqrt(_SPARE * k / (np.pi * _POINTS_PER_CELL))))
        while len(asking):
            found, distance = self._ranked(x[asking], y[asking], reach, k)
            indexes[asking], metres[asking] = found, distance
            seen_m = self._seen_m(x[asking], y[asking], reach)
            asking = asking[distance[:, -1] > seen_m]
            reach *= 2
        return indexes, metres

    def _ranked(self, x: Floats, y: Floats, reach: int, k: int) -> tuple[Longs, Floats]:
        """Return the k nearest of the points in the square of cells around each asker."""
        asker, place = self._around(x, y, reach)
        east, north = self._x.take(place) - x.take(asker), self._y.take(place) - y.take(asker)
        squared = east * east + north * north
        ranked = np.lexsort((squared, asker))
        asker, squared = asker.take(ranked), squared.take(ranked)
        count = np.bincount(asker, minlength=len(x))
        rank = np.arange(len(asker)) - np.repeat(np.cumsum(count) - count, count)
        kept = rank < k
        indexes = np.full((len(x), k), NOBODY, np.int64)
        metres = np.full((len(x), k), np.inf)
        indexes[asker[kept], rank[kept]] = self._order.take(place.take(ranked[kept]))
        metres[asker[kept], rank[kept]] = np.sqrt(squared[kept])
        return indexes, metres

    def _around(self, x: Floats, y: Floats, reach: int) -> tuple[Longs, Longs]:
        """Return pairs of asker and place in the sorted points, of all cells within `reach`."""
        rows = np.arange(-reach, reach + 1)
        row = self._row(y)[:, None] + rows[None, :]
        column = self._column(x)[:, None]
        left = np.maximum(column - reach, 0)
        right = np.minimum(column + reach + 1, self._columns)
        is_row = (row >= 0) & (row < self._rows)
        base = np.where(is_row, row, 0) * self._columns
        first, last = self._start.take(base + left), self._start.take(base + right)
        count = np.where(is_row, last - first, 0).ravel()
        slice_of = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(slice_of)) - np.repeat(np.cumsum(count) - count, count)
        return slice_of // len(rows), first.ravel()[slice_of] + within

    def _seen_m(self, x: Floats, y: Floats, reach: int) -> Floats:
        """Return within how many metres of each asker every point has been looked at."""
        column, row = self._column(x), self._row(y)
        west_m = x - (self._west + (column - reach) * self._cell_m)
        east_m = self._west + (column + reach + 1) * self._cell_m - x
        south_m = y - (self._south + (row - reach) * self._cell_m)
        north_m = self._south + (row + reach + 1) * self._cell_m - y
        # Beyond the border of the grid there is nothing left to miss.
        west_m[column <= reach] = np.inf
        east_m[column + reach + 1 >= self._columns] = np.inf
        south_m[row <= reach] = np.inf
        north_m[row + reach + 1 >= self._rows] = np.inf
        return np.minimum(np.minimum(west_m, east_m), np.minimum(south_m, north_m))

    def _column(self, x: Floats) -> Longs:
        """Return the column of each x; askers outside the grid look from its border."""
        column = np.floor((x - self._west) / self._cell_m)
        return np.minimum(np.maximum(column, 0), self._columns - 1).astype(np.int64)

    def _row(self, y: Floats) -> Longs:
        row = np.floor((y - self._south) / self._cell_m)
        return np.minimum(np.maximum(row, 0), self._rows - 1).astype(np.int64)


def _cell_m(width: float, height: float, count: int) -> float:
    dense = np.sqrt(max(width, 1.0) * max(height, 1.0) * _POINTS_PER_CELL / count)
    bounded = np.sqrt(max(width, 1.0) * max(height, 1.0) / _CELLS_MAX)
    longest = max(width, height) / _CELLS_MAX
    return float(max(dense, bounded, longest, _CELL_M_MIN))

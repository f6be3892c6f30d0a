"""Road segments in square cells: which segments may be within reach of a point.

Every segment is listed in each cell that it comes within `reach_m` of, so that the
segments within `reach_m` of a point are all among those of the one cell it lies in.
"""

import numpy as np

from rideflow.roads.arrays import Floats, Ints, Longs


class SegmentBuckets:
    """Segments are given by their ends on a plane, in metres; numbers are their indexes."""

    def __init__(
        self, xa: Floats, ya: Floats, xb: Floats, yb: Floats, *, cell_m: float, reach_m: float
    ) -> None:
        self.reach_m = reach_m
        self._cell_m = cell_m
        self._west = float(min(xa.min(), xb.min())) - reach_m - cell_m
        self._south = float(min(ya.min(), yb.min())) - reach_m - cell_m
        self._columns = int((max(xa.max(), xb.max()) + reach_m - self._west) / cell_m) + 2
        self._rows = int((max(ya.max(), yb.max()) + reach_m - self._south) / cell_m) + 2
        cell, segment = self._listing(xa, ya, xb, yb)
        order = np.argsort(cell, kind="stable")
        self._segments = segment[order]
        counts = np.bincount(cell, minlength=self._columns * self._rows)
        self._start = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=self._start[1:])

    def near(self, x: Floats, y: Floats) -> tuple[Longs, Ints]:
        """Return for each point how many candidates it has, and all candidates in a row."""
        column = ((x - self._west) / self._cell_m).astype(np.int64)
        row = ((y - self._south) / self._cell_m).astype(np.int64)
        inside = (column >= 0) & (column < self._columns) & (row >= 0) & (row < self._rows)
        cell = np.where(inside, row * self._columns + column, 0)
        first = self._start[cell]
        count = np.where(inside, self._start[cell + 1] - first, 0)
        total = int(count.sum())
        ends = np.cumsum(count)
        places = np.arange(total) + np.repeat(first - (ends - count), count)
        return count, self._segments[places]

    def _listing(self, xa: Floats, ya: Floats, xb: Floats, yb: Floats) -> tuple[Longs, Ints]:
        """Return pairs of cell and segment: all cells of each segment's box that it comes near."""
        left = self._column(np.minimum(xa, xb) - self.reach_m)
        low = self._row(np.minimum(ya, yb) - self.reach_m)
        wide = self._column(np.maximum(xa, xb) + self.reach_m) - left + 1
        high = self._row(np.maximum(ya, yb) + self.reach_m) - low + 1
        count = wide * high
        segment = np.repeat(np.arange(len(xa)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        column = left[segment] + within % wide[segment]
        row = low[segment] + within // wide[segment]
        middle_x = self._west + (column + 0.5) * self._cell_m
        middle_y = self._south + (row + 0.5) * self._cell_m
        _, distance_m = project(
            middle_x, middle_y, xa[segment], ya[segment], xb[segment], yb[segment]
        )
        is_near = distance_m <= self.reach_m + self._cell_m * np.sqrt(0.5)
        cell = row * self._columns + column
        return cell[is_near], segment[is_near].astype(np.int32)

    def _column(self, x: Floats) -> Longs:
        return ((x - self._west) / self._cell_m).astype(np.int64)

    def _row(self, y: Floats) -> Longs:
        return ((y - self._south) / self._cell_m).astype(np.int64)


def project(
    x: Floats, y: Floats, xa: Floats, ya: Floats, xb: Floats, yb: Floats
) -> tuple[Floats, Floats]:
    """Return where on each segment the nearest point lies (0 = a, 1 = b), and how far, in metres.

    >>> one = np.ones(1)
    >>> project(5 * one, 3 * one, 0 * one, 0 * one, 10 * one, 0 * one)
    (array([0.5]), array([3.]))
    """
    east, north = xb - xa, yb - ya
    squared = np.maximum(east * east + north * north, 1e-9)
    share = np.clip(((x - xa) * east + (y - ya) * north) / squared, 0.0, 1.0)
    return share, np.hypot(xa + share * east - x, ya + share * north - y)

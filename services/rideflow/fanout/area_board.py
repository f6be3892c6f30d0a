"""The watched areas: who watches which cells, in which slice of the second, and what was shown.

Watchers of equal cells share one area: its frames are built once. Areas are dealt to lanes,
one lane a slice, so that sends spread over the second instead of coming in a burst (a burst
to thousands of sockets costs 150 ms at the end, slices cost 5).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import numpy as np

from rideflow.columns.arrays import I32, I64
from rideflow.contracts.ids import AreaCell
from rideflow.fanout.city_view import CityView

W = TypeVar("W")

AREA_HZ: Final = 5
ECONOMY_HZ: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaKey:
    """What makes two watchers' areas one."""

    cells: frozenset[AreaCell]
    economy: bool


def _nobody() -> I64:
    return np.zeros(0, np.int64)


@dataclass(slots=True, kw_only=True, eq=False)
class Area(Generic[W]):
    """One watched area and what its watchers hold."""

    key: AreaKey
    cells: I64  # numbers of the view
    lane: int
    watchers: dict[W, None] = field(default_factory=dict)  # a dict keeps their order
    shown: I64 = field(default_factory=_nobody)  # slots, ascending
    shown_at: int = -1  # tick of the view up to which watchers know
    coarseness: int = 0  # sampling levels left out, see AreaIndex


class _Lane(dict[Area[W], None]):
    """The areas of one lane, in order of coming."""


class AreaBoard(Generic[W]):
    """All watched areas. Bounded by the number of watchers, each of whom watches one."""

    def __init__(self, view: CityView, *, slices_per_second: int) -> None:
        assert slices_per_second % AREA_HZ == 0, "each lane must come round at a whole slice"
        self._view = view
        # By lane, of areas at the full rate and in economy mode.
        self._lanes = [_Lane[W]() for _ in range(slices_per_second // AREA_HZ)]
        self._economy_lanes = [_Lane[W]() for _ in range(slices_per_second // ECONOMY_HZ)]
        self._areas: dict[AreaKey, Area[W]] = {}
        self._area_of: dict[W, Area[W]] = {}
        self._watchers_of_cell: dict[int, int] = {}
        self._watched = np.zeros(1, np.int32)

    def __len__(self) -> int:
        return len(self._areas)

    def watch(self, watcher: W, key: AreaKey) -> Area[W]:
        """Let `watcher` watch these cells and no others."""
        self.leave(watcher)
        area = self._areas.get(key)
        if area is None:
            area = self._open(key)
        area.watchers[watcher] = None
        self._area_of[watcher] = area
        return area

    def leave(self, watcher: W) -> None:
        """Forget what `watcher` watched, if anything."""
        area = self._area_of.pop(watcher, None)
        if area is None:
            return
        del area.watchers[watcher]
        if not area.watchers:
            del self._areas[area.key]
            del self._lanes_of(area.key)[area.lane][area]
            self._count_cells(area, -1)

    def due(self, slice_number: int) -> list[Area[W]]:
        """The areas whose turn it is."""
        return [
            area
            for lanes in (self._lanes, self._economy_lanes)
            for area in lanes[slice_number % len(lanes)]
        ]

    def all_areas(self) -> Iterator[Area[W]]:
        return iter(self._areas.values())

    def watched_cells(self) -> I32:
        """By cell number of the view: 1, 2, 3 ... for those that anybody watches, else 0."""
        if len(self._watched) < self._view.cell_count:
            self._watched = np.zeros(self._view.cell_count, np.int32)
            cells = np.array(list(self._watchers_of_cell), np.int64)
            self._watched[cells] = np.arange(1, len(cells) + 1)
        return self._watched

    def _lanes_of(self, key: AreaKey) -> "list[_Lane[W]]":
        return self._economy_lanes if key.economy else self._lanes

    def _open(self, key: AreaKey) -> Area[W]:
        lanes = self._lanes_of(key)
        lane = min(range(len(lanes)), key=lambda number: len(lanes[number]))
        numbers = sorted(self._view.cell_number(cell) for cell in key.cells)
        area: Area[W] = Area(key=key, cells=np.array(numbers, np.int64), lane=lane)
        self._areas[key] = area
        lanes[lane][area] = None
        self._count_cells(area, 1)
        return area

    def _count_cells(self, area: Area[W], by: int) -> None:
        counts = self._watchers_of_cell
        for number in area.cells.tolist():
            counts[number] = counts.get(number, 0) + by
            if counts[number] == 0:
                del counts[number]
        self._watched = np.zeros(0, np.int32)  # to be numbered anew when next asked for

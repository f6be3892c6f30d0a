"""What changed in many areas since each was last shown: a few array passes for all of them.

A car is (number of the area among those asked for) x 2^32 + slot in these passes, so that one
sort and one search serve every area at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rideflow.columns.arrays import I64, Bools
from rideflow.fanout.area_board import Area
from rideflow.fanout.area_index import AreaIndex
from rideflow.fanout.city_view import CityView

_OWNER_BITS: Final = 32
_SLOT_MASK: Final = (1 << _OWNER_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaDeltas:
    """Changes of areas, area by area: area n has the rows from `ends[n - 1]` to `ends[n]`."""

    changed: I64  # slots to show anew
    is_news: Bools  # of `changed`: the driver was heard of; else it only entered the area
    changed_ends: list[int]
    gone: I64  # slots to take off the map
    gone_ends: list[int]


def area_deltas(areas: Sequence[Area[Any]], index: AreaIndex, view: CityView) -> AreaDeltas:
    """Return what each area's watchers lack, and note it as shown."""
    count = len(areas)
    held = _owned([area.shown for area in areas])
    present = _present(areas, index)
    owners, slots = present >> _OWNER_BITS, present & _SLOT_MASK
    shown_at = np.array([area.shown_at for area in areas], np.int64)
    is_news = view.table.changed_at(slots) > shown_at.take(owners)
    wanted = np.flatnonzero(is_news | ~_is_in(present, held))
    gone = held[~_is_in(held, present)]
    _note_shown(areas, slots, _ends(present, count), view.table.tick)
    return AreaDeltas(
        changed=slots.take(wanted),
        is_news=is_news.take(wanted),
        changed_ends=_ends(present.take(wanted), count),
        gone=gone & _SLOT_MASK,
        gone_ends=_ends(gone, count),
    )


def _owned(parts: Sequence[I64]) -> I64:
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    owned: I64 = np.concatenate(parts) | (owners << _OWNER_BITS)
    return owned


def _present(areas: Sequence[Area[Any]], index: AreaIndex) -> I64:
    """The cars of every area now, ascending."""
    cells = np.concatenate([area.cells for area in areas])
    owners = np.repeat(np.arange(len(areas)), [len(area.cells) for area in areas])
    coarseness = np.array([area.coarseness for area in areas], np.int64)
    slots, car_owners = index.lookup(cells, owners, coarseness)
    for area, levels in zip(areas, coarseness.tolist(), strict=True):
        area.coarseness = levels
    return np.sort((car_owners << _OWNER_BITS) | slots)


def _is_in(these: I64, ascending: I64) -> Bools:
    """For each of `these` whether it is in `ascending`."""
    if not len(ascending):
        return np.zeros(len(these), np.bool_)
    places = np.minimum(np.searchsorted(ascending, these), len(ascending) - 1)
    found: Bools = ascending.take(places) == these
    return found


def _ends(owned: I64, count: int) -> list[int]:
    """Where each owner's part of an ascending array ends."""
    ends: list[int] = np.searchsorted(owned, np.arange(1, count + 1) << _OWNER_BITS).tolist()
    return ends


def _note_shown(areas: Sequence[Area[Any]], slots: I64, ends: list[int], tick: int) -> None:
    start = 0
    for area, end in zip(areas, ends, strict=True):
        # A copy: a view would keep the arrays of the whole slice alive.
        area.shown = slots[start:end].copy()
        area.shown_at = tick
        start = end

"""What changed in many areas since each was last shown: a few array passes for all of them.

A car is (number of the area among those asked for) x 2^32 + slot in these passes, so that one
sort and one search serve every area at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rideflow.columns.arrays import I64, Bools
from rideflow.contracts.push import AREA_CARS_MAX
from rideflow.fanout.area_board import Area
from rideflow.fanout.area_index import AreaIndex
from rideflow.fanout.city_view import CityView

_OWNER_BITS: Final = 32
_SLOT_MASK: Final = (1 << _OWNER_BITS) - 1
# Ranks are uniform, so a share of them is a random sample whose size varies by its square root:
# aiming this low keeps it below the maximum, and the same cars stay in it while they are there.
_CARS_AIM: Final = AREA_CARS_MAX * 4 // 5
_RANKS: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaDelta:
    """One area's changes: slots to show anew, whether each has news of its own, slots to remove."""

    changed: I64
    is_news: Bools  # of `changed`: the driver was heard of; else it only entered the area
    gone: I64


def area_deltas(areas: Sequence[Area[Any]], index: AreaIndex, view: CityView) -> list[AreaDelta]:
    """Return what each area's watchers lack, and note it as shown."""
    if not areas:
        return []
    held = np.concatenate([area.shown + (at << _OWNER_BITS) for at, area in enumerate(areas)])
    present = _present(areas, index)
    owners, slots = present >> _OWNER_BITS, present & _SLOT_MASK
    shown_at = np.array([area.shown_at for area in areas], np.int64)
    is_news = view.table.changed_at(slots) > shown_at.take(owners)
    wanted = is_news | ~_is_in(present, held)
    gone = held[~_is_in(held, present)]
    _note_shown(areas, slots, owners, view.table.tick)
    return _by_area(len(areas), present[wanted], is_news[wanted], gone)


def _present(areas: Sequence[Area[Any]], index: AreaIndex) -> I64:
    """The cars of every area now, sampled down to the maximum, ascending."""
    cells = np.concatenate([area.cells for area in areas])
    owners = np.repeat(np.arange(len(areas)), [len(area.cells) for area in areas])
    slots, car_owners = index.lookup(cells, owners)
    counts = np.bincount(car_owners, minlength=len(areas))
    if counts.max(initial=0) > AREA_CARS_MAX:
        share = np.where(counts > AREA_CARS_MAX, _CARS_AIM / np.maximum(counts, 1), 1.0)
        chosen = _ranks(slots) < (share * _RANKS).astype(np.int64).take(car_owners)
        slots, car_owners = slots[chosen], car_owners[chosen]
    return np.sort((car_owners << _OWNER_BITS) | slots)


def _ranks(slots: I64) -> I64:
    """A number below 2^32 for each slot, the same every time, as if by chance.

    The multiplier is the odd number nearest 2^32 / golden ratio (Knuth, TAOCP 3, 6.4).
    """
    mixed = slots.astype(np.uint32) * np.uint32(2_654_435_769)
    mixed ^= mixed >> np.uint32(16)
    return (mixed * np.uint32(2_246_822_519)).astype(np.int64)


def _is_in(these: I64, ascending: I64) -> Bools:
    """For each of `these` whether it is in `ascending`."""
    if not len(ascending):
        return np.zeros(len(these), np.bool_)
    places = np.minimum(np.searchsorted(ascending, these), len(ascending) - 1)
    found: Bools = ascending.take(places) == these
    return found


def _note_shown(areas: Sequence[Area[Any]], slots: I64, owners: I64, tick: int) -> None:
    bounds = np.searchsorted(owners, np.arange(len(areas) + 1)).tolist()
    for at, area in enumerate(areas):
        # A copy: a view would keep the arrays of the whole slice alive.
        area.shown = slots[bounds[at] : bounds[at + 1]].copy()
        area.shown_at = tick


def _by_area(count: int, changed: I64, is_news: Bools, gone: I64) -> list[AreaDelta]:
    edges = np.arange(count + 1) << _OWNER_BITS
    at_changed = np.searchsorted(changed, edges).tolist()
    at_gone = np.searchsorted(gone, edges).tolist()
    changed, gone = changed & _SLOT_MASK, gone & _SLOT_MASK
    return [
        AreaDelta(
            changed=changed[at_changed[at] : at_changed[at + 1]],
            is_news=is_news[at_changed[at] : at_changed[at + 1]],
            gone=gone[at_gone[at] : at_gone[at + 1]],
        )
        for at in range(count)
    ]

"""Binary frames of watched areas: one gather for a whole slice, cut into a frame per area."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from groundwork.metrics import Histogram
from rideflow.columns.arrays import I64
from rideflow.columns.car_frames import cars_of, gone_cars, push_frame
from rideflow.contracts.push import CAR, PushKind
from rideflow.fanout.area_board import Area
from rideflow.fanout.area_deltas import AreaDelta
from rideflow.fanout.city_view import CityView
from rideflow.fanout.disguise import Disguise, blur


class AreaFrames:
    """Packs areas as browsing riders may see them: pseudonyms, blurred places."""

    def __init__(self, view: CityView, disguise: Disguise, ages: Histogram) -> None:
        self._view = view
        self._disguise = disguise
        self._ages = ages

    def deltas(
        self, areas: Sequence[Area[Any]], deltas: Sequence[AreaDelta], now_ms: int
    ) -> list[bytes]:
        """A DELTA frame for each area; empty bytes where nothing changed."""
        changed = self._cars([delta.changed for delta in deltas], now_ms)
        gone = gone_cars(self._numbers([delta.gone for delta in deltas], now_ms)).tobytes()
        self._observe_ages(deltas, changed["fix_ago_ms"])
        packed = changed.tobytes()
        frames: list[bytes] = []
        at_changed = at_gone = 0
        for delta in deltas:
            end_changed = at_changed + len(delta.changed) * CAR.itemsize
            end_gone = at_gone + len(delta.gone) * CAR.itemsize
            cars = packed[at_changed:end_changed] + gone[at_gone:end_gone]
            frames.append(self._frame(PushKind.DELTA, cars, now_ms) if cars else b"")
            at_changed, at_gone = end_changed, end_gone
        return frames

    def snapshot(self, area: Area[Any], now_ms: int, *, skipped: int) -> bytes:
        """All cars that the area's watchers hold."""
        cars = self._cars([area.shown], now_ms).tobytes()
        return self._frame(PushKind.SNAPSHOT, cars, now_ms, skipped=skipped)

    def empty(self, now_ms: int) -> bytes:
        """A SNAPSHOT without cars: forget what was shown."""
        return self._frame(PushKind.SNAPSHOT, b"", now_ms)

    def _cars(self, slots: Sequence[I64], now_ms: int) -> np.ndarray[Any, np.dtype[np.void]]:
        joined = np.concatenate(slots)
        numbers = self._disguise.cars(joined, now_ms)
        cars = cars_of(self._view.table.positions(joined), numbers, base_ms=now_ms)
        blur(cars)
        return cars

    def _numbers(self, slots: Sequence[I64], now_ms: int) -> np.typing.NDArray[np.uint32]:
        return self._disguise.cars(np.concatenate(slots), now_ms)

    def _observe_ages(
        self, deltas: Sequence[AreaDelta], ages_ms: np.typing.NDArray[np.uint16]
    ) -> None:
        # A car that only entered an area shows its last fix, whose age says nothing of us.
        self._ages.observe_many(ages_ms[np.concatenate([delta.is_news for delta in deltas])])

    def _frame(self, kind: PushKind, cars: bytes, now_ms: int, *, skipped: int = 0) -> bytes:
        lag_ms = max(0, now_ms - self._view.table.newest_ms) if self._view.table.newest_ms else 0
        return push_frame(kind, cars, base_ms=now_ms, skipped=skipped, newest_lag_ms=lag_ms)

"""Binary frames of watched areas: one gather for a whole slice, cut into a frame per area."""

from typing import Any

from groundwork.metrics import Histogram
from rideflow.columns.arrays import I64, Rows
from rideflow.columns.car_frames import cars_of, gone_cars, push_frame
from rideflow.contracts.push import CAR, PushKind
from rideflow.fanout.area_board import Area
from rideflow.fanout.area_deltas import AreaDeltas
from rideflow.fanout.city_view import CityView
from rideflow.fanout.disguise import Disguise, blur


class AreaFrames:
    """Packs areas as browsing riders may see them: pseudonyms, blurred places."""

    def __init__(self, view: CityView, disguise: Disguise, ages: Histogram) -> None:
        self._view = view
        self._disguise = disguise
        self._ages = ages

    def deltas(self, deltas: AreaDeltas, now_ms: int) -> list[bytes]:
        """A DELTA frame for each area; empty bytes where nothing changed."""
        cars = self._cars(deltas.changed, now_ms)
        # A car that only entered an area shows its last fix, whose age says nothing of us.
        self._ages.observe_many(cars["fix_ago_ms"][deltas.is_news])
        changed = cars.tobytes()
        gone = gone_cars(self._disguise.cars(deltas.gone, now_ms)).tobytes()
        frames: list[bytes] = []
        from_changed = from_gone = 0
        for ends in zip(deltas.changed_ends, deltas.gone_ends, strict=True):
            to_changed, to_gone = (end * CAR.itemsize for end in ends)
            packed = changed[from_changed:to_changed] + gone[from_gone:to_gone]
            frames.append(self._frame(PushKind.DELTA, packed, now_ms) if packed else b"")
            from_changed, from_gone = to_changed, to_gone
        return frames

    def snapshot(self, area: Area[Any], now_ms: int, *, skipped: int) -> bytes:
        """All cars that the area's watchers hold."""
        cars = self._cars(area.shown, now_ms).tobytes()
        return self._frame(PushKind.SNAPSHOT, cars, now_ms, skipped=skipped)

    def empty(self, now_ms: int) -> bytes:
        """A SNAPSHOT without cars: forget what was shown."""
        return self._frame(PushKind.SNAPSHOT, b"", now_ms)

    def _cars(self, slots: I64, now_ms: int) -> Rows:
        cars = cars_of(
            self._view.table.positions(slots), self._disguise.cars(slots, now_ms), base_ms=now_ms
        )
        blur(cars)
        return cars

    def _frame(self, kind: PushKind, cars: bytes, now_ms: int, *, skipped: int = 0) -> bytes:
        lag_ms = max(0, now_ms - self._view.table.newest_ms) if self._view.table.newest_ms else 0
        return push_frame(kind, cars, base_ms=now_ms, skipped=skipped, newest_lag_ms=lag_ms)

"""Drivers as operators see them: newest position, state, and a short trail."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rideflow.columns.arrays import I32, I64, Rows
from rideflow.columns.car_frames import cars_of, operator_cars, push_frame
from rideflow.columns.position_table import PositionFrame, PositionTable
from rideflow.columns.rounds import Rounds
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.operations import DriverReply, TrailPoint
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import DARK_AFTER_MS
from rideflow.contracts.push import PushKind

TRAIL_FIXES: Final = 60
TRAIL_DRIVERS_MAX: Final = 65_536  # of more drivers only the first have trails: 16 bytes a fix
SILENT_MS: Final = 600_000  # a driver not heard of for so long has left


class DriverBook:
    """A table of positions with trails. Bounded by the number of drivers."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self._table = PositionTable(drivers_max=drivers_max)
        self._trail_fix_ms: SlotColumn[np.int64] = SlotColumn(np.int64, shape=(TRAIL_FIXES,))
        self._trail_places: SlotColumn[np.int32] = SlotColumn(np.int32, shape=(TRAIL_FIXES, 2))
        self._trail_next: SlotColumn[np.int32] = SlotColumn(np.int32)
        self._rounds = Rounds()

    @property
    def tick(self) -> int:
        return self._table.tick

    @property
    def newest_ms(self) -> int:
        return self._table.newest_ms

    def take(self, frames: Sequence[PositionFrame]) -> None:
        taken = self._table.take(frames)
        if taken is None:
            return
        self._ensure_trails()
        for turn in self._rounds.of(taken.slots):
            self._extend_trails(taken.slots.take(turn), taken.rows, turn)

    def counts(self, now_ms: int) -> tuple[int, dict[str, int], int]:
        """Drivers that have not left, how many are in which state, how many of them are dark."""
        here = self._here(now_ms)
        produced_ms = self._table.produced_ms().take(here)
        states = np.bincount(self._table.positions(here)["state"], minlength=len(DriverState))
        by_state = {state.name.lower(): int(states[state]) for state in DriverState}
        dark = int(np.count_nonzero(produced_ms < now_ms - DARK_AFTER_MS))
        return len(here), by_state, dark

    def city_frame(self, since_tick: int, now_ms: int) -> bytes:
        """A CITY frame of the drivers that changed after a tick; 0: all that have not left."""
        slots = self._here(now_ms) if since_tick == 0 else self._table.changed_since(since_tick)
        cars = cars_of(
            self._table.positions(slots),
            operator_cars(self._table.drivers_of(slots)),
            base_ms=now_ms,
        )
        lag_ms = max(0, now_ms - self._table.newest_ms) if self._table.newest_ms else 0
        return push_frame(PushKind.CITY, cars.tobytes(), base_ms=now_ms, newest_lag_ms=lag_ms)

    def reply(self, number: int, now_ms: int) -> DriverReply | None:
        """A driver by its id or by its car number; None for a stranger."""
        slot = self._slot_of(number)
        if slot is None:
            return None
        row = self._table.positions(np.array([slot]))[0]
        return DriverReply(
            driver=int(row["driver"]),
            car=int(operator_cars(row["driver"].reshape(1))[0]),
            state=DriverState(int(row["state"])).name.lower(),
            lat=int(row["lat_e7"]) / 1e7,
            lon=int(row["lon_e7"]) / 1e7,
            speed_m_s=int(row["speed_cm_s"]) / 100,
            bearing=int(row["bearing_cdeg"]) / 100,
            accuracy_m=int(row["accuracy_dm"]) / 10,
            sequence=int(row["sequence"]),
            trust=int(row["trust"]),
            flags=int(row["flags"]),
            fix_ms=int(row["fix_ms"]),
            age_ms=max(0, now_ms - int(row["fix_ms"])),
            trail=self._trail(slot),
        )

    def search(self, digits: str, *, limit: int) -> list[int]:
        """Drivers whose id begins with these digits, lowest first."""
        drivers = np.sort(self._table.slots.drivers)
        found: list[int] = []
        low, high = int(digits), int(digits) + 1
        while low <= int(drivers[-1] if len(drivers) else 0) and len(found) < limit:
            first, last = np.searchsorted(drivers, [low, high]).tolist()
            found += drivers[first:last][: limit - len(found)].tolist()
            low, high = low * 10, high * 10
        return found

    def _here(self, now_ms: int) -> I64:
        return np.flatnonzero(self._table.produced_ms() >= max(1, now_ms - SILENT_MS))

    def _slot_of(self, number: int) -> int | None:
        slot = self._table.slots.slot_of(number)
        if slot < 0:
            cars = operator_cars(self._table.slots.drivers)
            found = np.flatnonzero(cars == number)
            slot = int(found[0]) if len(found) else -1
        return slot if slot >= 0 and self._table.has_seen(slot) else None

    def _ensure_trails(self) -> None:
        count = min(len(self._table), TRAIL_DRIVERS_MAX)
        for column in (self._trail_fix_ms, self._trail_places, self._trail_next):
            column.ensure(count)

    def _extend_trails(self, slots: I32, rows: Rows, turn: I64) -> None:
        """Add one fix to the ring of each slot, unless it is the fix that came before."""
        has_trail = slots < TRAIL_DRIVERS_MAX
        slots, turn = slots[has_trail], turn[has_trail]
        fixes_ms = rows["fix_ms"].take(turn)
        at = self._trail_next.values.take(slots)
        newest = self._trail_fix_ms.values[slots, at - 1]  # -1 wraps round the ring
        is_new = fixes_ms > newest
        slots, turn, at = slots[is_new], turn[is_new], at[is_new]
        self._trail_fix_ms.values[slots, at] = fixes_ms[is_new]
        self._trail_places.values[slots, at, 0] = rows["lat_e7"].take(turn)
        self._trail_places.values[slots, at, 1] = rows["lon_e7"].take(turn)
        self._trail_next.values.put(slots, (at + 1) % TRAIL_FIXES)

    def _trail(self, slot: int) -> list[TrailPoint]:
        if slot >= TRAIL_DRIVERS_MAX:
            return []
        fixes_ms = self._trail_fix_ms.values[slot]
        order = np.argsort(fixes_ms)
        order = order[fixes_ms[order] > 0]
        places = self._trail_places.values[slot][order] / 1e7
        return [
            TrailPoint(fix_ms=fix_ms, lat=lat, lon=lon)
            for fix_ms, (lat, lon) in zip(fixes_ms[order].tolist(), places.tolist(), strict=True)
        ]

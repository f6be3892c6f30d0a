"""The newest POSITION of every driver, by slot: what a reader of driver.positions holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rideflow.columns.arrays import I32, I64, U64, Rows
from rideflow.columns.driver_slots import DriverSlots
from rideflow.columns.position_frames import read_frame
from rideflow.columns.rows import put_rows, take_rows
from rideflow.columns.slot_column import SlotColumn
from rideflow.contracts.positions import POSITION


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFrame:
    """A frame of driver.positions as it was read."""

    produced_ms: int
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Rows that counted, each with its slot; a driver may come twice, the newest last."""

    slots: I32
    rows: Rows
    produced_ms: I64


def unpack_frame(value: bytes) -> PositionFrame:
    """Raises `FrameCorrupt`."""
    header, rows = read_frame(value)
    return PositionFrame(produced_ms=int(header["produced_ms"][0]), rows=rows)


class PositionTable:
    """Bounded by the number of drivers: raises `SlotsFull` beyond `drivers_max`."""

    def __init__(self, *, drivers_max: int = 4_000_000) -> None:
        self.slots = DriverSlots(drivers_max=drivers_max)
        self.tick = 0  # grows with every `take` that brought rows; see `changed_at`
        self.newest_ms = 0  # production of the newest frame
        self._rows: SlotColumn[np.void] = SlotColumn(POSITION)
        self._produced_ms: SlotColumn[np.int64] = SlotColumn(np.int64)
        self._changed_at: SlotColumn[np.int64] = SlotColumn(np.int64)

    def __len__(self) -> int:
        return len(self.slots)

    def take(self, frames: Sequence[PositionFrame]) -> Taken | None:
        """Take in frames; None where they hold no row.

        Frames of one region are in order; a driver that crosses from region to region may be
        in two partitions, so the newer production wins.
        """
        ordered = sorted(frames, key=lambda frame: frame.produced_ms)
        sizes = [len(frame.rows) for frame in ordered]
        if not sum(sizes):
            return None
        # Joined as bytes: numpy would work out the common type of structured arrays field by field.
        rows = np.frombuffer(b"".join([frame.rows.tobytes() for frame in ordered]), POSITION)
        produced_ms = np.repeat(np.array([frame.produced_ms for frame in ordered], np.int64), sizes)
        slots = self.slots.slots_of(rows["driver"].astype(np.uint64), create=True)
        self._ensure()
        counts = (slots >= 0) & (produced_ms >= self._produced_ms.values.take(slots))
        if not counts.all():
            index = np.flatnonzero(counts)
            rows = take_rows(rows, index)
            slots, produced_ms = slots.take(index), produced_ms.take(index)
        self._put(slots, rows, produced_ms)
        return Taken(slots=slots, rows=rows, produced_ms=produced_ms)

    def _put(self, slots: I32, rows: Rows, produced_ms: I64) -> None:
        self.tick += 1
        self.newest_ms = max(self.newest_ms, int(produced_ms.max(initial=0)))
        put_rows(self._rows.values, slots, rows)
        self._produced_ms.values.put(slots, produced_ms)
        self._changed_at.values.put(slots, self.tick)

    def positions(self, slots: I32 | I64) -> Rows:
        """The POSITION rows of slots."""
        return take_rows(self._rows.values, slots)

    def has_seen(self, slot: int) -> bool:
        """Whether the slot's driver was in any frame: slots are also given to awaited drivers."""
        return bool(self._produced_ms.values[slot]) if slot < len(self.slots) else False

    def produced_ms(self) -> I64:
        """By slot: when the newest position was produced, 0 where none was. A view, not a copy."""
        return self._produced_ms.values[: len(self.slots)]

    def changed_at(self, slots: I32 | I64) -> I64:
        """The tick at which each slot changed last."""
        return self._changed_at.values.take(slots)

    def changed_since(self, tick: int) -> I64:
        """All slots that changed after `tick`, ascending."""
        return np.flatnonzero(self._changed_at.values[: len(self.slots)] > tick)

    def drivers_of(self, slots: I32 | I64) -> U64:
        return self.slots.drivers.take(slots)

    def await_driver(self, driver: int) -> int:
        """The slot of a driver that may not have been seen yet."""
        slot = int(self.slots.slots_of(np.array([driver], np.uint64), create=True)[0])
        self._ensure()
        return slot

    def _ensure(self) -> None:
        count = len(self.slots)
        self._rows.ensure(count)
        self._produced_ms.ensure(count)
        self._changed_at.ensure(count)

"""The stage itself: pings in, frames of positions out, one slice of a poll at a time."""

from typing import Final

import numpy as np

from groundwork.metrics import Registry
from rideflow.columns.arrays import I32, I64, Rows
from rideflow.columns.cell_raster import CellRaster
from rideflow.columns.position_frames import make_frames
from rideflow.columns.rounds import Rounds
from rideflow.columns.rows import take_rows
from rideflow.contracts.ids import REGION_RESOLUTION, RegionCell
from rideflow.contracts.positions import PositionFlag
from rideflow.positions.darkness import newly_dark
from rideflow.positions.filters import Filtered, judge_pings
from rideflow.positions.tracks import Tracks

# Rows of a slice: their frames together stay below the largest message, and the arrays in cache.
SLICE_ROWS: Final = 16_384

Frames = list[tuple[RegionCell, bytes]]


class Stage:
    """Holds the state of all drivers. Decides; awaits nothing and reads no clock."""

    def __init__(self, metrics: Registry, *, drivers_max: int) -> None:
        self._tracks = Tracks(drivers_max=drivers_max)
        self._regions = CellRaster(resolution=REGION_RESOLUTION)
        self._rounds = Rounds()
        self._pings_total = metrics.counter("positions_pings_total")
        self._sent_total = metrics.counter("positions_sent_total")
        self._dark_total = metrics.counter("positions_dark_total")
        self._drivers = metrics.gauge("positions_drivers")
        self._filtered = {
            reason: metrics.counter(f"filtered_{reason}_total") for reason in Filtered
        }
        self._age_gateway = metrics.histogram("age_gateway_ms")
        self._age_log = metrics.histogram("age_log_ms")
        self._age_position = metrics.histogram("age_position_ms")

    def take(self, pings: Rows, received_ms: I64, *, read_ms: int, now_ms: int) -> Frames:
        """Judge at most SLICE_ROWS pings, in order of their partitions; return what changed.

        `received_ms`: log timestamp of each; `read_ms`: when the poll came back.
        """
        assert len(pings) <= SLICE_ROWS, "a slice's frames must fit in one message"
        slots = self._tracks.slots_of(pings["driver"])
        parts = [
            self._round(
                take_rows(pings, index), slots.take(index), received_ms.take(index), read_ms
            )
            for index in self._rounds.of(slots)
        ]
        self._pings_total.add(len(pings))
        self._drivers.set(len(self._tracks))
        if not parts:
            return []
        rows = np.concatenate([rows for rows, _ in parts])
        received = np.concatenate([received for _, received in parts])
        self._age_position.observe_many(now_ms - _of_shown(rows))
        return self._frames(rows, received, now_ms)

    def sweep(self, *, now_ms: int) -> Frames:
        """Tell once who has gone dark."""
        slots = newly_dark(self._tracks.positions, now_ms=now_ms)
        positions, tracks = self._tracks.take(slots)
        positions["flags"] |= np.uint16(PositionFlag.DARK)
        self._tracks.put(slots, positions, tracks)
        self._dark_total.add(len(slots))
        return self._frames(positions, np.full(len(slots), now_ms), now_ms)

    def restore(self, positions: Rows) -> None:
        """Take over what was produced before a restart, oldest first."""
        slots = self._tracks.slots_of(positions["driver"])
        for index in self._rounds.of(slots):
            self._tracks.restore(take_rows(positions, index))
        self._drivers.set(len(self._tracks))

    def _round(self, pings: Rows, slots: I32, received_ms: I64, read_ms: int) -> tuple[Rows, I64]:
        """One ping of each driver. Return the rows to send and when each was received."""
        positions, tracks = self._tracks.take(slots)
        judged = judge_pings(positions, tracks, pings, received_ms)
        self._tracks.put(slots, judged.positions, tracks)
        for reason, count in judged.filtered.items():
            self._filtered[reason].add(count)
        shown = np.flatnonzero(judged.is_shown)
        fix_ms = pings["fix_ms"].take(shown)
        self._age_gateway.observe_many(received_ms.take(shown) - fix_ms)
        self._age_log.observe_many(read_ms - fix_ms)
        sent = np.flatnonzero(judged.is_sent)
        return take_rows(judged.positions, sent), received_ms.take(sent)

    def _frames(self, rows: Rows, received_ms: I64, now_ms: int) -> Frames:
        self._sent_total.add(len(rows))
        regions = self._regions.cells_of(rows["lat_e7"], rows["lon_e7"])
        return make_frames(rows, regions, received_ms, produced_ms=now_ms)


def _of_shown(rows: Rows) -> I64:
    """The fix times of rows that are news of a place, not only of a state."""
    is_shown = (rows["flags"] & np.uint16(PositionFlag.HELD)) == 0
    return np.asarray(rows["fix_ms"][is_shown], np.int64)

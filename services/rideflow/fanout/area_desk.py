"""Watched areas, slice by slice: who is due gets what changed, or all where that was missed."""

from typing import Final

from groundwork.seams import Clock
from rideflow.contracts.push import WatchArea, WatchError
from rideflow.fanout.area_board import Area, AreaBoard, AreaKey
from rideflow.fanout.area_cells import BadArea, cells_of
from rideflow.fanout.area_deltas import area_deltas
from rideflow.fanout.area_frames import AreaFrames
from rideflow.fanout.area_index import AreaIndex
from rideflow.fanout.city_view import CityView
from rideflow.fanout.disguise import Disguise
from rideflow.fanout.push_session import PushSession
from rideflow.running.websocket_frames import binary_frame

# The index is made anew in each slice unless that would take more than this part of the time:
# a million drivers cost 20 ms, and then cars enter areas a little later.
INDEX_TIME_SHARE: Final = 0.05


class AreaDesk:
    """Joins the board of areas with the sessions that watch them."""

    def __init__(
        self, view: CityView, frames: AreaFrames, clock: Clock, *, slices_per_second: int
    ) -> None:
        self._view = view
        self._frames = frames
        self._clock = clock
        self._board: AreaBoard[PushSession] = AreaBoard(view, slices_per_second=slices_per_second)
        self._wishes: dict[PushSession, None] = {}
        self._index: AreaIndex | None = None
        self._index_due_ms = 0
        self._period = 0

    def __len__(self) -> int:
        return len(self._board)

    def wish(self, session: PushSession, area: WatchArea | None) -> None:
        """Watch `area` from the next slice on; None: no area. The newest wish counts."""
        session.wanted_area = area
        self._wishes[session] = None

    def leave(self, session: PushSession) -> None:
        self._wishes.pop(session, None)
        self._board.leave(session)

    def run_slice(self, slice_number: int) -> None:
        """Send to every area that is due."""
        now_ms = self._clock.now_ms()
        self._grant_wishes(now_ms)
        self._rotate_pseudonyms(now_ms)
        areas = self._board.due(slice_number)
        if not areas:
            return
        deltas = area_deltas(areas, self._fresh_index(now_ms), self._view)
        frames = self._frames.deltas(deltas, now_ms)
        start = 0
        for area, frame, end in zip(areas, frames, deltas.changed_ends, strict=True):
            self._send(area, frame, end - start, now_ms)
            start = end

    def _send(self, area: Area[PushSession], delta: bytes, changes: int, now_ms: int) -> None:
        framed = binary_frame(delta) if delta else b""
        for session in area.watchers:
            if not session.keeps_up():
                session.lacks_snapshot = True
                session.skip(changes)
            elif session.lacks_snapshot:
                self._send_snapshot(session, area, now_ms)
            elif framed:
                session.show(framed)

    def _send_snapshot(self, session: PushSession, area: Area[PushSession], now_ms: int) -> None:
        session.show_payload(self._frames.snapshot(area, now_ms, skipped=session.skipped))
        session.lacks_snapshot = False
        session.skipped = 0

    def _grant_wishes(self, now_ms: int) -> None:
        wishes, self._wishes = self._wishes, {}
        for session in wishes:
            wish = session.wanted_area
            if wish is None:
                self._board.leave(session)
                session.show_payload(self._frames.empty(now_ms))
                continue
            try:
                key = AreaKey(cells=cells_of(wish), economy=wish.economy)
            except BadArea as error:
                session.tell(WatchError(code="bad_area", message=str(error)))
                continue
            self._board.watch(session, key)
            session.lacks_snapshot = True
            self._index_due_ms = 0  # cells may be watched that nobody watched before

    def _fresh_index(self, now_ms: int) -> AreaIndex:
        started_ms = self._clock.monotonic_ms()
        if self._index is None or started_ms >= self._index_due_ms:
            self._index = AreaIndex(self._view, self._board.watched_cells(), now_ms)
            ended_ms = self._clock.monotonic_ms()
            self._index_due_ms = ended_ms + int((ended_ms - started_ms) / INDEX_TIME_SHARE)
        return self._index

    def _rotate_pseudonyms(self, now_ms: int) -> None:
        """With new numbers nothing that was shown can be named: everyone begins anew."""
        period = Disguise.period(now_ms)
        if period == self._period:
            return
        self._period = period
        for area in self._board.all_areas():
            for session in area.watchers:
                session.lacks_snapshot = True

"""All watchers and what they hear: the whole of fan-out but for sockets and the log."""

from collections.abc import Sequence

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.columns.position_table import PositionFrame
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.push import (
    EtaPush,
    UnwatchArea,
    WatchArea,
    WatchBeat,
    WatchError,
    WatchHello,
    WatchRide,
    WatchUp,
    WatchWelcome,
)
from rideflow.contracts.rides import RideFact
from rideflow.fanout.area_desk import AreaDesk
from rideflow.fanout.area_frames import AreaFrames
from rideflow.fanout.city_view import CityView
from rideflow.fanout.disguise import Disguise
from rideflow.fanout.match_push import MatchPush
from rideflow.fanout.push_session import HEARTBEAT_MS, PushSession
from rideflow.fanout.ride_channels import RideChannels
from rideflow.fanout.ride_desk import RideDesk


class WatchRoom:
    """Takes in what the log says and what watchers ask; sends through their links."""

    def __init__(
        self,
        clock: Clock,
        metrics: Registry,
        *,
        key: bytes,
        epoch: str,
        slices_per_second: int,
    ) -> None:
        """`key` is what pseudonyms are made with; `epoch` names this life of the ride lane."""
        self.view = CityView()
        self._clock = clock
        self._metrics = metrics
        self._epoch = epoch
        self._slices_per_second = slices_per_second
        self._channels = RideChannels(epoch=epoch)
        self._areas = AreaDesk(
            self.view,
            AreaFrames(self.view, Disguise(self.view, key), metrics.histogram("age_rider_area_ms")),
            clock,
            slices_per_second=slices_per_second,
        )
        self._rides = RideDesk(
            self.view,
            self._channels,
            MatchPush(self.view, key, metrics.histogram("age_rider_matched_ms")),
        )
        # Dealt over the slices of a second, in each of which one part is tended.
        self._sessions: list[dict[PushSession, None]] = [{} for _ in range(slices_per_second)]
        self._seat_of: dict[PushSession, int] = {}
        self._seated = 0

    def __len__(self) -> int:
        return len(self._seat_of)

    def enter(self, session: PushSession) -> None:
        """A watcher whose token was good."""
        seat = self._seated % self._slices_per_second
        self._seated += 1
        self._sessions[seat][session] = None
        self._seat_of[session] = seat
        session.tell(
            WatchWelcome(
                epoch=self._epoch, server_ms=self._clock.now_ms(), heartbeat_ms=HEARTBEAT_MS
            )
        )

    def leave(self, session: PushSession) -> None:
        """The socket is closed."""
        self._areas.leave(session)
        self._rides.leave(session)
        del self._sessions[self._seat_of.pop(session)][session]

    def hear(self, session: PushSession, message: WatchUp) -> None:
        """A watcher asked for something."""
        match message:
            case WatchArea() if not session.may_watch_areas:
                session.tell(WatchError(code="forbidden", message="only riders watch areas"))
            case WatchArea():
                self._areas.wish(session, message)
            case UnwatchArea():
                self._areas.wish(session, None)
            case WatchRide():
                self._rides.watch(session, message, self._clock.now_ms())
            case WatchHello():
                session.tell(WatchError(code="bad_message", message="hello was said already"))

    def take_positions(self, frames: Sequence[PositionFrame]) -> None:
        """Position frames were read: matched drivers go out at once."""
        slots = self.view.take(frames)
        self._metrics.counter("fanout_positions_total").add(len(slots))
        self._rides.show_hits(self._rides.matches.hits(slots), self._clock.now_ms())

    def take_fact(self, fact: RideFact, *, partition: int, offset: int) -> None:
        self._rides.take_fact(fact, partition=partition, offset=offset, now_ms=self._clock.now_ms())

    def take_eta(self, eta: EtaPush) -> None:
        self._rides.take_eta(eta)

    def run_slice(self, slice_number: int) -> None:
        """A slice of a second: areas that are due, then a part of the sessions."""
        self._areas.run_slice(slice_number)
        for session in list(self._sessions[slice_number % self._slices_per_second]):
            self._tend(session)
        if slice_number % self._slices_per_second == 0:
            self._once_a_second()

    def close(self) -> None:
        """Tell everyone that this process ends."""
        for session in list(self._seat_of):
            session.close(CloseCode.GOING_AWAY, "fan-out restarts")

    def _tend(self, session: PushSession) -> None:
        session.tend()
        if session.lacks_match and session.keeps_up():
            self._rides.show_now(session, self._clock.now_ms())
        if session.beat_is_due():
            now_ms = self._clock.now_ms()
            age_ms = max(0, now_ms - self.view.table.newest_ms)
            session.tell(WatchBeat(server_ms=now_ms, positions_age_ms=age_ms))

    def _once_a_second(self) -> None:
        self._channels.forget_ended(self._clock.now_ms())
        self._metrics.gauge("fanout_sessions").set(len(self))
        self._metrics.gauge("fanout_areas").set(len(self._areas))
        self._metrics.gauge("fanout_drivers").set(len(self.view.table.slots))

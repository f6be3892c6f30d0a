"""Who watches which ride: facts and ETAs go to them in order, and their driver is followed."""

from rideflow.contracts.ids import RideId
from rideflow.contracts.push import EtaPush, WatchError, WatchRide
from rideflow.contracts.rides import ASSIGNED_STATES, RideFact
from rideflow.fanout.city_view import CityView
from rideflow.fanout.match_board import MatchBoard
from rideflow.fanout.match_push import MatchPush
from rideflow.fanout.push_session import PushSession
from rideflow.fanout.ride_channels import RideChannels


class RideDesk:
    """Joins ride channels, watchers and matched drivers."""

    def __init__(self, view: CityView, channels: RideChannels, push: MatchPush) -> None:
        self.matches = MatchBoard()
        self._view = view
        self._channels = channels
        self._push = push
        self._watchers: dict[RideId, dict[PushSession, None]] = {}

    def watch(self, session: PushSession, wish: WatchRide, now_ms: int) -> None:
        """Begin to tell `session` of a ride. It may be one that was only just asked for."""
        self.leave(session)
        newest = self._channels.newest(wish.ride)
        if newest is not None and not session.may_watch_ride_of(newest.rider):
            session.tell(_forbidden(wish.ride))
            return
        session.ride = wish.ride
        self._watchers.setdefault(wish.ride, {})[session] = None
        for push in self._channels.catch_up(wish.ride, wish.resume):
            session.tell(push)
        for eta in self._channels.etas(wish.ride):
            session.tell(eta)
        if newest is not None:
            self._follow(newest, now_ms)
            self.show_now(session, now_ms)

    def leave(self, session: PushSession) -> None:
        """Forget which ride `session` watches."""
        ride, session.ride = session.ride, None
        if ride is None:
            return
        watchers = self._watchers[ride]
        del watchers[session]
        if not watchers:
            del self._watchers[ride]
            self.matches.drop(ride)

    def take_fact(self, fact: RideFact, *, partition: int, offset: int, now_ms: int) -> None:
        """A fact was read from the log."""
        push = self._channels.add_fact(fact, partition=partition, offset=offset)
        if push is None or fact.ride not in self._watchers:
            return
        self._turn_away_strangers(fact)
        for session in self._watchers_of(fact.ride):
            session.tell(push)
        self._follow(fact, now_ms)

    def take_eta(self, eta: EtaPush) -> None:
        """An ETA was read from the log."""
        if self._channels.add_eta(eta):
            for session in self._watchers_of(eta.ride):
                session.tell(eta)

    def show_hits(self, hits: list[tuple[RideId, int]], now_ms: int) -> None:
        """Send the newest places of followed drivers."""
        if not hits:
            return
        for (ride, _), car in zip(hits, self._push.frames(hits, now_ms), strict=True):
            for session in self._watchers_of(ride):
                self._push.send(session, car, now_ms)

    def show_now(self, session: PushSession, now_ms: int) -> None:
        """Send where the driver of the session's ride is, if it has one that was seen."""
        slot = None if session.ride is None else self.matches.slot_of(session.ride)
        if slot is None or session.ride is None:
            session.lacks_match = False
            return
        car = self._push.frame_now(session.ride, slot, now_ms)
        if car is not None:
            self._push.send(session, car, now_ms)

    def _watchers_of(self, ride: RideId) -> list[PushSession]:
        return list(self._watchers.get(ride, ()))

    def _turn_away_strangers(self, fact: RideFact) -> None:
        """Who asked before the ride was known is held against its first fact."""
        for session in self._watchers_of(fact.ride):
            if not session.may_watch_ride_of(fact.rider):
                self.leave(session)
                session.tell(_forbidden(fact.ride))

    def _follow(self, fact: RideFact, now_ms: int) -> None:
        if fact.ride not in self._watchers:
            return
        before = self.matches.slot_of(fact.ride)
        after = None
        if fact.state in ASSIGNED_STATES and fact.driver is not None:
            after = self._view.table.await_driver(fact.driver)
        if after == before:
            return
        if before is not None:
            self.matches.drop(fact.ride)
            gone = self._push.gone_frame(fact.ride, before, now_ms)
            for session in self._watchers_of(fact.ride):
                session.show_payload(gone)
        if after is not None:
            self.matches.follow(fact.ride, after)
            for session in self._watchers_of(fact.ride):
                self.show_now(session, now_ms)


def _forbidden(ride: RideId) -> WatchError:
    return WatchError(code="forbidden", message=f"ride {ride} is not yours")

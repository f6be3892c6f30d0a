"""What a watcher is shown and told, from positions and ride facts, without a socket."""

from collections.abc import Callable

import numpy as np
import pytest

from groundwork.metrics import Registry
from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.metrics import FANOUT_METRICS
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import PositionFlag
from rideflow.contracts.push import (
    AREA_CARS_MAX,
    CarFlag,
    EtaPush,
    PushKind,
    ResumePoint,
    RidePush,
    UnwatchArea,
    WatchArea,
    WatchBeat,
    WatchError,
    WatchRide,
    WatchWelcome,
)
from rideflow.contracts.rides import RideState
from rideflow.contracts.tokens import Claims, Role
from rideflow.fanout.push_session import NEWS_MAX, STUCK_MS, PushSession
from rideflow.fanout.watch_room import WatchRoom
from rideflow.geo.privacy import PSEUDONYM_MS
from tests.support.watching import LAT, LON, FakeLink, Shown, position_frame, ride_fact

SLICES = 25
AREA = WatchArea(south=LAT - 0.01, west=LON - 0.01, north=LAT + 0.01, east=LON + 0.01)
RIDE = WatchRide(ride="r1")  # type: ignore[arg-type]  # a NewType of str


class Room:
    """A room, its clock and its slices."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.metrics = Registry(FANOUT_METRICS)
        self.room = WatchRoom(
            self.clock, self.metrics, key=b"k" * 32, epoch="e1", slices_per_second=SLICES
        )
        self._slice = 0
        self._offset = 0

    def enter(self, *, sub: str = "7", role: Role = Role.RIDER) -> tuple[PushSession, FakeLink]:
        link = FakeLink()
        session = PushSession(link, self.clock, Claims(sub=sub, role=role, exp=0), self.metrics)
        self.room.enter(session)
        return session, link

    def drive(self, drivers: list[int], **columns: object) -> None:
        self.room.take_positions([position_frame(drivers, self.clock.now_ms(), **columns)])

    def fact(self, number: int, state: RideState, **more: object) -> int:
        self._offset += 1
        fact = ride_fact(number, state, **more)  # type: ignore[arg-type]  # passed on as given
        self.room.take_fact(fact, partition=0, offset=self._offset)
        return self._offset

    def run(self, ms: int) -> None:
        for _ in range(ms * SLICES // 1000):
            self.clock.advance(1000 // SLICES)
            self._slice += 1
            self.room.run_slice(self._slice)


@pytest.fixture
def room() -> Room:
    return Room()


def _numbers(shown: Shown) -> set[int]:
    return set(shown.cars["car"].tolist())


def test_a_watcher_is_welcomed_and_hears_a_beat_while_nothing_happens(room: Room) -> None:
    _, link = room.enter()
    assert isinstance(link.told[0], WatchWelcome)
    room.run(5_000)
    assert sum(isinstance(message, WatchBeat) for message in link.told) == 2


def test_an_area_begins_with_a_snapshot_and_goes_on_with_what_changed(room: Room) -> None:
    session, link = room.enter()
    room.drive([1, 2, 3])
    room.room.hear(session, AREA)
    room.run(200)
    room.drive([2])
    room.run(200)
    room.run(200)
    snapshot, delta = link.take_shown()
    assert (snapshot.kind, len(snapshot.cars)) == (PushKind.SNAPSHOT, 3)
    assert (delta.kind, len(delta.cars)) == (PushKind.DELTA, 1)
    assert _numbers(delta) < _numbers(snapshot)


@pytest.mark.parametrize(
    "leaving",
    [
        lambda room: room.drive([1], state=DriverState.EN_ROUTE),
        lambda room: room.drive([1], lat_e7=int((LAT + 1) * 1e7)),
        lambda room: room.drive([1], flags=PositionFlag.DARK),
        lambda room: room.drive([1], flags=PositionFlag.SUSPECT),
        lambda room: room.drive([1], trust=200),
    ],
    ids=["matched", "moved away", "dark", "suspect", "not believed"],
)
def test_a_car_that_is_no_longer_shown_is_taken_off_the_map(
    room: Room, leaving: Callable[[Room], None]
) -> None:
    session, link = room.enter()
    room.drive([1, 2])
    room.room.hear(session, AREA)
    room.run(200)
    leaving(room)
    room.run(200)
    snapshot, delta = link.take_shown()
    assert len(snapshot.cars) == 2
    assert delta.cars["flags"].tolist() == [CarFlag.GONE]
    assert _numbers(delta) < _numbers(snapshot)


def test_a_car_that_falls_silent_is_taken_off_the_map(room: Room) -> None:
    session, link = room.enter()
    room.drive([1])
    room.room.hear(session, AREA)
    room.run(11_000)
    assert [shown.cars["flags"].tolist() for shown in link.take_shown()] == [
        [CarFlag.BLURRED],
        [CarFlag.GONE],
    ]


def test_browsing_riders_see_neither_driver_numbers_nor_exact_places(room: Room) -> None:
    session, link = room.enter()
    drivers = list(range(1, 41))
    rng = np.random.default_rng(5)
    lats = int(LAT * 1e7) + rng.integers(-30_000, 30_000, len(drivers))
    room.drive(drivers, lat_e7=lats)
    room.room.hear(session, AREA)
    room.run(200)
    cars = link.shown[0].cars
    assert not _numbers(link.shown[0]) & set(drivers)
    assert (cars["flags"] & CarFlag.BLURRED).all()
    off_m = np.abs(np.sort(cars["lat_e7"]) - np.sort(lats)) / 89.83
    assert 1 < off_m.max() <= 11.2


def test_pseudonyms_rotate_and_everyone_begins_anew(room: Room) -> None:
    session, link = room.enter()
    room.drive([1, 2])
    room.room.hear(session, AREA)
    room.run(200)
    before = _numbers(link.take_shown()[0])
    room.clock.advance(PSEUDONYM_MS)
    room.drive([1, 2])
    room.run(200)
    (again,) = link.take_shown()
    assert again.kind is PushKind.SNAPSHOT
    assert not before & _numbers(again)


def test_of_too_many_cars_a_sample_is_shown_that_stays(room: Room) -> None:
    session, link = room.enter()
    drivers = list(range(1, 1_001))
    room.drive(drivers)
    room.room.hear(session, AREA)
    room.run(200)
    room.drive(drivers)
    room.run(200)
    snapshot, delta = link.take_shown()
    assert AREA_CARS_MAX // 2 < len(snapshot.cars) <= AREA_CARS_MAX
    assert _numbers(snapshot) == _numbers(delta)


def test_watchers_of_one_area_share_frames_at_five_hertz_and_economy_at_one(room: Room) -> None:
    (one, link_one), (two, link_two), (slow, link_slow) = room.enter(), room.enter(), room.enter()
    room.room.hear(one, AREA)
    room.room.hear(two, AREA)
    economy = {name: getattr(AREA, name) for name in ("south", "west", "north", "east")}
    room.room.hear(slow, WatchArea(**economy, economy=True))
    for _ in range(50):
        room.drive([1])
        room.run(40)
    assert len(link_one.shown) == len(link_two.shown) == 10
    assert len(link_slow.shown) == 2


def test_a_slow_watcher_skips_places_is_told_how_many_and_gets_all_again(room: Room) -> None:
    session, link = room.enter()
    room.drive([1, 2])
    room.room.hear(session, AREA)
    room.run(200)
    link.take_shown()
    link.unsent = 100_000
    for _ in range(3):
        room.drive([1, 2])
        room.run(200)
    assert link.take_shown() == []
    link.unsent = 0
    room.run(200)
    (snapshot,) = link.take_shown()
    assert (snapshot.kind, snapshot.skipped, len(snapshot.cars)) == (PushKind.SNAPSHOT, 6, 2)


def test_a_watcher_that_never_reads_is_cut_off_with_a_code(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, AREA)
    link.unsent = 100_000
    for _ in range(STUCK_MS // 1000 + 3):
        room.drive([1])
        room.run(1_000)
    assert link.closed is not None
    assert link.closed[0] == CloseCode.SLOW
    room.run(6_000)
    assert link.aborted


def test_an_area_is_left_when_it_is_no_longer_wanted(room: Room) -> None:
    session, link = room.enter()
    room.drive([1])
    room.room.hear(session, AREA)
    room.run(200)
    room.room.hear(session, UnwatchArea())
    room.run(200)
    room.drive([1])
    room.run(200)
    assert [len(shown.cars) for shown in link.take_shown()] == [1, 0]


def test_a_box_upside_down_is_refused_by_name(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, WatchArea(south=58, west=11, north=57, east=12))
    room.run(200)
    assert isinstance(link.told[-1], WatchError)
    assert "south 58 and north 57" in link.told[-1].message


def test_the_matched_driver_is_shown_exactly_and_at_once(room: Room) -> None:
    session, link = room.enter()
    room.drive([5])
    room.room.hear(session, RIDE)
    room.fact(1, RideState.EN_ROUTE, driver=5)
    room.clock.advance(30)
    room.room.take_positions(
        [position_frame([5], room.clock.now_ms() - 12, lat_e7=577_000_123, state=3)]
    )
    first, second = link.take_shown()
    assert (first.kind, second.kind) == (PushKind.MATCHED, PushKind.MATCHED)
    assert second.cars["lat_e7"].tolist() == [577_000_123]
    assert second.cars["fix_ago_ms"].tolist() == [12]
    assert _numbers(first) == _numbers(second)
    assert room.metrics.histogram("age_rider_matched_ms").counts[12] == 1


def test_a_driver_that_was_never_seen_is_shown_when_it_is(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, RIDE)
    room.fact(1, RideState.EN_ROUTE, driver=5)
    assert link.take_shown() == []
    room.drive([5])
    assert len(link.take_shown()) == 1


def test_a_lost_driver_is_taken_off_the_map_and_no_longer_shown(room: Room) -> None:
    session, link = room.enter()
    room.drive([5])
    room.room.hear(session, RIDE)
    room.fact(1, RideState.EN_ROUTE, driver=5)
    room.fact(2, RideState.REQUESTED)
    room.drive([5])
    assert [shown.cars["flags"].tolist() for shown in link.take_shown()] == [[0], [CarFlag.GONE]]


def test_ride_facts_are_told_in_order_and_a_repeat_is_not(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, RIDE)
    for number, state in ((1, RideState.REQUESTED), (2, RideState.OFFERED)):
        room.fact(number, state)
        room.fact(number, state)
    pushes = [message for message in link.told if isinstance(message, RidePush)]
    assert [push.fact.number for push in pushes] == [1, 2]


def test_a_watcher_resumes_behind_what_it_has_heard(room: Room) -> None:
    offset = room.fact(1, RideState.REQUESTED)
    room.fact(2, RideState.OFFERED)
    room.fact(3, RideState.EN_ROUTE)
    session, link = room.enter()
    resume = ResumePoint(epoch="e1", partition=0, offset=offset)
    room.room.hear(session, WatchRide(ride=RIDE.ride, resume=resume))
    pushes = [message for message in link.told if isinstance(message, RidePush)]
    assert [(push.fact.number, push.recovered) for push in pushes] == [(2, True), (3, True)]


@pytest.mark.parametrize(("epoch", "offset"), [("e0", 1), ("e1", 99)])
def test_a_gap_that_cannot_be_filled_is_said_and_the_state_told(
    room: Room, epoch: str, offset: int
) -> None:
    room.fact(1, RideState.REQUESTED)
    room.fact(2, RideState.OFFERED)
    session, link = room.enter()
    resume = ResumePoint(epoch=epoch, partition=0, offset=offset)
    room.room.hear(session, WatchRide(ride=RIDE.ride, resume=resume))
    pushes = [message for message in link.told if isinstance(message, RidePush)]
    assert [(push.fact.number, push.recovered) for push in pushes] == [(2, False)]


@pytest.mark.parametrize("asks", ["before", "after"])
def test_another_riders_ride_is_not_shown(room: Room, asks: str) -> None:
    session, link = room.enter(sub="8")
    if asks == "before":
        room.room.hear(session, RIDE)
    room.fact(1, RideState.REQUESTED)
    if asks == "after":
        room.room.hear(session, RIDE)
    room.fact(2, RideState.EN_ROUTE, driver=5)
    room.drive([5])
    assert [type(message) for message in link.told] == [WatchWelcome, WatchError]
    assert link.shown == []


def test_an_operator_may_watch_any_ride(room: Room) -> None:
    session, link = room.enter(sub="op", role=Role.OPERATOR)
    room.fact(1, RideState.REQUESTED)
    room.room.hear(session, RIDE)
    assert isinstance(link.told[-1], RidePush)


def test_a_driver_may_watch_no_area(room: Room) -> None:
    session, link = room.enter(role=Role.DRIVER)
    room.room.hear(session, AREA)
    assert isinstance(link.told[-1], WatchError)


def test_the_newest_eta_reaches_who_watches_and_who_comes_later(room: Room) -> None:
    session, link = room.enter()
    room.fact(1, RideState.EN_ROUTE, driver=5)
    room.room.hear(session, RIDE)
    eta = EtaPush(ride=RIDE.ride, kind="pickup", at_ms=1, predicted_s=60.0, p90_s=90.0)
    room.room.take_eta(eta)
    late, late_link = room.enter()
    room.room.hear(late, RIDE)
    assert link.told[-1] == late_link.told[-1] == eta


def test_ride_news_waits_for_a_slow_watcher_and_then_comes_whole(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, RIDE)
    link.unsent = 100_000
    for number in range(1, 11):
        room.fact(number, RideState.REQUESTED)
    assert len(link.told) == 1
    link.unsent = 0
    room.run(1_000)
    numbers = [message.fact.number for message in link.told if isinstance(message, RidePush)]
    assert numbers == list(range(1, 11))


def test_a_watcher_that_lets_ride_news_overflow_is_cut_off(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, RIDE)
    link.unsent = 100_000
    for number in range(1, NEWS_MAX + 2):
        room.fact(number, RideState.REQUESTED)
    assert link.closed == (CloseCode.SLOW, f"{NEWS_MAX} messages wait unread")


def test_who_left_is_forgotten(room: Room) -> None:
    session, link = room.enter()
    room.room.hear(session, AREA)
    room.room.hear(session, RIDE)
    room.run(200)
    room.room.leave(session)
    link.take_shown()
    room.fact(1, RideState.EN_ROUTE, driver=1)
    room.drive([1])
    room.run(3_000)
    assert (len(room.room), link.shown, len(link.told)) == (0, [], 1)


def test_the_end_is_said_to_everyone(room: Room) -> None:
    _, link = room.enter()
    room.room.close()
    assert link.closed == (CloseCode.GOING_AWAY, "fan-out restarts")

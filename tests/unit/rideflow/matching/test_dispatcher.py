"""A request becomes an offer, an accept, a ride; each step is in the log before the next."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from groundwork.metrics import Registry
from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.metrics import MATCHING_METRICS
from rideflow.contracts.pings import DriverState
from rideflow.contracts.rides import (
    CommandKind,
    DispatchDecision,
    DriverStateFact,
    Place,
    RideCommand,
    RideEvent,
    RideFact,
    RideState,
)
from rideflow.geo.driver_view import DriverView
from rideflow.matching.dispatcher import Dispatcher, Surroundings
from rideflow.matching.record import Record
from rideflow.matching.refusals import Refusal
from rideflow.matching.ride_book import RideBook
from rideflow.matching.rules import MatchingSettings
from rideflow.roads.city_roads import CityRoads
from streamcore.client.api import DeliveryFailed, LogError
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.frames import at, position_frame
from tests.support.reservations import FakeReservations
from tests.support.rides import command, double_assignments
from tests.support.tiny_city import junction, tiny_city

E = RideEvent


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


class Scene:
    """A matcher over a fake log, with drivers put where a test wants them."""

    def __init__(self, roads: CityRoads, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.log = FakeLog(self.clock)
        self.view = DriverView()
        self.reservations = FakeReservations(self.clock)
        self.metrics = Registry(MATCHING_METRICS)
        self.producer = self.log.producer()
        self.settings = MatchingSettings(**settings)
        self._roads = roads
        self.dispatcher = self.matcher(RideBook())

    def matcher(self, book: RideBook) -> Dispatcher:
        around = Surroundings(
            clock=self.clock,
            metrics=self.metrics,
            record=Record(self.producer),
            reservations=self.reservations,
            view=self.view,
            roads=self._roads,
        )
        return Dispatcher(book, around, self.settings)

    def drivers(self, *junctions: tuple[int, int], state: DriverState = DriverState.OPEN) -> None:
        """Drivers 1, 2, ... at these junctions, seen now."""
        rows = [at(junction(*place)) | {"state": int(state)} for place in junctions]
        self.view.take_frames([position_frame(*rows, fix_ms=self.clock.now_ms())])

    async def wish(self, kind: CommandKind, ride: str = "r1", **fields: Any) -> None:
        await self.dispatcher.on_commands([self.command(kind, ride, **fields)])

    def command(self, kind: CommandKind, ride: str = "r1", **fields: Any) -> RideCommand:
        given: dict[str, Any] = {"at_ms": self.clock.now_ms()}
        if kind is CommandKind.REQUEST:
            given |= {"pickup": place(1, 1), "destination": place(4, 3)}
        return command(kind, ride, **(given | fields))

    async def window(self, *, after_ms: int = 1_000) -> None:
        self.clock.advance(after_ms)
        await self.dispatcher.on_window()

    @property
    def facts(self) -> list[RideFact]:
        return [msgspec.json.decode(v, type=RideFact) for v in self.log.values("ride.events")]

    @property
    def states(self) -> list[tuple[int, int]]:
        decode = msgspec.json.Decoder(DriverStateFact).decode
        found = map(decode, self.log.values("driver.states"))
        return [(fact.driver, fact.state) for fact in found]

    @property
    def decisions(self) -> list[DispatchDecision]:
        decode = msgspec.json.Decoder(DispatchDecision).decode
        return list(map(decode, self.log.values("dispatch.decisions")))


@pytest.fixture
def scene(roads: CityRoads) -> Scene:
    return Scene(roads)


def place(column: int, row: int) -> Place:
    lon, lat = junction(column, row)
    return Place(lat=lat, lon=lon)


async def test_a_request_becomes_an_offer_and_a_ride_to_its_end(scene: Scene) -> None:
    scene.drivers((7, 5), (2, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    offer = scene.facts[-1]
    assert (offer.event, offer.driver, offer.offer) == (E.OFFER_SENT, 2, 1)
    assert offer.deadline_ms == scene.clock.now_ms() + 15_000
    # 100 m of a street at 30 km/h with the 1.3 for junctions; then 300 + 200 m.
    assert offer.pickup_eta_s == pytest.approx(15.6, abs=0.5)
    assert offer.trip_eta_s == pytest.approx(67, abs=10)
    assert scene.reservations.holder(2) == "r1"
    for kind in (CommandKind.ACCEPT, CommandKind.ARRIVE, CommandKind.BOARD, CommandKind.DROP):
        await scene.wish(kind, driver=2, offer=1)
    assert [fact.event for fact in scene.facts] == [
        E.REQUEST_MADE,
        E.OFFER_SENT,
        E.OFFER_ACCEPTED,
        E.DRIVER_ARRIVED,
        E.RIDER_BOARDED,
        E.RIDER_DROPPED,
    ]
    assert [fact.number for fact in scene.facts] == [1, 2, 3, 4, 5, 6]
    assert scene.states == [(2, DriverState(n)) for n in (2, 3, 4, 5, 1)]
    assert scene.reservations.holder(2) is None


async def test_every_choice_is_told_with_its_candidates_and_the_shadow_policy(
    scene: Scene,
) -> None:
    scene.drivers((7, 5), (2, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    (decision,) = scene.decisions
    assert (decision.ride, decision.chosen, decision.requests) == ("r1", 2, 1)
    assert [candidate.driver for candidate in decision.candidates] == [2, 1]
    assert decision.shadow[0].driver == 2


async def test_a_declined_ride_goes_to_the_next_driver_and_not_back(scene: Scene) -> None:
    scene.drivers((2, 1), (3, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    await scene.wish(CommandKind.DECLINE, driver=1)
    await scene.window()
    assert [f.driver for f in scene.facts if f.event is E.OFFER_SENT] == [1, 2]
    await scene.wish(CommandKind.DECLINE, driver=2)
    await scene.window()
    assert scene.facts[-1].event is E.OFFER_DECLINED
    assert scene.decisions[-1].why == "none of the 2 nearest drivers is in question"


async def test_an_offer_that_nobody_answers_lapses_and_frees_its_driver(scene: Scene) -> None:
    scene.drivers((2, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    await scene.window(after_ms=16_001)
    assert scene.facts[-1].event is E.OFFER_LAPSED
    assert scene.reservations.holder(1) is None
    assert scene.states[-1] == (1, DriverState.OPEN)
    await scene.wish(CommandKind.ACCEPT, driver=1, offer=1)
    assert scene.facts[-1].event is E.OFFER_LAPSED
    assert scene.metrics.counters()["matching_refused_not_now_total"] == 1


async def test_a_driver_with_an_offer_is_no_candidate_whatever_his_pings_say(
    scene: Scene,
) -> None:
    scene.drivers((2, 1))
    await scene.wish(CommandKind.REQUEST, "r1")
    await scene.window()
    await scene.wish(CommandKind.REQUEST, "r2")
    await scene.window()
    assert [f.ride for f in scene.facts if f.event is E.OFFER_SENT] == ["r1"]


async def test_a_search_without_drivers_ends_by_name(scene: Scene) -> None:
    await scene.wish(CommandKind.REQUEST)
    for _ in range(3):
        await scene.window()
    assert len(scene.decisions) == 1
    assert scene.decisions[0].why == "no open driver with a fresh, believed position"
    await scene.window(after_ms=120_000)
    assert scene.facts[-1].state is RideState.UNMATCHED


async def test_while_redis_is_away_rides_wait_and_nobody_is_asked(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.drivers((2, 1))
    scene.reservations.is_away = True
    await scene.wish(CommandKind.REQUEST)
    for _ in range(3):
        await scene.window()
    assert [fact.event for fact in scene.facts] == [E.REQUEST_MADE]
    assert scene.metrics.gauges()["matching_reservations_away"] == 1
    assert caplog.text.count("no offers: the reservations cannot be reached") == 1
    scene.reservations.is_away = False
    await scene.window()
    assert scene.facts[-1].event is E.OFFER_SENT
    assert scene.metrics.gauges()["matching_reservations_away"] == 0


async def test_a_driver_held_by_another_matcher_is_not_asked(scene: Scene) -> None:
    scene.drivers((2, 1))
    scene.reservations.hold_elsewhere(1, "a ride elsewhere", hold_ms=1_500)
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    assert [fact.event for fact in scene.facts] == [E.REQUEST_MADE]
    assert scene.decisions[-1].why == "driver 1 is reserved by another matcher"
    await scene.window()
    assert [fact.event for fact in scene.facts] == [E.REQUEST_MADE, E.OFFER_SENT]


async def test_reservations_are_held_on_to_while_the_ride_lasts(scene: Scene) -> None:
    scene.drivers((2, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    await scene.wish(CommandKind.ACCEPT, driver=1)
    for _ in range(5):
        scene.clock.advance(20_000)
        await scene.dispatcher.on_renewal()
    assert scene.reservations.holder(1) == "r1"


async def test_a_driver_lost_to_another_matcher_is_counted_and_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.drivers((2, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    scene.reservations.hold_elsewhere(1, "r9", hold_ms=60_000)
    await scene.dispatcher.on_renewal()
    assert scene.metrics.counters()["matching_reservations_lost_total"] == 1
    assert "driver 1 of ride r1 is reserved by another matcher" in caplog.text


async def test_a_driver_who_goes_dark_loses_the_ride_unless_we_are_blind(scene: Scene) -> None:
    scene.drivers((2, 1))
    await scene.wish(CommandKind.REQUEST)
    await scene.window()
    await scene.wish(CommandKind.ACCEPT, driver=1)
    await scene.window(after_ms=95_000)
    assert scene.facts[-1].event is E.OFFER_ACCEPTED
    scene.view.take_frames([position_frame({"driver": 9}, fix_ms=scene.clock.now_ms())])
    await scene.window()
    lost = next(fact for fact in scene.facts if fact.event is E.DRIVER_LOST)
    assert (lost.driver, lost.reason) == (1, "driver went dark")


async def test_a_restart_goes_on_where_the_log_stands(scene: Scene) -> None:
    scene.drivers((2, 1), (3, 1))
    await scene.wish(CommandKind.REQUEST, "r1")
    await scene.window()
    again = scene.matcher(RideBook.restored(scene.facts))
    repeated = [
        scene.command(CommandKind.REQUEST, "r1"),
        scene.command(CommandKind.ACCEPT, "r1", driver=1, offer=1),
        scene.command(CommandKind.ACCEPT, "r1", driver=1, offer=1),
    ]
    await again.on_commands(repeated)
    assert [fact.event for fact in scene.facts] == [E.REQUEST_MADE, E.OFFER_SENT, E.OFFER_ACCEPTED]
    assert scene.metrics.counters()["matching_refused_asked_before_total"] == 1
    assert double_assignments(scene.facts) == []


async def test_a_log_that_does_not_acknowledge_ends_the_turn_with_its_error(
    scene: Scene,
) -> None:
    scene.producer.hold()
    async with asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(_error_of(scene.wish(CommandKind.REQUEST)))
        await eventually(lambda: scene.producer.in_flight > 0)
        scene.producer.fail()
    assert isinstance(turn.result(), DeliveryFailed)


async def _error_of(turn: Awaitable[None]) -> LogError | None:
    try:
        await turn
    except LogError as error:
        return error
    return None


def test_every_refusal_and_event_has_its_counter(scene: Scene) -> None:
    counters = scene.metrics.counters()
    assert {f"matching_refused_{refusal}_total" for refusal in Refusal} <= counters.keys()
    assert {f"matching_{event}_total" for event in RideEvent} <= counters.keys()

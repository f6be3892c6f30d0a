"""What simulated drivers do about rides."""

import msgspec
import pytest

from citysim.city.duty import RETRY_MS, Drive, Duties, Habits, Leg, Release, Show
from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.pings import DriverState
from rideflow.contracts.rides import Place, RideEvent, RideFact, RideState, next_state

WILLING = Habits(decline=0.0, ignore=0.0)


def offered(ride: str = "r1", driver: int = 7) -> RideFact:
    return RideFact(
        ride=RideId(ride),
        number=2,
        event=RideEvent.OFFER_SENT,
        state=RideState.OFFERED,
        at_ms=0,
        region="",
        rider=RiderId("me"),
        pickup=Place(lat=57.7, lon=11.95),
        destination=Place(lat=57.71, lon=11.96),
        requested_ms=0,
        driver=driver,
        offer=1,
    )


def after(fact: RideFact, event: RideEvent, driver: int | None = 7) -> RideFact:
    state = next_state(fact.state, event)
    return msgspec.structs.replace(
        fact, number=fact.number + 1, event=event, state=state, driver=driver
    )


def said(duties: Duties, now_ms: int) -> list[tuple[int, str]]:
    return [(action.driver, action.kind) for action in duties.due(now_ms)]


def test_a_ride_goes_from_offer_to_drop() -> None:
    duties = Duties(seed=1, habits=WILLING)
    offer = offered()
    assert duties.on_offer(7, offer, 0) == [Show(driver=7, state=DriverState.OFFERED)]
    assert said(duties, 3_000) == [(7, "accept")]
    accepted = after(offer, RideEvent.OFFER_ACCEPTED)
    assert duties.on_fact(7, accepted, 3_100) == [
        Show(driver=7, state=DriverState.EN_ROUTE),
        Drive(driver=7, leg=Leg.TO_PICKUP, fact=accepted),
    ]
    duties.on_arrived(7, 20_000)
    assert said(duties, 20_000) == [(7, "arrive")]
    arrived = after(accepted, RideEvent.DRIVER_ARRIVED)
    assert duties.on_fact(7, arrived, 20_100) == [Show(driver=7, state=DriverState.WAITING)]
    assert said(duties, 20_200) == []
    assert said(duties, 31_000) == [(7, "board")]
    boarded = after(arrived, RideEvent.RIDER_BOARDED)
    assert duties.on_fact(7, boarded, 31_100) == [
        Show(driver=7, state=DriverState.ON_TRIP),
        Drive(driver=7, leg=Leg.TO_DESTINATION, fact=boarded),
    ]
    duties.on_arrived(7, 60_000)
    assert said(duties, 60_000) == [(7, "drop")]
    dropped = after(boarded, RideEvent.RIDER_DROPPED)
    assert duties.on_fact(7, dropped, 60_100) == [
        Show(driver=7, state=DriverState.OPEN),
        Release(driver=7),
    ]
    assert len(duties) == 0
    assert said(duties, 600_000) == []


def test_an_action_is_said_again_until_its_effect_is_heard_of() -> None:
    duties = Duties(seed=1, habits=WILLING)
    duties.on_offer(7, offered(), 0)
    assert said(duties, 3_000) == [(7, "accept")]
    assert said(duties, 3_000 + RETRY_MS - 1) == []
    assert said(duties, 3_000 + RETRY_MS) == [(7, "accept")]
    duties.on_fact(7, after(offered(), RideEvent.OFFER_ACCEPTED), 6_100)
    assert said(duties, 60_000) == []


def test_decisions_follow_the_habits_and_the_seed() -> None:
    answers: dict[int, list[str]] = {}
    for attempt in range(2):
        duties = Duties(seed=1, habits=Habits(decline=0.3, ignore=0.2))
        for driver in range(1, 1_001):
            duties.on_offer(driver, offered(f"ride{driver}", driver), 0)
        answers[attempt] = [f"{who} {kind}" for who, kind in sorted(said(duties, 3_000))]
    assert answers[0] == answers[1]
    declined = sum(answer.endswith("decline") for answer in answers[0])
    assert declined == pytest.approx(300, abs=60)
    assert len(answers[0]) == pytest.approx(800, abs=60)


def test_a_lapsed_offer_is_forgotten_and_never_accepted_later() -> None:
    duties = Duties(seed=1, habits=WILLING)
    duties.on_offer(7, offered("r1"), 0)
    lapsed = after(offered("r1"), RideEvent.OFFER_LAPSED)
    assert duties.on_fact(7, lapsed, 100) == [Show(driver=7, state=DriverState.OPEN)]
    duties.on_offer(7, offered("r2"), 200)
    actions = list(duties.due(10_000))
    assert [(action.ride, action.kind) for action in actions] == [("r2", "accept")]


def test_a_cancelled_ride_lets_the_driver_go() -> None:
    duties = Duties(seed=1, habits=WILLING)
    accepted = after(offered(), RideEvent.OFFER_ACCEPTED)
    duties.on_fact(7, accepted, 0)
    cancelled = after(accepted, RideEvent.RIDE_CANCELLED)
    assert duties.on_fact(7, cancelled, 10) == [
        Show(driver=7, state=DriverState.OPEN),
        Release(driver=7),
    ]


def test_facts_that_are_old_or_of_other_rides_change_nothing() -> None:
    duties = Duties(seed=1, habits=WILLING)
    accepted = after(offered(), RideEvent.OFFER_ACCEPTED)
    arrived = after(accepted, RideEvent.DRIVER_ARRIVED)
    duties.on_fact(7, accepted, 0)
    duties.on_fact(7, arrived, 10)
    assert duties.on_fact(7, arrived, 20) == []
    assert duties.on_fact(7, accepted, 30) == []
    assert duties.on_fact(7, after(offered("r9"), RideEvent.OFFER_LAPSED), 40) == []
    assert duties.on_fact(9, arrived, 50) == []
    assert duties.double_assigned_total == 0


def test_two_rides_at_once_are_noticed() -> None:
    duties = Duties(seed=1, habits=WILLING)
    duties.on_fact(7, after(offered("r1"), RideEvent.OFFER_ACCEPTED), 0)
    assert duties.on_fact(7, after(offered("r2"), RideEvent.OFFER_ACCEPTED), 10) == []
    assert duties.double_assigned_total == 1


def test_a_busy_driver_leaves_an_offer_unanswered() -> None:
    duties = Duties(seed=1, habits=WILLING)
    duties.on_fact(7, after(offered("r1"), RideEvent.OFFER_ACCEPTED), 0)
    assert duties.on_offer(7, offered("r2"), 10) == []
    assert said(duties, 5_000) == []
    assert duties.offers_total == 1

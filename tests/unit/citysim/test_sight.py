"""What simulated riders see and count."""

import numpy as np
import pytest

from citysim.drive.riders import RideTally, Watch
from citysim.drive.sight import PushBad, Sightings
from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.push import CAR, PUSH_HEADER, CarFlag, PushKind, ResumePoint, RidePush
from rideflow.contracts.rides import Place, RideEvent, RideFact, RideState


def push_of(kind: PushKind, *cars: tuple[int, int], base_ms: int = 1_000, count: int = -1) -> bytes:
    head, body = np.zeros(1, PUSH_HEADER), np.zeros(len(cars), CAR)
    head["kind"], head["base_ms"] = kind, base_ms
    head["count"] = len(cars) if count < 0 else count
    for number, (ago_ms, flags) in enumerate(cars):
        body["fix_ago_ms"][number], body["flags"][number] = ago_ms, flags
    return head.tobytes() + body.tobytes()


class TestSightings:
    def test_deltas_and_later_pushes_of_the_matched_car_are_measured(self) -> None:
        seen = Sightings()
        area = push_of(PushKind.DELTA, (20, 0), (30, CarFlag.BLURRED))
        seen.note(area, now_ms=1_005, is_first_matched=True)
        matched = push_of(PushKind.MATCHED, (7, 0))
        seen.note(matched, now_ms=1_001, is_first_matched=True)
        assert seen.matched_ms.sparse() == {}
        seen.note(matched, now_ms=1_001, is_first_matched=False)
        assert seen.area_ms.sparse() == {"25": 1, "35": 1}
        assert seen.matched_ms.sparse() == {"8": 1}
        assert seen.frames == {"delta": 1, "matched": 2}

    @pytest.mark.parametrize("flag", [CarFlag.GONE, CarFlag.DARK, CarFlag.SUSPECT])
    def test_cars_told_of_for_another_reason_are_not_measured(self, flag: CarFlag) -> None:
        seen = Sightings()
        seen.note(push_of(PushKind.DELTA, (60_000, flag)), now_ms=1_000, is_first_matched=False)
        assert seen.area_ms.sparse() == {}
        assert seen.cars == 1

    def test_many_frames_are_all_counted(self) -> None:
        seen = Sightings()
        for number in range(1_203):
            cars = push_of(PushKind.DELTA, (number % 7, 0), (50, 0))
            seen.note(cars, now_ms=1_000, is_first_matched=False)
        assert sum(seen.area_ms.sparse().values()) == 2 * 1_203
        assert seen.area_ms.sparse()["50"] == 1_203

    def test_snapshots_are_not_measured(self) -> None:
        seen = Sightings()
        seen.note(push_of(PushKind.SNAPSHOT, (900, 0)), now_ms=1_000, is_first_matched=False)
        assert seen.area_ms.sparse() == {}

    @pytest.mark.parametrize(
        "payload",
        [
            b"short",
            push_of(PushKind.DELTA, (1, 0), count=2),
            b"\x09" + push_of(PushKind.DELTA, (1, 0))[1:],
        ],
    )
    def test_what_is_no_push_frame_is_refused(self, payload: bytes) -> None:
        with pytest.raises(PushBad):
            Sightings().note(payload, now_ms=0, is_first_matched=False)


def push(number: int, event: RideEvent, state: RideState, driver: int | None = 1) -> RidePush:
    place = Place(lat=57.7, lon=11.95)
    fact = RideFact(
        ride=RideId("r"),
        number=number,
        event=event,
        state=state,
        at_ms=0,
        region="",
        rider=RiderId("me"),
        pickup=place,
        destination=place,
        requested_ms=0,
        driver=driver,
    )
    return RidePush(fact=fact, resume=ResumePoint(epoch="e", partition=0, offset=number))


class TestWatch:
    def test_a_ride_is_counted_once_at_each_turn_of_its_life(self) -> None:
        watch, tally = Watch(ride=RideId("r")), RideTally()
        lines = [
            push(1, RideEvent.REQUEST_MADE, RideState.REQUESTED, None),
            push(3, RideEvent.OFFER_ACCEPTED, RideState.EN_ROUTE),
            push(3, RideEvent.OFFER_ACCEPTED, RideState.EN_ROUTE),
            push(4, RideEvent.DRIVER_ARRIVED, RideState.WAITING),
            push(5, RideEvent.RIDER_BOARDED, RideState.ON_TRIP),
            push(6, RideEvent.RIDER_DROPPED, RideState.COMPLETED),
        ]
        for line in lines:
            watch.note(line, tally)
        assert (tally.matched, tally.completed, tally.gaps, tally.reassigned) == (1, 1, 1, 0)
        assert watch.ended.is_set()

    def test_another_driver_while_one_is_assigned_is_noticed(self) -> None:
        watch, tally = Watch(ride=RideId("r")), RideTally()
        watch.note(push(3, RideEvent.OFFER_ACCEPTED, RideState.EN_ROUTE), tally)
        watch.note(push(4, RideEvent.DRIVER_ARRIVED, RideState.WAITING, 2), tally)
        assert tally.reassigned == 1

    @pytest.mark.parametrize(
        ("event", "state", "name"),
        [
            (RideEvent.RIDE_CANCELLED, RideState.CANCELLED, "cancelled"),
            (RideEvent.SEARCH_ENDED, RideState.UNMATCHED, "unmatched"),
        ],
    )
    def test_other_ends_are_counted_as_what_they_are(
        self, event: RideEvent, state: RideState, name: str
    ) -> None:
        watch, tally = Watch(ride=RideId("r")), RideTally()
        watch.note(push(2, event, state, None), tally)
        assert getattr(tally, name) == 1
        assert tally.completed == 0

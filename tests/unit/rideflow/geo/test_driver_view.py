"""The view of drivers keeps the newest believed position of each."""

import pytest

from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import PositionFlag
from rideflow.geo.driver_view import DriverView
from tests.support.frames import position_frame

NOW_MS = 1_700_000_000_000


def frame(*rows: dict[str, int]) -> bytes:
    return position_frame(*rows, fix_ms=NOW_MS)


def test_an_older_frame_never_replaces_a_newer_one() -> None:
    view = DriverView()
    view.take_frames([frame({"lat_e7": 20_000_000})])
    older = position_frame({"lat_e7": 10_000_000}, fix_ms=NOW_MS, produced_ms=NOW_MS - 1)
    view.take_frames([older])
    assert view.place(1) == (2.0, 0.0)


def test_frames_of_two_regions_may_be_read_in_either_order() -> None:
    view = DriverView()
    newer = frame({"lat_e7": 20_000_000})
    older = position_frame({}, fix_ms=NOW_MS - 9)
    assert len(view.take_frames([newer, older]).rows) == 2
    assert view.place(1) == (2.0, 0.0)


def test_a_changed_state_at_the_same_fix_is_taken() -> None:
    view = DriverView()
    view.take_frames([frame({})])
    view.take_frames([frame({"state": int(DriverState.OFFLINE), "flags": PositionFlag.HELD})])
    assert view.open_slots(now_ms=NOW_MS).tolist() == []


@pytest.mark.parametrize(
    "doubt",
    [
        {"state": int(DriverState.ON_TRIP)},
        {"fix_ms": NOW_MS - 10_001},
        {"flags": int(PositionFlag.SUSPECT)},
        {"flags": int(PositionFlag.MOCKED)},
        {"flags": int(PositionFlag.DARK)},
        {"trust": 200},
    ],
    ids=lambda doubt: next(iter(doubt)),
)
def test_only_open_fresh_believed_drivers_are_open(doubt: dict[str, int]) -> None:
    view = DriverView()
    view.take_frames([frame({"driver": 1}, {"driver": 2} | doubt, {"driver": 3})])
    assert view.positions(view.open_slots(now_ms=NOW_MS))["driver"].tolist() == [1, 3]


def test_bytes_that_are_no_frame_are_counted_and_the_others_still_count() -> None:
    view = DriverView()
    read = view.take_frames([b"nonsense", frame({})[:-1], frame({"driver": 7})])
    assert read.corrupt == 2
    assert view.fixes_ms([7]).tolist() == [NOW_MS]
    assert view.newest_produced_ms == NOW_MS


def test_a_stranger_is_nowhere() -> None:
    view = DriverView()
    assert (view.fixes_ms([5]).tolist(), view.place(5)) == ([0], None)
    assert view.slots_of([5]).tolist() == []

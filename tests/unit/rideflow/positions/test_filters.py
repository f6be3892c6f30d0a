"""What the filters believe, hold back and refuse, ping by ping of one driver."""

from typing import Any

import numpy as np
import pytest

from groundwork.metrics import Registry
from rideflow.columns.arrays import Rows
from rideflow.columns.position_frames import read_frame
from rideflow.contracts.metrics import POSITIONS_METRICS
from rideflow.contracts.pings import PING, DriverState, PingFlag
from rideflow.contracts.positions import POSITION, PositionFlag
from rideflow.positions.stage import Stage

START_MS = 1_700_000_000_000
NORTH_100_M_E7 = 8_993
LAT_E7, LON_E7 = 577_000_000, 119_700_000


class Car:
    """A driver whose pings a test sends one by one; remembers what was sent on."""

    def __init__(self) -> None:
        self.metrics = Registry(POSITIONS_METRICS)
        self.stage = Stage(self.metrics, drivers_max=1000)

    def send(self, sequence: int, *, second: float, north_m: float = 0, **fields: Any) -> Rows:
        """Send a ping and return the positions that came of it."""
        ping = np.zeros(1, PING)
        ping["version"], ping["state"], ping["driver"] = 1, DriverState.OPEN, 7
        ping["sequence"] = sequence
        ping["fix_ms"] = START_MS + round(second * 1000)
        ping["lat_e7"] = LAT_E7 + round(north_m / 100 * NORTH_100_M_E7)
        ping["lon_e7"] = LON_E7
        ping["speed_cm_s"] = 1_400
        received_ms = fields.pop("received_ms", int(ping["fix_ms"][0]) + 10)
        for name, value in fields.items():
            ping[name] = value
        frames = self.stage.take(
            ping, np.array([received_ms]), read_ms=received_ms, now_ms=received_ms
        )
        rows = [read_frame(frame)[1] for _, frame in frames]
        return np.concatenate(rows) if rows else np.zeros(0, POSITION)

    def filtered(self, reason: str) -> int:
        return int(self.metrics.counter(f"filtered_{reason}_total").value)


def test_an_ordinary_ping_becomes_the_position() -> None:
    car = Car()
    (row,) = car.send(1, second=0)
    assert (row["driver"], row["sequence"], row["lat_e7"]) == (7, 1, LAT_E7)
    assert row["received_after_ms"] == 10
    assert row["flags"] == 0


def test_a_repeat_is_counted_and_not_shown() -> None:
    car = Car()
    car.send(1, second=0)
    assert len(car.send(1, second=0)) == 0
    assert car.filtered("repeat") == 1


def test_a_ping_overtaken_by_a_later_one_is_late_once_and_then_a_repeat() -> None:
    car = Car()
    car.send(1, second=0)
    car.send(3, second=2)
    assert len(car.send(2, second=1)) == 0
    assert (car.filtered("late"), car.filtered("repeat")) == (1, 0)
    assert len(car.send(2, second=1)) == 0
    assert (car.filtered("late"), car.filtered("repeat")) == (1, 1)


def test_an_app_that_starts_counting_anew_is_followed() -> None:
    car = Car()
    car.send(500, second=0)
    (row,) = car.send(1, second=1)
    assert row["sequence"] == 1
    assert len(car.send(2, second=2)) == 1
    assert len(car.send(1, second=1)) == 0
    assert car.filtered("repeat") == 1


def test_a_leap_is_held_and_a_state_change_with_it_is_not_eaten() -> None:
    car = Car()
    car.send(1, second=0)
    (row,) = car.send(2, second=1, north_m=5_000, state=DriverState.ON_TRIP)
    assert row["lat_e7"] == LAT_E7
    assert row["state"] == DriverState.ON_TRIP
    assert row["flags"] & PositionFlag.HELD
    assert car.filtered("leap") == 1


def test_three_fixes_that_agree_on_another_place_are_believed() -> None:
    car = Car()
    car.send(1, second=0)
    car.send(2, second=1, north_m=5_000)
    car.send(3, second=2, north_m=5_010)
    (row,) = car.send(4, second=3, north_m=5_020)
    assert row["lat_e7"] == LAT_E7 + round(50.20 * NORTH_100_M_E7)
    assert not row["flags"] & PositionFlag.HELD


def test_leaps_that_do_not_agree_are_never_believed_and_make_the_driver_suspect() -> None:
    car = Car()
    car.send(1, second=0)
    rows = [car.send(n, second=n, north_m=20_000 * (-1) ** n)[0] for n in range(2, 6)]
    assert all(row["lat_e7"] == LAT_E7 for row in rows)
    assert rows[-1]["flags"] & PositionFlag.SUSPECT
    (row,) = car.send(6, second=6, north_m=10)
    assert not row["flags"] & PositionFlag.HELD
    assert row["trust"] < rows[-1]["trust"]


def test_a_long_silence_makes_a_long_way_possible() -> None:
    car = Car()
    car.send(1, second=0)
    (row,) = car.send(2, second=100, north_m=5_000)
    assert not row["flags"] & PositionFlag.HELD


@pytest.mark.parametrize(("ahead_ms", "reason"), [(30_000, "future"), (-120_000, "ancient")])
def test_a_fix_from_another_time_does_not_move_the_car(ahead_ms: int, reason: str) -> None:
    car = Car()
    car.send(1, second=0)
    now_ms = START_MS + 1_000
    rows = car.send(2, second=0, north_m=10, received_ms=now_ms, fix_ms=now_ms + ahead_ms)
    assert len(rows) == 0
    assert car.filtered(reason) == 1
    assert len(car.send(3, second=2, north_m=20)) == 1


def test_a_mocked_fix_is_shown_and_suspect() -> None:
    (row,) = Car().send(1, second=0, flags=PingFlag.MOCKED)
    assert row["flags"] & PositionFlag.MOCKED
    assert row["flags"] & PositionFlag.SUSPECT
    assert row["trust"] == 200


@pytest.mark.parametrize("every_s", [0.2, 1.0, 5.0])
def test_smoothing_lags_a_steady_car_by_a_tenth_of_a_second_at_any_interval(every_s: float) -> None:
    car, speed_m_s = Car(), 14.0
    for number in range(40):
        second = number * every_s
        (row,) = car.send(number + 1, second=second, north_m=second * speed_m_s)
    true_lat = LAT_E7 + second * speed_m_s / 100 * NORTH_100_M_E7
    lag_s = (true_lat - row["lat_e7"]) / NORTH_100_M_E7 * 100 / speed_m_s
    assert lag_s == pytest.approx(0.1, abs=0.005)


def test_a_parked_car_dances_less_than_its_fixes() -> None:
    rng, car = np.random.default_rng(1), Car()
    fixes = rng.normal(0, 5, 200)
    shown = []
    for number, north_m in enumerate(fixes.tolist()):
        (row,) = car.send(number + 1, second=number, north_m=north_m, speed_cm_s=0)
        shown.append((row["lat_e7"] - LAT_E7) / NORTH_100_M_E7 * 100)
    assert np.std(shown[20:]) < 0.6 * np.std(fixes)


def test_a_driver_with_two_pings_in_a_tick_takes_both_in_order() -> None:
    car = Car()
    pings = np.zeros(2, PING)
    pings["version"], pings["driver"], pings["state"] = 1, 7, 1
    pings["sequence"], pings["fix_ms"] = [1, 2], [START_MS, START_MS + 1000]
    received = np.full(2, START_MS + 1010)
    ((_, frame),) = car.stage.take(pings, received, read_ms=START_MS, now_ms=START_MS)
    assert read_frame(frame)[1]["sequence"].tolist() == [1, 2]


def test_silence_is_told_once_and_ends_with_the_next_fix() -> None:
    car = Car()
    car.send(1, second=0)
    assert car.stage.sweep(now_ms=START_MS + 9_000) == []
    ((_, frame),) = car.stage.sweep(now_ms=START_MS + 10_001)
    assert read_frame(frame)[1]["flags"][0] & PositionFlag.DARK
    assert car.stage.sweep(now_ms=START_MS + 20_000) == []
    (row,) = car.send(2, second=30)
    assert not row["flags"] & PositionFlag.DARK


def test_who_said_goodbye_does_not_go_dark() -> None:
    car = Car()
    car.send(1, second=0, state=DriverState.OFFLINE)
    assert car.stage.sweep(now_ms=START_MS + 60_000) == []

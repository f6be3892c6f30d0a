"""From a ping of each driver to its position: what is believed, held, or passed over, and why.

A driver comes at most once in a call. Two rules stand above the filters:
a filtered position never eats a state change (the old place goes out with the new state, HELD);
and a driver is never stuck: after RIVALS_TO_BELIEVE consistent fixes at an impossible distance
the new place is believed, since then it was the old one that was wrong.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from rideflow.columns.arrays import F64, I64, Bools, Index, Rows
from rideflow.columns.rows import put_rows, take_rows
from rideflow.contracts.pings import PingFlag
from rideflow.contracts.positions import PositionFlag
from rideflow.positions.motion import accuracy_m, alpha_of, distance_m, is_possible
from rideflow.positions.sequences import judge

FUTURE_MS_MAX: Final = 2_000  # ahead of the gateway's receipt: clocks differ, seconds do not
ANCIENT_MS_MAX: Final = 60_000  # behind it: that is backlog, whatever the phone calls it
RIVALS_TO_BELIEVE: Final = 3
TRUST_SUSPECT_MIN: Final = 128
_TRUST_OF_MOCKED: Final = 200
_TRUST_OF_LEAP: Final = 64
_RECEIVED_AFTER_MAX: Final = 65_535


class Filtered(StrEnum):
    """Why a ping did not become a position. `filtered_<reason>_total` counts each."""

    REPEAT = "repeat"
    LATE = "late"  # behind what is known already, by sequence or by time
    FUTURE = "future"
    ANCIENT = "ancient"
    LEAP = "leap"  # impossible speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A ping of each driver, judged: new rows to keep, and which to send."""

    positions: Rows  # POSITION, as it is to be from now on
    is_shown: Bools  # the ping's own fix became the position
    is_sent: Bools  # shown, or held with a new state
    filtered: dict[Filtered, int]


def judge_pings(positions: Rows, tracks: Rows, pings: Rows, received_ms: I64) -> Judged:
    """Judge pings against what is known of their drivers, row by row; writes `tracks` on."""
    fix_ms = pings["fix_ms"]
    arrival = judge(tracks, pings["sequence"].astype(np.int64), fix_ms)
    is_future = fix_ms > received_ms + FUTURE_MS_MAX
    is_ancient = fix_ms < received_ms - ANCIENT_MS_MAX
    in_time = arrival.is_next & ~is_future & ~is_ancient
    is_back = in_time & (fix_ms <= positions["fix_ms"])
    is_timely = in_time & ~is_back
    step = _Step.of(positions, pings)
    is_leap = is_timely & ~step.is_possible
    is_shown = is_timely & (step.is_possible | _rivals_believed(tracks, pings, is_leap))
    tracks["newest_fix_ms"] = np.where(
        is_future, tracks["newest_fix_ms"], np.maximum(tracks["newest_fix_ms"], fix_ms)
    )
    after = _after(positions, pings, received_ms, step, is_shown, is_leap)
    is_held = arrival.is_next & ~is_shown & (positions["fix_ms"] > 0)
    after = _held(after, positions, pings, is_held, is_leap)
    is_news = (after["state"] != positions["state"]) | (after["trust"] != positions["trust"])
    return Judged(
        positions=after,
        is_shown=is_shown,
        is_sent=is_shown | (is_held & is_news),
        filtered={
            Filtered.REPEAT: int(np.count_nonzero(arrival.is_repeat)),
            Filtered.LATE: int(np.count_nonzero(arrival.is_late | is_back)),
            Filtered.FUTURE: int(np.count_nonzero(arrival.is_next & is_future)),
            Filtered.ANCIENT: int(np.count_nonzero(arrival.is_next & is_ancient)),
            Filtered.LEAP: int(np.count_nonzero(is_leap & ~is_shown)),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """From the believed place to the fix."""

    metres: F64
    elapsed_s: F64
    is_first: Bools  # nothing was believed yet
    is_possible: Bools

    @classmethod
    def of(cls, positions: Rows, pings: Rows) -> "_Step":
        is_first = positions["fix_ms"] == 0
        metres = distance_m(*_place(positions), *_place(pings))
        elapsed_s = (pings["fix_ms"] - positions["fix_ms"]) / 1000.0
        accuracies_m = accuracy_m(positions["accuracy_dm"]) + accuracy_m(pings["accuracy_dm"])
        return cls(
            metres=metres,
            elapsed_s=elapsed_s,
            is_first=is_first,
            is_possible=is_first | is_possible(metres, accuracies_m, elapsed_s),
        )

    def take(self, index: Index) -> "_Step":
        return _Step(
            metres=self.metres.take(index),
            elapsed_s=self.elapsed_s.take(index),
            is_first=self.is_first.take(index),
            is_possible=self.is_possible.take(index),
        )


def _place(rows: Rows) -> tuple[I64, I64]:
    return rows["lat_e7"].astype(np.int64), rows["lon_e7"].astype(np.int64)


def _rivals_believed(tracks: Rows, pings: Rows, is_leap: Bools) -> Bools:
    """Whether so many fixes agree on another place by now; writes the rival places on."""
    if not is_leap.any():
        tracks["rival_count"] = 0
        return is_leap
    lat, lon = _place(pings)
    rival_lat = tracks["rival_lat_e7"].astype(np.int64)
    rival_lon = tracks["rival_lon_e7"].astype(np.int64)
    elapsed_s = (pings["fix_ms"] - tracks["rival_fix_ms"]) / 1000.0
    accuracies_m = 2 * accuracy_m(pings["accuracy_dm"])
    agrees = is_possible(distance_m(rival_lat, rival_lon, lat, lon), accuracies_m, elapsed_s)
    agrees &= tracks["rival_count"] > 0
    count = np.where(is_leap, np.where(agrees, tracks["rival_count"] + 1, 1), 0)
    believed = is_leap & (count >= RIVALS_TO_BELIEVE)
    for name, value in (("rival_fix_ms", "fix_ms"), ("rival_lat_e7", "lat_e7")):
        tracks[name] = np.where(is_leap, pings[value], tracks[name])
    tracks["rival_lon_e7"] = np.where(is_leap, pings["lon_e7"], tracks["rival_lon_e7"])
    tracks["rival_count"] = np.where(believed, 0, count)
    return believed


def _after(
    before: Rows, pings: Rows, received_ms: I64, step: _Step, is_shown: Bools, is_leap: Bools
) -> Rows:
    """The rows with the shown fixes taken over; the others as they were."""
    if is_shown.all():
        return _shown(before, pings, received_ms, step, is_leap)
    index = np.flatnonzero(is_shown)
    of_shown = _shown(
        take_rows(before, index),
        take_rows(pings, index),
        received_ms.take(index),
        step.take(index),
        is_leap.take(index),
    )
    after = before.copy()
    put_rows(after, index, of_shown)
    return after


def _shown(before: Rows, pings: Rows, received_ms: I64, step: _Step, is_leap: Bools) -> Rows:
    """The rows that these fixes make, all of them believed."""
    is_smoothed = ~(step.is_first | is_leap)
    alpha = np.where(is_smoothed, alpha_of(pings, np.maximum(step.elapsed_s, 0.001)), 1.0)
    is_mocked = (pings["flags"] & np.uint16(PingFlag.MOCKED)) != 0
    trust = before["trust"].astype(np.int64) * 7 // 8
    trust[is_mocked & (trust < _TRUST_OF_MOCKED)] = _TRUST_OF_MOCKED
    flags = is_smoothed * int(PositionFlag.SMOOTHED)
    flags |= is_mocked * int(PositionFlag.MOCKED)
    flags |= (trust >= TRUST_SUSPECT_MIN) * int(PositionFlag.SUSPECT)
    after = np.empty_like(before)
    for name in ("driver", "fix_ms", "sequence", "state", "accuracy_dm"):
        after[name] = pings[name]
    after["lat_e7"] = _between(before["lat_e7"], pings["lat_e7"], alpha)
    after["lon_e7"] = _between(before["lon_e7"], pings["lon_e7"], alpha)
    after["speed_cm_s"] = _speed(pings, step)
    no_bearing = (pings["flags"] & np.uint16(PingFlag.NO_BEARING)) != 0
    after["bearing_cdeg"] = np.where(no_bearing, before["bearing_cdeg"], pings["bearing_cdeg"])
    after["trust"], after["flags"] = trust, flags
    delay_ms = np.maximum(received_ms - pings["fix_ms"], 0)
    after["received_after_ms"] = np.minimum(delay_ms, _RECEIVED_AFTER_MAX)
    return after


def _speed(pings: Rows, step: _Step) -> Index:
    """What the phone says, or else what the step implies."""
    no_speed = (pings["flags"] & np.uint16(PingFlag.NO_SPEED)) != 0
    if not no_speed.any():
        return pings["speed_cm_s"]
    implied = np.minimum(step.metres / np.maximum(step.elapsed_s, 0.2) * 100, 65_535)
    return np.where(no_speed, np.where(step.is_first, 0, implied), pings["speed_cm_s"])


def _between(old: Rows, new: Rows, alpha: F64) -> I64:
    start = old.astype(np.int64)
    return np.asarray(start + np.rint((new.astype(np.int64) - start) * alpha), np.int64)


def _held(after: Rows, before: Rows, pings: Rows, is_held: Bools, is_leap: Bools) -> Rows:
    """Let what was refused still tell the driver's state, and what it says about trust."""
    if not is_held.any():
        return after
    leapt = np.minimum(before["trust"].astype(np.int64) + _TRUST_OF_LEAP, 255)
    trust = np.where(is_leap, leapt, before["trust"])
    doubt = np.where(trust >= TRUST_SUSPECT_MIN, int(PositionFlag.SUSPECT), 0)
    kept = before["flags"].astype(np.int64) & ~int(PositionFlag.SUSPECT)
    flags = kept | int(PositionFlag.HELD) | doubt
    for name, values in (
        ("state", pings["state"]),
        ("sequence", pings["sequence"]),
        ("trust", trust),
        ("flags", flags),
    ):
        after[name] = np.where(is_held, values, after[name])
    return after

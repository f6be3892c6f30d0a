"""Rows travel as bytes, and a driver that comes twice in a tick takes two turns."""

import numpy as np
import pytest

from rideflow.columns.rounds import Rounds
from rideflow.columns.rows import put_rows, take_rows
from rideflow.contracts.pings import PING


def test_rows_are_gathered_and_scattered_whole() -> None:
    rows = np.zeros(4, PING)
    rows["driver"] = [10, 11, 12, 13]
    taken = take_rows(rows, np.array([3, 1]))
    assert taken["driver"].tolist() == [13, 11]
    put_rows(rows, np.array([0, 2]), taken)
    assert rows["driver"].tolist() == [13, 11, 11, 13]


def test_everyone_once_is_one_round() -> None:
    assert [part.tolist() for part in Rounds().of(np.array([5, 3, 9]))] == [[0, 1, 2]]


def test_nobody_is_no_round() -> None:
    assert list(Rounds().of(np.array([], np.int32))) == []


@pytest.mark.parametrize("seed", range(10))
def test_rounds_hold_every_row_once_and_each_driver_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, 30, rng.integers(1, 200)).astype(np.int32)
    parts = list(Rounds().of(slots))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(slots)))
    for part in parts:
        assert len(set(slots[part].tolist())) == len(part)
        assert part.tolist() == sorted(part.tolist())
    for slot in set(slots.tolist()):
        turns = [index for part in parts for index in part.tolist() if slots[index] == slot]
        assert turns == sorted(turns)

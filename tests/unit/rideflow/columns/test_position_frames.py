"""Frames hold one region each and come back as they were; anything else is refused by name."""

import numpy as np
import pytest

from rideflow.columns.position_frames import (
    FrameCorrupt,
    make_frames,
    read_frame,
    region_key,
)
from rideflow.contracts.positions import POSITION, POSITIONS_PER_FRAME_MAX


def _positions(count: int) -> np.typing.NDArray[np.void]:
    rows = np.zeros(count, POSITION)
    rows["driver"] = np.arange(1, count + 1)
    return rows


def test_each_region_has_its_frame_and_its_newest_receipt() -> None:
    regions = np.array([7, 5, 7], np.uint64)
    received = np.array([100, 300, 200])
    frames = dict(make_frames(_positions(3), regions, received, produced_ms=999))
    assert list(frames) == [5, 7]
    header, rows = read_frame(frames[next(r for r in frames if r == 7)])
    assert (header["region"][0], header["count"][0]) == (7, 2)
    assert (header["produced_ms"][0], header["received_ms"][0]) == (999, 200)
    assert rows["driver"].tolist() == [1, 3]


def test_no_positions_make_no_frame() -> None:
    empty = np.zeros(0, np.int64)
    assert make_frames(_positions(0), empty.astype(np.uint64), empty, produced_ms=1) == []


def test_a_crowded_region_is_cut_below_the_largest_message() -> None:
    count = POSITIONS_PER_FRAME_MAX + 1
    regions, received = np.full(count, 3, np.uint64), np.zeros(count, np.int64)
    frames = make_frames(_positions(count), regions, received, produced_ms=1)
    assert [len(read_frame(frame)[1]) for _, frame in frames] == [POSITIONS_PER_FRAME_MAX, 1]


def test_a_region_key_is_fifteen_digits() -> None:
    assert region_key(0x861F25A4FFFFFFF) == b"861f25a4fffffff"


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"", "less than a frame's header"),
        (bytes(32), "not ours"),
        (b"HL\x01\x00\x02" + bytes(27), "do not make"),
    ],
)
def test_what_is_not_a_frame_is_refused_by_name(frame: bytes, complaint: str) -> None:
    with pytest.raises(FrameCorrupt, match=complaint):
        read_frame(frame)

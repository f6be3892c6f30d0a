"""The load test's own frames, read the slow and plain way."""

import numpy as np
import pytest

from loadlab.ping_frames import PingFrames
from loadlab.raw_websocket import client_frame
from rideflow.contracts.pings import PING, PING_VERSION


def test_a_ping_frame_holds_the_row_that_the_contract_names() -> None:
    rows = np.frombuffer(PingFrames(8_000_000_001).next_ping(now_ms=1234), PING)
    assert rows["version"][0] == PING_VERSION
    assert rows["driver"][0] == 8_000_000_001
    assert rows["fix_ms"][0] == 1234


def test_sequences_grow_by_one() -> None:
    frames = PingFrames(7)
    rows = [np.frombuffer(frames.next_ping(now_ms=0), PING)["sequence"][0] for _ in range(3)]
    assert rows == [1, 2, 3]


def test_drivers_take_turns_and_what_was_accepted_is_known_of_each() -> None:
    frames = PingFrames(10, 3)
    rows = [np.frombuffer(frames.next_ping(now_ms=0), PING)[0] for _ in range(5)]
    named = [(int(row["driver"]), int(row["sequence"])) for row in rows]
    assert named == [(10, 1), (11, 1), (12, 1), (10, 2), (11, 2)]
    assert frames.acknowledged_by_driver(4) == {10: 2, 11: 1, 12: 1}


@pytest.mark.parametrize("size", [0, 1, 40, 125, 126, 65_535, 65_536])
def test_any_size_survives_masking_and_framing(size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    frame = client_frame(payload)
    assert unmasked(frame) == payload


def unmasked(frame: bytes) -> bytes:
    """RFC 6455, 5.3, the slow and plain way."""
    short = frame[1] & 0x7F
    at = {126: 4, 127: 10}.get(short, 2)
    mask, body = frame[at : at + 4], frame[at + 4 :]
    return bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))

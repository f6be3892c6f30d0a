"""What counts as an operation of the load test."""

import pytest

from loadlab.open_pings import OpenPings, WrongAck
from rideflow.contracts.driver_socket import ACK, ACK_KIND, ACK_VERSION


def ack(frames: int, pings: int) -> bytes:
    return ACK.pack(ACK_KIND, ACK_VERSION, 0, frames, pings)


def test_a_ping_counts_when_its_acknowledgement_comes_and_not_before() -> None:
    pings = OpenPings()
    pings.sent(3, at_s=1.0)
    assert pings.outstanding == 3
    assert list(pings.acknowledged(ack(2, 2), at_s=1.5)) == [(True, 0.5), (True, 0.5)]
    assert pings.outstanding == 1


def test_an_acknowledgement_is_cumulative() -> None:
    pings = OpenPings()
    pings.sent(1, at_s=1.0)
    pings.sent(1, at_s=2.0)
    assert list(pings.acknowledged(ack(1, 1), at_s=3.0)) == [(True, 2.0)]
    assert list(pings.acknowledged(ack(2, 2), at_s=3.0)) == [(True, 1.0)]
    assert list(pings.acknowledged(ack(2, 2), at_s=4.0)) == []


def test_a_refused_ping_is_no_operation() -> None:
    pings = OpenPings()
    pings.sent(2, at_s=0.0)
    assert [good for good, _ in pings.acknowledged(ack(2, 1), at_s=1.0)] == [True, False]


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ("3 bytes", b"abc"),
        ("kind 9", ACK.pack(9, ACK_VERSION, 0, 0, 0)),
        ("2 frames acknowledged of 1 sent", ack(2, 2)),
    ],
)
def test_an_acknowledgement_of_what_was_not_sent_is_an_error(words: str, data: bytes) -> None:
    pings = OpenPings()
    pings.sent(1, at_s=0.0)
    with pytest.raises(WrongAck, match=words):
        list(pings.acknowledged(data, at_s=1.0))

"""Frames that no client should send: their sender is cut off, and nobody else notices."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.real.clocks import SystemClock
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from tests.support.broker_process import BrokerProcess
from tests.support.raw_kafka import HEADER, SIZE, RawConnection, framed

pytestmark = pytest.mark.interop

HEARTBEAT = encode(HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), 1)
REQUEST_BYTES_MAX = 100_000
JOURNAL_WITHIN_MS = 10_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    data_dir: Path = tmp_path_factory.mktemp("bad-frames") / "broker"
    with BrokerProcess(data_dir, request_bytes_max=REQUEST_BYTES_MAX) as broker:
        yield broker


@pytest.fixture
def bystander(broker: BrokerProcess) -> Iterator[RawConnection]:
    """Somebody else's connection: answered before, and answered after."""
    with RawConnection(broker.address) as connection:
        assert connection.is_answered()
        yield connection
        assert connection.is_answered()


def request(api_key: int, version: int, body: bytes) -> bytes:
    return framed(HEADER.pack(api_key, version, 1, 3) + b"raw" + body)


BAD_FRAMES = {
    "oversized": SIZE.pack(2**31 - 1),
    "over-the-limit": SIZE.pack(REQUEST_BYTES_MAX + 1) + b"x",
    "negative-size": SIZE.pack(-5) + b"12345",
    "no-header": framed(b"\0\0"),
    "empty": framed(b""),
    "header-cut-in-the-client-id": framed(HEADER.pack(12, 1, 1, 500) + b"raw"),
    "unknown-api": request(999, 0, b""),
    "version-too-new": request(ApiKey.HEARTBEAT, 99, HEARTBEAT),
    "version-too-old": request(ApiKey.PRODUCE, 0, b""),
    "negative-version": request(ApiKey.HEARTBEAT, -1, HEARTBEAT),
    "body-cut-short": request(ApiKey.HEARTBEAT, 1, HEARTBEAT[:-1]),
    "huge-array": request(ApiKey.DELETE_GROUPS, 0, SIZE.pack(2**31 - 1)),
    "null-group": request(ApiKey.HEARTBEAT, 1, b"\xff\xff" + HEARTBEAT[3:]),
}


@pytest.mark.parametrize("frame", list(BAD_FRAMES.values()), ids=list(BAD_FRAMES))
def test_a_bad_frame_ends_its_connection_alone_and_is_named_in_the_journal(
    broker: BrokerProcess, bystander: RawConnection, frame: bytes
) -> None:
    with RawConnection(broker.address) as connection:
        connection.send(frame)
        assert connection.answer() == b""
        peer = f"127.0.0.1:{connection.local_port}"
    deadline_ms = SystemClock().monotonic_ms() + JOURNAL_WITHIN_MS
    while peer not in broker.journal_path.read_text():
        assert SystemClock().monotonic_ms() < deadline_ms, f"no journal line names {peer}"


@pytest.mark.parametrize("size", [1, 3, 4, 5, 20], ids=lambda size: f"{size}-bytes")
def test_a_frame_that_stops_in_the_middle_disturbs_nobody(
    broker: BrokerProcess, bystander: RawConnection, size: int
) -> None:
    with RawConnection(broker.address) as connection:
        connection.send(request(ApiKey.HEARTBEAT, 1, HEARTBEAT)[:size])


@pytest.mark.parametrize("seed", range(20))
def test_noise_disturbs_nobody(broker: BrokerProcess, bystander: RawConnection, seed: int) -> None:
    rng = random.Random(seed)
    api = rng.choice([int(key) for key in ApiKey])
    with RawConnection(broker.address) as connection:
        connection.send(request(api, rng.randint(0, 12), rng.randbytes(rng.randint(0, 300))))


def test_versions_are_told_to_a_client_that_asks_in_a_version_of_the_future(
    broker: BrokerProcess,
) -> None:
    with RawConnection(broker.address) as connection:
        # Header tags, then name and version of the client's software in compact strings.
        connection.send_request(ApiKey.API_VERSIONS, 99, b"\0\x04raw\x021\0")
        answer = connection.answer()
        assert int.from_bytes(answer[4:6]) == ErrorCode.UNSUPPORTED_VERSION
        assert connection.is_answered()


def test_frames_that_arrive_byte_by_byte_or_all_at_once_are_answered_in_order(
    broker: BrokerProcess,
) -> None:
    with RawConnection(broker.address) as connection:
        for byte in request(ApiKey.HEARTBEAT, 1, HEARTBEAT):
            connection.send(bytes((byte,)))
        answer = decode(HeartbeatResponse, 1, connection.answer()[4:])
        assert answer.error_code == ErrorCode.UNKNOWN_MEMBER_ID
        frames = [
            framed(HEADER.pack(ApiKey.HEARTBEAT, 1, number, 3) + b"raw" + HEARTBEAT)
            for number in range(50)
        ]
        connection.send(b"".join(frames))
        numbers = [int.from_bytes(connection.answer()[:4]) for _ in range(50)]
        assert numbers == list(range(50))

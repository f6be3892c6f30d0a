"""A connection cuts frames however they arrive, keeps answers in order, and ends alone."""

import logging
import random
from struct import pack

import pytest

from streamcore.broker.connection import Connection
from streamcore.broker.handlers.registry import (
    Handler,
    PendingReply,
    Registry,
    Reply,
    Request,
)
from streamcore.broker.receive_buffer import BUFFER_BYTES
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.reading import Malformed
from tests.support.fake_transport import FakeTransport
from tests.support.simulated_broker import simulated_broker

ECHO, PARK, DEFER, SILENT, BROKEN = (
    ApiKey.METADATA,
    ApiKey.FETCH,
    ApiKey.PRODUCE,
    ApiKey.HEARTBEAT,
    ApiKey.JOIN_GROUP,
)


class Scene:
    """One connection whose handlers echo, park, defer, keep silent or refuse."""

    def __init__(self, services: BrokerServices) -> None:
        self.services = services
        self.parked: list[PendingReply] = []
        self.abandoned = 0
        self.handled: list[bytes] = []
        self.seen: list[Request] = []
        self.transport = FakeTransport()
        self.closed: list[Connection] = []
        self.connection = Connection(
            services,
            Registry(
                [
                    Handler(
                        api_key=key,
                        name=key.name,
                        min_version=1,
                        max_version=4,
                        flexible_from=4,
                        answer=answer,
                    )
                    for key, answer in [
                        (ECHO, self.echo),
                        (PARK, self.park),
                        (DEFER, self.defer),
                        (SILENT, self.keep_silent),
                        (BROKEN, self.refuse),
                        (ApiKey.API_VERSIONS, self.echo),
                    ]
                ]
            ),
            on_closed=self.closed.append,
        )
        self.connection.connection_made(self.transport)

    def note(self, request: Request, body: memoryview) -> None:
        self.handled.append(bytes(body))
        self.seen.append(request)

    def echo(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.note(request, body)
        return bytes(body)

    def _pending(self, *, holds: bool) -> PendingReply:
        reply = PendingReply(holds_later_frames=holds, on_abandoned=self._count)
        self.parked.append(reply)
        return reply

    def _count(self) -> None:
        self.abandoned += 1

    def park(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.note(request, body)
        return self._pending(holds=True)

    def defer(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.note(request, body)
        return self._pending(holds=False)

    def keep_silent(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.note(request, body)
        return None

    def refuse(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        raise Malformed("a member id", position=3)

    def receive(self, data: bytes) -> None:
        while data:
            room = self.connection.get_buffer(-1)
            assert room, "no room, though reading is not paused"
            size = min(len(room), len(data))
            room[:size] = data[:size]
            data = data[size:]
            self.connection.buffer_updated(size)

    def resolve(self, number: int, body: bytes) -> None:
        self.parked[number].resolve(body)
        self.services.sends.flush()


def frame(
    api: int, number: int, body: bytes = b"", *, version: int = 1, client: str = "me"
) -> bytes:
    tags = b"\x00" if version >= 4 else b""
    head = pack(">hhih", api, version, number, len(client)) + client.encode() + tags
    return pack(">i", len(head + body)) + head + body


@pytest.mark.parametrize("seed", range(20))
async def test_frames_are_cut_however_they_arrive(seed: int) -> None:
    rng = random.Random(seed)
    bodies = [rng.randbytes(rng.choice([0, 5, 300, 70_000, 200_000])) for _ in range(30)]
    data = b"".join(frame(ECHO, number, body) for number, body in enumerate(bodies))
    async with simulated_broker() as services:
        scene = Scene(services)
        while data:
            size = rng.choice([1, 3, 100, 5000, 100_000, 1_000_000])
            scene.receive(data[:size])
            data = data[size:]
        assert scene.transport.answers() == list(enumerate(bodies))


async def test_a_request_is_told_who_asks() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(frame(ECHO, 1, client="one") + frame(ECHO, 2, version=4, client="two"))
        first, second = scene.seen
        assert (first.client_id, first.client_host, first.flexible) == ("one", "10.0.0.9", False)
        assert (second.client_id, second.api_version, second.flexible) == ("two", 4, True)
        # A flexible answer has the tags of its header; that of ApiVersions never has.
        assert scene.transport.answers() == [(1, b""), (2, b"\x00")]


async def test_api_versions_is_answered_with_the_oldest_header_in_every_version() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(frame(ApiKey.API_VERSIONS, 7, b"x", version=4))
        scene.receive(frame(ApiKey.API_VERSIONS, 8, b"y", version=4))
        assert scene.transport.answers() == [(7, b"x"), (8, b"y")]


async def test_tagged_fields_of_a_request_header_are_passed_over() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        head = pack(">hhih", ECHO, 4, 3, 2) + b"me" + b"\x01\x05\x02zz"
        scene.receive(pack(">i", len(head) + 4) + head + b"body")
        assert scene.handled == [b"body"]


async def test_answers_leave_in_the_order_of_the_requests() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(
            frame(DEFER, 1) + frame(ECHO, 2, b"two") + frame(DEFER, 3) + frame(ECHO, 4, b"four")
        )
        assert len(scene.handled) == 4, "deferred answers hold nobody up"
        assert scene.transport.answers() == []
        scene.resolve(1, b"three")
        assert scene.transport.answers() == []
        scene.resolve(0, b"one")
        assert scene.transport.answers() == [(1, b"one"), (2, b"two"), (3, b"three"), (4, b"four")]


async def test_frames_behind_a_parked_request_wait() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(frame(PARK, 1) + frame(ECHO, 2, b"two") + frame(PARK, 3) + frame(ECHO, 4))
        assert len(scene.handled) == 1
        scene.resolve(0, b"one")
        assert len(scene.handled) == 3
        assert scene.transport.answers() == [(1, b"one"), (2, b"two")]
        scene.resolve(1, b"three")
        assert [number for number, _ in scene.transport.answers()] == [1, 2, 3, 4]


async def test_the_frames_that_wait_are_bounded_by_the_receive_buffer() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(frame(PARK, 0))
        sent, rest = 0, b""
        while not scene.transport.is_reading_paused:
            if not rest:
                sent += 1
                rest = frame(ECHO, sent, bytes(1000))
            room = len(scene.connection.get_buffer(-1))
            scene.receive(rest[:room])
            rest = rest[room:]
        assert sent * 1000 <= 2 * BUFFER_BYTES
        scene.resolve(0, b"")
        assert not scene.transport.is_reading_paused
        scene.receive(rest)
        assert [number for number, _ in scene.transport.answers()] == list(range(sent + 1))


async def test_a_client_that_does_not_read_its_answers_is_not_read_from() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.connection.pause_writing()
        scene.receive(frame(ECHO, 1, b"x"))
        assert scene.handled == []
        scene.connection.resume_writing()
        assert scene.transport.answers() == [(1, b"x")]


async def test_an_answer_is_given_once_and_an_abandoned_one_not_at_all() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(frame(PARK, 1))
        assert scene.parked[0].resolve(b"first")
        assert not scene.parked[0].resolve(b"second")
        services.sends.flush()
        assert scene.transport.answers() == [(1, b"first")]
        scene.receive(frame(DEFER, 2) + frame(PARK, 3))
        scene.connection.connection_lost(None)
        assert scene.abandoned == 2
        assert not scene.parked[1].resolve(b"too late")
        assert scene.closed == [scene.connection]


async def test_requests_without_an_answer_leave_no_gap() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(frame(SILENT, 1) + frame(ECHO, 2, b"x"))
        assert scene.transport.answers() == [(2, b"x")]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (pack(">i", -1) + bytes(20), "frame of -1 bytes"),
        (pack(">i", 3) + bytes(20), "frame of 3 bytes"),
        (pack(">i", 1 << 30), "frame of 1073741824 bytes"),
        (b"GET / HTTP/1.1\r\n\r\n", "frame of 1195725856 bytes"),
        (frame(999, 1), "unknown API key 999"),
        (frame(ECHO, 1, version=9), "METADATA v9 is not supported, 1 to 4 are"),
        (frame(BROKEN, 1), "JOIN_GROUP v1 is malformed: expected a member id at byte 3"),
    ],
)
async def test_a_bad_frame_closes_its_connection_with_a_line_that_says_why(
    data: bytes, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        other = Scene(services)
        with caplog.at_level(logging.WARNING):
            scene.receive(frame(ECHO, 1, b"good") + data)
        assert scene.transport.closed
        assert scene.transport.answers() == [(1, b"good")], "what was good is still answered"
        assert "10.0.0.9:5555" in caplog.text
        assert complaint in caplog.text
        other.receive(frame(ECHO, 5, b"undisturbed"))
        assert other.transport.answers() == [(5, b"undisturbed")]


async def test_a_length_that_is_only_announced_takes_no_memory() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.receive(pack(">i", 90_000_000) + bytes(100))
        assert len(scene.connection.get_buffer(-1)) <= BUFFER_BYTES


async def test_one_connection_too_many_is_closed() -> None:
    async with simulated_broker(connections_max=1) as services:
        first, second = Scene(services), Scene(services)
        assert (first.transport.closed, second.transport.closed) == (False, True)


async def test_versions_that_nobody_has_are_answered_and_not_remembered() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        for version in range(5, 500):
            scene.receive(frame(ApiKey.API_VERSIONS, version, version=version))
        assert len(scene.transport.answers()) == 495
        assert len(scene.connection._routes) == 0
        scene.receive(frame(ApiKey.API_VERSIONS, 1) * 3)
        assert len(scene.connection._routes) == 1

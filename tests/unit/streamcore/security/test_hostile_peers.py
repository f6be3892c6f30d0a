"""Peers that mean harm cost bounded memory, counted in the buffers of their connections."""

import logging
from struct import pack

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.connection import UNANSWERED_MAX, Connection
from streamcore.broker.handlers.registry import Handler, PendingReply, Registry, Reply, Request
from streamcore.broker.receive_buffer import BUFFER_BYTES, FIRST_BYTES
from streamcore.broker.sasl_connection import SaslConnection
from streamcore.broker.security.listeners import Listener, SecurityProtocol
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.fake_transport import FakeTransport
from tests.support.simulated_broker import simulated_broker

MIB = 1 << 20
LARGE_BYTES = 64 << 10
ECHO, LARGE, DEFER = ApiKey.METADATA, ApiKey.FETCH, ApiKey.PRODUCE
PARK = ApiKey.JOIN_GROUP


class Peer:
    """One peer and its connection, whose handlers echo, answer with 64 KiB, defer or park."""

    def __init__(self, services: BrokerServices, host: str = "10.0.0.9") -> None:
        self.services = services
        self.deferred: list[PendingReply] = []
        self.parked: list[PendingReply] = []
        self.handled = 0
        self.transport = FakeTransport((host, 5555))
        self.connection = self._connection()
        self.connection.connection_made(self.transport)

    def _connection(self) -> Connection:
        answers = (
            (ECHO, self._echo),
            (LARGE, self._large),
            (DEFER, self._defer),
            (PARK, self._park),
        )
        handlers = [
            Handler(
                api_key=key,
                name=key.name,
                min_version=0,
                max_version=0,
                flexible_from=None,
                answer=answer,
            )
            for key, answer in answers
        ]
        return Connection(self.services, Registry(handlers), on_closed=lambda connection: None)

    def _echo(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.handled += 1
        return bytes(body)

    def _large(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.handled += 1
        return [memoryview(bytes(LARGE_BYTES))]

    def _defer(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.handled += 1
        self.deferred.append(PendingReply(holds_later_frames=False))
        return self.deferred[-1]

    def _park(self, services: BrokerServices, request: Request, body: memoryview) -> Reply:
        self.handled += 1
        self.parked.append(PendingReply())
        return self.parked[-1]

    def send(self, data: bytes) -> int:
        """Send as far as the connection reads; return how much it took."""
        taken = 0
        while taken < len(data) and not (self.transport.is_reading_paused or self.transport.closed):
            room = self.connection.get_buffer(-1)
            assert room, "no room, though reading is not paused"
            size = min(len(room), len(data) - taken)
            room[:size] = data[taken : taken + size]
            taken += size
            self.connection.buffer_updated(size)
            self.services.sends.flush()
        return taken


def frame(api: ApiKey, size: int = 0, *, sent: int | None = None) -> bytes:
    """A request; `sent` is how much of a body of `size` is really there."""
    head = pack(">hhih", api, 0, 1, 2) + b"me"
    return pack(">i", len(head) + size) + head + bytes(size if sent is None else sent)


async def test_announcing_large_requests_takes_no_memory() -> None:
    async with simulated_broker(connections_max=4000) as services:
        peers = [Peer(services) for _ in range(4000)]
        for peer in peers:
            peer.send(frame(DEFER, 90 * MIB, sent=100))
        assert services.crowd.receive_bytes() == 4000 * FIRST_BYTES
        assert services.receive_budget.held_bytes == 0


async def test_sending_large_requests_without_end_takes_no_more_than_the_budget() -> None:
    budget = 8 * MIB
    async with simulated_broker(queued_max_request_bytes=budget) as services:
        peers = [Peer(services) for _ in range(100)]
        for peer in peers:
            peer.send(frame(DEFER, 90 * MIB, sent=4 * MIB))
        held = services.crowd.receive_bytes()
        assert held <= 100 * BUFFER_BYTES + budget + 90 * MIB
        assert services.receive_budget.is_short
        small = Peer(services, "10.0.0.10")
        small.send(frame(ECHO, 1000))
        assert small.handled == 1, "small requests need nothing of the budget"


async def test_who_waits_for_memory_goes_on_when_others_give_it_back() -> None:
    async with simulated_broker(queued_max_request_bytes=2 * MIB) as services:
        first, second, third = (Peer(services) for _ in range(3))
        whole = frame(DEFER, 3 * MIB)
        assert first.send(whole[: 2 * MIB]) == 2 * MIB
        taken = [peer.send(whole) for peer in (second, third)]
        assert all(size < len(whole) for size in taken)
        first.send(whole[2 * MIB :])
        assert first.handled == 1
        taken[0] += second.send(whole[taken[0] :])
        assert (second.handled, taken[0]) == (1, len(whole))
        third.connection.connection_lost(None)
        assert services.receive_budget.held_bytes == 0


async def test_a_large_request_that_waits_for_its_answer_still_counts() -> None:
    async with simulated_broker(queued_max_request_bytes=2 * MIB) as services:
        parked, other = Peer(services), Peer(services)
        parked.send(frame(PARK, 3 * MIB))
        held = services.receive_budget.held_bytes
        assert held > 2 * MIB
        assert other.send(frame(DEFER, MIB)) < MIB
        services.crowd.look_round(0)
        assert services.receive_budget.held_bytes == held
        parked.parked[0].resolve(b"")
        services.sends.flush()
        assert services.receive_budget.held_bytes == 0
        assert parked.send(frame(ECHO, 10)) > 0
        assert parked.handled == 2


async def test_only_records_may_come_in_very_large_requests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with simulated_broker(other_request_bytes_max=MIB) as services:
        records, asker, large = Peer(services), Peer(services), Peer(services)
        records.send(frame(DEFER, 2 * MIB))
        asker.send(frame(ECHO, MIB - 100))
        large.send(frame(ECHO, 2 * MIB, sent=10))
        assert (records.handled, asker.handled, large.handled) == (1, 1, 0)
        assert (asker.transport.closed, large.transport.closed) == (False, True)
        assert "that brings no records, allowed are 1048576" in caplog.text


async def test_asking_for_much_without_reading_is_handled_only_as_far_as_it_fits() -> None:
    async with simulated_broker(in_flight_bytes_max=4 * LARGE_BYTES) as services:
        peer = Peer(services)
        peer.send(frame(DEFER) + frame(LARGE) * 100)
        assert peer.handled == 1 + 4
        peer.deferred[0].resolve(b"")
        services.sends.flush()
        assert peer.handled == 101, "what was sent and taken does not count"


async def test_answers_are_sent_before_more_requests_are_handled() -> None:
    """Behind each four large ones the socket is asked; here it is full after the first time."""
    async with simulated_broker(in_flight_bytes_max=4 * LARGE_BYTES) as services:
        peer = Peer(services)
        write = peer.transport.write

        def write_and_fill(data: bytes | bytearray | memoryview) -> None:
            write(data)
            peer.transport.unsent_bytes = len(peer.transport.written)
            peer.connection.pause_writing()

        peer.transport.write = write_and_fill  # type: ignore[method-assign]  # a full socket
        peer.send(frame(LARGE) * 100)
        assert peer.handled == 4
        assert services.crowd.unsent_bytes == peer.transport.unsent_bytes > 4 * LARGE_BYTES
        peer.transport.written = b""
        peer.connection.resume_writing()
        assert peer.handled == 8


async def test_small_answers_that_wait_are_bounded_by_their_number() -> None:
    async with simulated_broker() as services:
        peer = Peer(services)
        peer.send(frame(DEFER) + frame(ECHO) * 5000)
        assert peer.handled == UNANSWERED_MAX
        peer.deferred[0].resolve(b"")
        services.sends.flush()
        assert peer.handled > UNANSWERED_MAX


async def test_peers_that_read_nothing_are_cut_when_they_cost_too_much() -> None:
    async with simulated_broker(unsent_bytes_max=10 * MIB) as services:
        peers = [Peer(services) for _ in range(50)]
        for peer in peers:
            peer.transport.unsent_bytes = MIB
            peer.connection.pause_writing()
        alive = [peer for peer in peers if not peer.transport.closed]
        assert alive == peers[-10:], "whoever was paused first went first"
        assert services.crowd.unsent_bytes == 10 * MIB


async def test_a_peer_that_stops_reading_is_cut_after_its_grace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock, slow_peer_timeout_ms=30_000) as services:
        stuck, fine = Peer(services), Peer(services)
        stuck.transport.unsent_bytes = 100_000
        for _ in range(31):
            services.crowd.look_round(clock.monotonic_ms())
            clock.advance(1000)
        assert (stuck.transport.closed, fine.transport.closed) == (True, False)
        assert "it does not take its answers" in caplog.text


async def test_silence_ends_a_connection_and_an_answer_counts_as_life() -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock, connections_max_idle_ms=10_000) as services:
        silent, waiting = Peer(services), Peer(services)
        for peer in (silent, waiting):
            peer.send(frame(DEFER))
        services.crowd.look_round(clock.monotonic_ms())
        clock.advance(9_000)
        waiting.deferred[0].resolve(b"records at last")
        services.sends.flush()
        services.crowd.look_round(clock.monotonic_ms())
        clock.advance(1_000)
        services.crowd.look_round(clock.monotonic_ms())
        assert (silent.transport.closed, waiting.transport.closed) == (True, False)
        clock.advance(9_000)
        services.crowd.look_round(clock.monotonic_ms())
        assert waiting.transport.closed


@pytest.mark.parametrize("protocol", [p for p in SecurityProtocol if p != "PLAINTEXT"])
async def test_who_never_says_who_it_is_is_cut_by_a_deadline(protocol: SecurityProtocol) -> None:
    clock = VirtualClock()
    listener = Listener(protocol, "127.0.0.1", 9093)
    kind = SaslConnection if protocol.has_sasl else Connection
    async with simulated_broker(clock=clock, handshake_timeout_ms=10_000) as services:
        transport = FakeTransport()
        connection = kind(
            services, Registry([]), listener=listener, on_closed=lambda connection: None
        )
        connection.connection_made(transport)
        for second in range(10):
            assert not transport.closed
            clock.advance(1000)
            connection.get_buffer(-1)[:1] = b"\0"
            connection.buffer_updated(1 if second < 3 else 0)
            services.crowd.look_round(clock.monotonic_ms())
        assert transport.closed


async def test_a_flood_of_bad_requests_writes_some_lines_and_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock, peer_lines_per_minute=5) as services:
        with caplog.at_level(logging.WARNING):
            for number in range(1000):
                peer = Peer(services)
                peer.send(pack(">i", -number - 1) + bytes(20))
                peer.connection.connection_lost(None)
            assert len(caplog.records) == 5
            clock.advance(60_000)
            services.peer_journal.close_window()
        assert "995 more lines about 1 hosts were left out (bad request: 995)" in caplog.text


async def test_a_client_s_name_in_the_journal_is_cut_short(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with simulated_broker() as services:
        head = pack(">hhih", ECHO, 99, 1, 20_000) + b"x" * 20_000
        Peer(services).send(pack(">i", len(head)) + head)
        assert len(caplog.text) < 1000


async def test_tls_on_a_listener_without_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with simulated_broker() as services:
        peer = Peer(services)
        peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
        assert peer.transport.closed
        assert "it speaks TLS, and this listener does not" in caplog.text

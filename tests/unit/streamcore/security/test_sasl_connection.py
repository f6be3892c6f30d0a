"""A connection of a SASL listener: what it lets pass, and when it ends."""

import logging
from struct import pack

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.sasl_connection import SaslConnection
from streamcore.broker.security.authentication import GENERIC_REFUSAL
from streamcore.broker.security.credentials import Change
from streamcore.broker.security.listeners import Listener, SecurityProtocol
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from streamcore.wire.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)
from streamcore.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse
from streamcore.wire.scram import ClientFirst
from streamcore.wire.scram_keys import ScramMechanism, credential_of, salted_password
from tests.support.eventually import eventually
from tests.support.fake_transport import FakeTransport
from tests.support.scram_client import final_token
from tests.support.simulated_broker import simulated_broker

LISTENER = Listener(SecurityProtocol.SASL_PLAINTEXT, "broker.example", 9093)
SHA_256, SHA_512 = ScramMechanism.SHA_256, ScramMechanism.SHA_512
GOOD_PLAIN = b"\0alice\0right horse"
COORDINATOR = FindCoordinatorRequest(key="g", key_type=0, coordinator_keys=("g",))


class Scene:
    """One peer, one connection, one user: alice, whose password is right horse."""

    def __init__(self, services: BrokerServices) -> None:
        for mechanism in ScramMechanism:
            salted = salted_password(mechanism, "right horse", salt=b"salt", iterations=4096)
            keys = credential_of(mechanism, salted, salt=b"salt", iterations=4096)
            services.guard.users.apply([Change("alice", mechanism, keys)])
        self.services = services
        self.transport = FakeTransport()
        self.connection = SaslConnection(
            services, REGISTRY, listener=LISTENER, on_closed=lambda connection: None
        )
        self.connection.connection_made(self.transport)
        self._sent = 0

    def send(self, api: ApiKey, version: int, message: Message | bytes) -> None:
        self._sent += 1
        flexible = isinstance(message, Message) and version >= message.FLEXIBLE_FROM
        body = message if isinstance(message, bytes) else encode(message, version)
        head = pack(">hhih", api, version, self._sent, 2) + b"me" + b"\0" * flexible
        self.send_bare(head + body)

    def send_bare(self, frame: bytes) -> None:
        data = pack(">i", len(frame)) + frame
        room = self.connection.get_buffer(-1)
        room[: len(data)] = data
        self.connection.buffer_updated(len(data))
        self.services.sends.flush()

    async def answer(self) -> bytes:
        """The body of the next answer, which may come from another thread."""
        await eventually(lambda: len(self.transport.written) > 0)
        self.services.sends.flush()
        size = int.from_bytes(self.transport.written[:4])
        frame, self.transport.written = (
            self.transport.written[4 : 4 + size],
            self.transport.written[4 + size :],
        )
        return frame[4:]

    async def handshake(self, mechanism: str, *, version: int = 1) -> SaslHandshakeResponse:
        self.send(ApiKey.SASL_HANDSHAKE, version, SaslHandshakeRequest(mechanism=mechanism))
        return decode(SaslHandshakeResponse, version, await self.answer())

    async def token(self, token: bytes, *, version: int = 1) -> SaslAuthenticateResponse:
        self.send(ApiKey.SASL_AUTHENTICATE, version, SaslAuthenticateRequest(auth_bytes=token))
        body = await self.answer()
        return decode(SaslAuthenticateResponse, version, body[1:] if version >= 2 else body)

    async def log_in(self) -> SaslAuthenticateResponse:
        assert (await self.handshake("PLAIN")).error_code == ErrorCode.NONE
        return await self.token(GOOD_PLAIN)

    async def is_served(self) -> bool:
        """Ask for something that only who is logged in may ask for."""
        self.send(ApiKey.FIND_COORDINATOR, 2, COORDINATOR)
        if self.transport.closed:
            return False
        answer = decode(FindCoordinatorResponse, 2, await self.answer())
        assert (answer.host, answer.port) == ("broker.example", 9093)
        return True


FIRST = ClientFirst(gs2_header="n,,", authorization_id="", username="alice", nonce="abcdef")


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_whoever_logs_in_by_plain_is_served(version: int) -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        assert (await scene.handshake("PLAIN")).error_code == ErrorCode.NONE
        answer = await scene.token(GOOD_PLAIN, version=version)
        assert (answer.error_code, answer.auth_bytes) == (ErrorCode.NONE, b"")
        assert answer.session_lifetime_ms == 0
        assert await scene.is_served()
        assert scene.connection.is_established


@pytest.mark.parametrize("mechanism", list(ScramMechanism))
async def test_whoever_logs_in_by_scram_is_served(mechanism: ScramMechanism) -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        assert (await scene.handshake(mechanism)).error_code == ErrorCode.NONE
        challenge = await scene.token(FIRST.encode())
        assert challenge.error_code == ErrorCode.NONE
        final = final_token(FIRST, challenge.auth_bytes, mechanism, "right horse")
        last = await scene.token(final)
        assert last.error_code == ErrorCode.NONE
        assert last.auth_bytes.startswith(b"v=")
        assert await scene.is_served()


@pytest.mark.parametrize("mechanism", ["PLAIN", *ScramMechanism])
async def test_bare_tokens_after_the_oldest_handshake_do_as_well(mechanism: str) -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        await scene.handshake(mechanism, version=0)
        if mechanism == "PLAIN":
            scene.send_bare(GOOD_PLAIN)
        else:
            scene.send_bare(FIRST.encode())
            challenge = await bare_answer(scene)
            final = final_token(FIRST, challenge, ScramMechanism(mechanism), "right horse")
            scene.send_bare(final)
        assert (await bare_answer(scene)).startswith(b"" if mechanism == "PLAIN" else b"v=")
        assert await scene.is_served()


async def bare_answer(scene: Scene) -> bytes:
    await eventually(lambda: len(scene.transport.written) > 0)
    scene.services.sends.flush()
    size = int.from_bytes(scene.transport.written[:4])
    token = scene.transport.written[4 : 4 + size]
    scene.transport.written = scene.transport.written[4 + size :]
    return token


async def test_a_bare_token_that_is_wrong_ends_the_connection_without_a_word() -> None:
    async with simulated_broker(connection_failed_authentication_delay_ms=0) as services:
        scene = Scene(services)
        await scene.handshake("PLAIN", version=0)
        scene.send_bare(b"\0alice\0wrong")
        await eventually(lambda: scene.transport.closed)
        assert scene.transport.written == b""


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"\0alice\0wrong horse", "wrong password of user 'alice'"),
        (b"\0mallory\0wrong horse", "unknown user"),
        (b"nonsense", "not of the form"),
    ],
)
async def test_every_refusal_tells_the_peer_the_same_and_the_journal_why(
    token: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated_broker(connection_failed_authentication_delay_ms=0) as services:
        scene = Scene(services)
        await scene.handshake("PLAIN")
        with caplog.at_level(logging.WARNING):
            answer = await scene.token(token)
        assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED
        assert answer.error_message == GENERIC_REFUSAL
        assert scene.transport.closed
        assert reason in caplog.text
        assert "10.0.0.9:5555" in caplog.text
        assert "wrong horse" not in caplog.text
        assert "mallory" not in caplog.text


async def test_a_refusal_is_told_late_and_nothing_is_handled_until_then() -> None:
    async with simulated_broker(connection_failed_authentication_delay_ms=3_600_000) as services:
        scene = Scene(services)
        await scene.handshake(SHA_256)
        challenge = await scene.token(FIRST.encode())
        final = final_token(FIRST, challenge.auth_bytes, SHA_256, "wrong horse")
        scene.send(ApiKey.SASL_AUTHENTICATE, 1, SaslAuthenticateRequest(auth_bytes=final))
        scene.send(ApiKey.API_VERSIONS, 0, b"")
        assert scene.transport.written == b""
        assert not scene.transport.closed
        other = Scene(services)
        assert (await other.log_in()).error_code == ErrorCode.NONE
        scene.connection.connection_lost(None)  # takes its timer along


@pytest.mark.parametrize("api", [ApiKey.METADATA, ApiKey.PRODUCE, ApiKey.SASL_AUTHENTICATE, 999])
async def test_anything_else_before_the_log_in_ends_the_connection(
    api: ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        with caplog.at_level(logging.WARNING):
            scene.send(api, 1, b"\xff\xff\xff\xff")
        assert scene.transport.closed
        assert scene.transport.written == b""
        assert "is not allowed now (unnamed)" in caplog.text


async def test_versions_may_be_asked_for_before_the_log_in_and_not_amid_it() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        scene.send(ApiKey.API_VERSIONS, 0, b"")
        assert (await scene.answer())[:2] == b"\0\0"
        await scene.handshake("PLAIN")
        scene.send(ApiKey.API_VERSIONS, 0, b"")
        assert scene.transport.closed


async def test_a_mechanism_that_is_not_to_be_had_is_answered_with_those_that_are() -> None:
    async with simulated_broker(sasl_enabled_mechanisms="SCRAM-SHA-512") as services:
        scene = Scene(services)
        answer = await scene.handshake("PLAIN")
        assert answer.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM
        assert answer.mechanisms == ("SCRAM-SHA-512",)
        assert scene.transport.closed


async def test_a_log_in_is_not_given_more_than_it_needs() -> None:
    async with simulated_broker(sasl_server_max_receive_size=1000) as services:
        scene = Scene(services)
        await scene.handshake("PLAIN")
        scene.send(ApiKey.SASL_AUTHENTICATE, 1, bytes(2000))
        assert scene.transport.closed
        other = Scene(services)
        await other.log_in()
        other.send(ApiKey.FIND_COORDINATOR, 0, pack(">h", 2000) + b"g" * 2000)
        assert not other.transport.closed


async def test_after_the_session_s_end_only_a_new_log_in_is_taken() -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock, connections_max_reauth_ms=60_000) as services:
        scene, idler = Scene(services), Scene(services)
        for each in (scene, idler):
            assert (await each.log_in()).session_lifetime_ms == 60_000
        clock.advance(59_999)
        assert await scene.is_served()
        clock.advance(1)
        assert (await scene.log_in()).session_lifetime_ms == 60_000
        assert await scene.is_served()
        assert not await idler.is_served()


async def test_amid_a_new_log_in_nothing_else_is_taken() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        await scene.log_in()
        assert await scene.is_served()
        await scene.handshake("PLAIN")
        assert not await scene.is_served()


async def test_a_connection_cannot_become_another_user_or_change_its_mechanism() -> None:
    async with simulated_broker(connection_failed_authentication_delay_ms=0) as services:
        scene, other = Scene(services), Scene(services)
        bob = services.guard.users.find("alice", SHA_512)
        services.guard.users.apply([Change("bob", SHA_512, bob)])
        await scene.log_in()
        await scene.handshake("PLAIN")
        answer = await scene.token(b"\0bob\0right horse")
        assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED
        assert scene.transport.closed
        await other.log_in()
        answer_to_mechanism = await other.handshake(SHA_256)
        assert answer_to_mechanism.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM
        assert other.transport.closed


async def test_sasl_out_of_place_is_told_so_and_harms_nothing() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        await scene.log_in()
        assert (await scene.handshake("PLAIN", version=0)).error_code == (
            ErrorCode.ILLEGAL_SASL_STATE
        )
        assert (await scene.token(b"x")).error_code == ErrorCode.ILLEGAL_SASL_STATE
        assert await scene.is_served()


async def test_a_peer_that_leaves_during_its_log_in_is_forgotten() -> None:
    async with simulated_broker() as services:
        scene = Scene(services)
        await scene.handshake("PLAIN")
        token = SaslAuthenticateRequest(auth_bytes=GOOD_PLAIN)
        scene.send(ApiKey.SASL_AUTHENTICATE, 1, token)
        scene.connection.connection_lost(None)
        other = Scene(services)
        await other.log_in()  # the thread has done both by now
        assert scene.transport.written == b""
        assert not scene.connection.is_established

"""Logging in to a broker: SaslHandshake, then tokens, by PLAIN or SCRAM."""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from streamcore.client.api import LogError
from streamcore.client.columnar.calls import call, error_name, refused
from streamcore.client.columnar.connection import BrokerConnection
from streamcore.client.security import ClientSecurity
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)
from streamcore.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse
from streamcore.wire.scram import (
    ClientFinal,
    ClientFirst,
    ScramFault,
    ServerFirst,
    auth_message,
    decode_server_final,
    final_without_proof,
)
from streamcore.wire.scram_keys import ScramMechanism, client_proof, salted_password, sign

# A broker that asks for more is not worth the time, or means harm.
ITERATIONS_MAX: Final = 1_000_000
PLAIN: Final = "PLAIN"
NONCE_BYTES: Final = 24

SendToken = Callable[[bytes], Awaitable[bytes]]


async def log_in(
    connection: BrokerConnection, security: ClientSecurity, *, deadline_ms: int
) -> None:
    """Return once the broker knows who we are. Raises `LogError`; secrets are not in it."""
    assert security.mechanism is not None
    answer = await call(
        connection,
        ApiKey.SASL_HANDSHAKE,
        SaslHandshakeRequest(mechanism=security.mechanism),
        SaslHandshakeResponse,
        deadline_ms=deadline_ms,
    )
    if answer.error_code:
        offered = f"; it offers {', '.join(answer.mechanisms)}" if answer.mechanisms else ""
        why = f"{error_name(answer.error_code)}{offered}"
        raise LogError(f"{connection.address}: {security.mechanism}: {why}", retriable=False)

    async def send(token: bytes) -> bytes:
        told = await call(
            connection,
            ApiKey.SASL_AUTHENTICATE,
            SaslAuthenticateRequest(auth_bytes=token),
            SaslAuthenticateResponse,
            deadline_ms=deadline_ms,
        )
        if told.error_code:
            what = f"{connection.address} refuses {security.username!r}"
            why = f" ({told.error_message})" if told.error_message else ""
            raise refused(f"{what}{why}", told.error_code)
        return told.auth_bytes

    try:
        await exchange_tokens(security, send)
    except ScramFault as fault:
        raise LogError(f"{connection.address}: log-in: {fault}", retriable=False) from None


async def exchange_tokens(security: ClientSecurity, send: SendToken) -> None:
    user, password = security.username or "", security.password or ""
    if security.mechanism == PLAIN:
        await send(f"\0{user}\0{password}".encode())
        return
    mechanism = ScramMechanism(str(security.mechanism))
    first = ClientFirst(
        gs2_header="n,,",
        authorization_id="",
        username=user,
        nonce=secrets.token_urlsafe(NONCE_BYTES),
    )
    challenge = await send(first.encode())
    told = ServerFirst.decode(challenge)
    if not told.nonce.startswith(first.nonce) or told.nonce == first.nonce:
        raise ScramFault("expected a nonce that goes on from ours")
    if told.iterations > ITERATIONS_MAX:
        raise ScramFault(f"expected no more than {ITERATIONS_MAX} iterations")
    salted = await asyncio.to_thread(
        salted_password, mechanism, password, salt=told.salt, iterations=told.iterations
    )
    without = final_without_proof(first.gs2_header, told.nonce)
    message = auth_message(first, challenge, without)
    final = ClientFinal(
        binding=first.gs2_header.encode(),
        nonce=told.nonce,
        proof=client_proof(mechanism, salted, message),
        without_proof=without,
    )
    signature = decode_server_final(await send(final.encode()))
    expected = sign(mechanism, sign(mechanism, salted, b"Server Key"), message)
    if not hmac.compare_digest(signature, expected):
        raise ScramFault("expected the signature of a server that knows our keys")

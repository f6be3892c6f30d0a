"""Peers that mean harm on real sockets: plain, inside TLS, before and after a log-in."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import cache
from random import Random
from struct import pack
from typing import Any, Final

from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Handler
from streamcore.wire.api_keys import ApiKey
from tests.support.fuzzing.mutations import mutated
from tests.support.fuzzing.requests import framed, head, make_case
from tests.support.fuzzing.vocabulary import Vocabulary
from tests.support.kio_peer import request_bytes, response_of
from tests.support.secured_clients import Login, tls_connection

Dial = Callable[[], socket.socket]
"""Comes in by a listener, as far as requests can be sent."""

# Whoever gets neither an answer nor an end by then is left hanging.
TIMEOUT_S: Final = 20.0
LOG_IN_APIS: Final = (ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE, ApiKey.API_VERSIONS)
TOKENS: Final = (
    *(b"", b"\0", b"\0carol\0wrong", b"carol\0carol\0right horse", b"\0" * 70_000),
    *(b"n,,n=carol,r=abc", b"n,,n=" + b"x" * 30_000 + b",r=abc", b"c=biws,r=abc,p=AAAA"),
)


def plain_dial(address: str) -> Dial:
    host, _, port = address.rpartition(":")
    return lambda: socket.create_connection((host, int(port)), timeout=TIMEOUT_S)


def tls_dial(address: str, login: Login) -> Dial:
    return lambda: tls_connection(address, login)


def logged_in(dial: Dial, user: str, password: str) -> Dial:
    """Come in, and log in by PLAIN."""

    def come_in() -> socket.socket:
        connection = dial()
        told = _ask(connection, ApiKey.SASL_HANDSHAKE, 1, mechanism="PLAIN")
        assert told.error_code.name == "none"
        token = b"\0" + user.encode() + b"\0" + password.encode()
        told = _ask(connection, ApiKey.SASL_AUTHENTICATE, 1, auth_bytes=token)
        assert told.error_code.name == "none", told.error_message
        return connection

    return come_in


def _ask(connection: socket.socket, api: ApiKey, version: int, **fields: Any) -> Any:
    content = head(api, version, 1, flexible=False) + request_bytes(api, version, **fields)
    connection.sendall(framed(content))
    answer = _exactly(connection, int.from_bytes(_exactly(connection, 4)))
    return response_of(api, version, answer[4:])


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, "the broker hung up"
        data += piece
    return data


def attack(dial: Dial, rng: Random, requests: list[bytes]) -> None:
    """Send requests on a connection of their own, and see it end.

    Some peers vanish; the others wait until the broker hangs up, as it has to: they have nothing
    more to say.
    """
    with dial() as connection, contextlib.suppress(ConnectionError, ssl.SSLError):
        data = b"".join(requests)
        piece = rng.choice((1 << 20, 1 << 20, 100))
        for start in range(0, len(data), piece):
            connection.sendall(data[start : start + piece])
        if rng.random() < 0.3:
            # With a reset, whatever is still on its way.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
            return
        with contextlib.suppress(OSError):  # the broker was quicker
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass


# -- what is sent --


def any_requests(rng: Random, words: Vocabulary, count: int) -> list[bytes]:
    """Requests to all APIs, right and wrong."""
    return [_case(rng.choice(REGISTRY.handlers), rng, words, number) for number in range(count)]


def log_in_requests(rng: Random, words: Vocabulary, count: int) -> list[bytes]:
    """Log-ins that go wrong sooner or later, bare tokens among them, and what is not due yet."""
    handlers = [h for h in REGISTRY.handlers if h.api_key in LOG_IN_APIS]
    sent = []
    for number in range(count):
        way = rng.random()
        if way < 0.2:
            sent.append(framed(_token(rng)))
        elif way < 0.5:
            token = request_bytes(ApiKey.SASL_AUTHENTICATE, 1, auth_bytes=_token(rng))
            sent.append(framed(head(ApiKey.SASL_AUTHENTICATE, 1, number, flexible=False) + token))
        elif way < 0.9:
            sent.append(_case(rng.choice(handlers), rng, words, number))
        else:
            sent += any_requests(rng, words, 1)
    return sent


def _token(rng: Random) -> bytes:
    token = rng.choice(TOKENS)
    return token if rng.random() < 0.5 else mutated(rng, token)


def _case(handler: Handler, rng: Random, words: Vocabulary, number: int) -> bytes:
    version = rng.randint(handler.min_version, handler.max_version)
    return make_case(words, handler, version, number).data


def tls_hellos(rng: Random, words: Vocabulary, count: int) -> list[bytes]:
    """What a listener with TLS does not expect: hellos gone wrong, and Kafka in the clear."""
    sent: list[bytes] = []
    for _ in range(count):
        hello = _hello()
        sent += rng.choice(
            (
                [mutated(rng, hello)],
                [hello[: rng.randrange(len(hello))]],
                [hello, rng.randbytes(rng.choice((1, 50, 20_000)))],
                any_requests(rng, words, 2),
            )
        )
    return sent


@cache
def _hello() -> bytes:
    """The first bytes of a client that speaks TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        incoming, outgoing, server_hostname="localhost"
    )
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()

"""Whatever bytes come as tokens: an answer, no crash, and nobody comes in by chance."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from streamcore.broker.security.mechanisms import MECHANISMS
from streamcore.broker.security.tokens import (
    Accepted,
    Challenge,
    PasswordCheck,
    Refused,
    exchange_for,
)
from streamcore.wire.scram import (
    ClientFinal,
    ClientFirst,
    ScramFault,
    ServerFirst,
    decode_server_final,
)
from streamcore.wire.scram_keys import ScramCredential, ScramMechanism

KEYS = ScramCredential(salt=b"salt", iterations=4096, stored_key=b"k" * 32, server_key=b"s" * 32)
# Bytes at random seldom look like a message: these are made of a message's parts.
PARTS = st.sampled_from(
    [
        *(b"n,,", b"y,,", b"p=x,,", b"n=user", b"r=abc", b"r=abcdef", b",", b"=", b"=2C"),
        *(b"a=user", b"c=biws", b"p=AAAA", b"\0", b"user", b"s=QQ==", b"i=4096", b"v=QQ=="),
        *(b"\xff", b"t=1"),
    ]
)
TOKENS = st.one_of(st.binary(max_size=200), st.lists(PARTS, max_size=12).map(b"".join))
NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda name: "\0" not in name
)
NONCES = st.from_regex(r"[\x21-\x2b\x2d-\x7e]{1,40}", fullmatch=True)


class NoUsers:
    """Nobody is known."""

    def find(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return None

    def decoy(self, user: str, mechanism: ScramMechanism) -> ScramCredential:
        return KEYS


@given(mechanism=st.sampled_from(MECHANISMS), tokens=st.lists(TOKENS, min_size=1, max_size=4))
@settings(max_examples=400)
def test_any_tokens_are_answered_and_none_is_accepted(mechanism: str, tokens: list[bytes]) -> None:
    exchange = exchange_for(mechanism, NoUsers(), lambda: "def")
    for token in tokens:
        step = exchange.take(token)
        assert isinstance(step, Challenge | Refused | PasswordCheck)
        assert not isinstance(step, Accepted)


@given(token=TOKENS)
@settings(max_examples=400)
def test_any_bytes_are_a_message_or_a_fault(token: bytes) -> None:
    for decode in (ClientFirst.decode, ServerFirst.decode, ClientFinal.decode, decode_server_final):
        with contextlib.suppress(ScramFault):
            decode(token)


@given(name=NAMES, nonce=NONCES, header=st.sampled_from(["n,,", "y,,"]))
def test_a_first_message_is_read_back_as_it_was_written(name: str, nonce: str, header: str) -> None:
    first = ClientFirst(gs2_header=header, authorization_id="", username=name, nonce=nonce)
    assert ClientFirst.decode(first.encode()) == first


@given(nonce=NONCES, salt=st.binary(min_size=1), iterations=st.integers(1, 999_999_999))
def test_a_server_s_message_is_read_back_as_it_was_written(
    nonce: str, salt: bytes, iterations: int
) -> None:
    told = ServerFirst(nonce=nonce, salt=salt, iterations=iterations)
    assert ServerFirst.decode(told.encode()) == told

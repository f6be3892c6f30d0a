"""SCRAM against the RFC's own conversation, and against what no client should say."""

import base64
import hashlib
import hmac

import pytest

from streamcore.broker.security.tokens import (
    Accepted,
    Challenge,
    PasswordCheck,
    PlainExchange,
    Refused,
    ScramExchange,
)
from streamcore.wire.scram import (
    ClientFinal,
    ClientFirst,
    ScramFault,
    ServerFirst,
    auth_message,
    decode_server_final,
    encode_server_final,
)
from streamcore.wire.scram_keys import (
    ScramCredential,
    ScramMechanism,
    credential_of,
    salted_password,
    sign,
)
from tests.support.scram_client import final_token

SHA_256, SHA_512 = ScramMechanism.SHA_256, ScramMechanism.SHA_512
# RFC 7677, section 3: user "user", password "pencil".
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def kept(
    mechanism: ScramMechanism, password: str, *, salt: bytes = SALT, iterations: int = 4096
) -> ScramCredential:
    salted = salted_password(mechanism, password, salt=salt, iterations=iterations)
    return credential_of(mechanism, salted, salt=salt, iterations=iterations)


class Users:
    """One user, and a decoy for everybody else."""

    def __init__(self, name: str = "user", password: str = "pencil") -> None:
        self.kept = {(name, mechanism): kept(mechanism, password) for mechanism in ScramMechanism}

    def find(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return self.kept.get((user, mechanism))

    def decoy(self, user: str, mechanism: ScramMechanism) -> ScramCredential:
        return kept(mechanism, "nobody knows", salt=b"decoy" * 4)


def exchange(
    mechanism: ScramMechanism = SHA_256, users: Users | None = None, nonce: str = SERVER_NONCE
) -> ScramExchange:
    return ScramExchange(mechanism, users or Users(), lambda: nonce)


def first_of(user: str, *, gs2_header: str = "n,,") -> ClientFirst:
    return ClientFirst(gs2_header=gs2_header, authorization_id="", username=user, nonce="abc")


def test_the_conversation_of_the_rfc_is_held_word_for_word() -> None:
    server = exchange()
    assert server.take(CLIENT_FIRST) == Challenge(SERVER_FIRST)
    assert server.take(CLIENT_FINAL) == Accepted("user", SERVER_FINAL)


def test_the_client_s_half_of_the_rfc_is_made_word_for_word() -> None:
    first = ClientFirst(
        gs2_header="n,,", authorization_id="", username="user", nonce="rOprNGfwEbeRWgbNEkqO"
    )
    assert first.encode() == CLIENT_FIRST
    assert final_token(first, SERVER_FIRST, SHA_256, "pencil") == CLIENT_FINAL
    assert encode_server_final(decode_server_final(SERVER_FINAL)) == SERVER_FINAL


def test_the_keys_are_those_of_the_rfc_s_formulas() -> None:
    """Computed once more by the letter of RFC 5802, section 3, with the other hash."""
    salted = hashlib.pbkdf2_hmac("sha512", b"pencil", SALT, 4096)
    client_key = hmac.new(salted, b"Client Key", "sha512").digest()
    credential = kept(SHA_512, "pencil")
    assert credential.stored_key == hashlib.sha512(client_key).digest()
    assert credential.server_key == hmac.new(salted, b"Server Key", "sha512").digest()


@pytest.mark.parametrize("mechanism", list(ScramMechanism))
@pytest.mark.parametrize("user", ["user", "a=b,c", "göteborg", "=2C", "x" * 200])
@pytest.mark.parametrize("gs2_header", ["n,,", "y,,"])
def test_whoever_knows_the_password_comes_in_and_can_check_the_server(
    mechanism: ScramMechanism, user: str, gs2_header: str
) -> None:
    server = exchange(mechanism, Users(user, "pässwörd"))
    first = first_of(user, gs2_header=gs2_header)
    challenge = server.take(first.encode())
    assert isinstance(challenge, Challenge)
    final = final_token(first, challenge.token, mechanism, "pässwörd")
    outcome = server.take(final)
    assert isinstance(outcome, Accepted)
    assert outcome.user == user
    message = auth_message(first, challenge.token, ClientFinal.decode(final).without_proof)
    server_key = kept(mechanism, "pässwörd").server_key
    assert decode_server_final(outcome.token) == sign(mechanism, server_key, message)


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        ("user", "pencils", "wrong password of user 'user'"),
        ("nobody", "pencil", "unknown user"),
        # The decoy's password, if it were guessed, would open nothing.
        ("nobody", "nobody knows", "unknown user"),
    ],
)
def test_a_wrong_password_and_an_unknown_user_fail_at_the_same_place(
    user: str, password: str, reason: str
) -> None:
    server = exchange()
    first = first_of(user)
    challenge = server.take(first.encode())
    assert isinstance(challenge, Challenge)
    assert server.take(final_token(first, challenge.token, SHA_256, password)) == Refused(reason)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"", "without channel binding"),
        (b"\xff", "UTF-8"),
        (b"n,,", "user and a nonce"),
        (b"p=tls-unique,,n=user,r=abc", "without channel binding"),
        (b"n,,m=x,n=user,r=abc", "user and a nonce"),
        (b"n,,n=user,r=a,b", "user and a nonce"),
        (b"n,,n=us=er,r=abc", "escaped"),
        (b"n,,n=user,r=", "user and a nonce"),
        (b"n,a=other,n=user,r=abc", "act as another"),
        (b"n,,n=user,r=abc,tokenauth=true", "user and a nonce"),
        (b"n,,n=user,r=abc,t=x", "extensions are not known"),
    ],
)
def test_a_first_message_that_is_none_is_refused(token: bytes, reason: str) -> None:
    outcome = exchange().take(token)
    assert isinstance(outcome, Refused)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"c=biws", b"c=eSws", "channel binding"),
        (b"c=biws", b"c=!!!!", "base64"),
        (b"$k0", b"$k1", "nonce is of another"),
        (b"p=dHzb", b"p=dHzc", "wrong password"),
        (b"p=dHzb", b"p=", "wrong password"),
        (b",p=", b",q=", "binding, nonce and proof"),
        (b"c=biws", b"", "binding, nonce and proof"),
    ],
)
def test_a_final_message_that_is_changed_is_refused(old: bytes, new: bytes, reason: str) -> None:
    server = exchange()
    server.take(CLIENT_FIRST)
    outcome = server.take(CLIENT_FINAL.replace(old, new))
    assert isinstance(outcome, Refused)
    assert reason in outcome.reason


def test_an_exchange_is_over_after_its_end_and_after_a_fault() -> None:
    ended, faulty = exchange(), exchange()
    ended.take(CLIENT_FIRST)
    ended.take(CLIENT_FINAL)
    faulty.take(b"nonsense")
    for server in (ended, faulty):
        assert server.take(CLIENT_FIRST) == Refused("a token came after the end of the exchange")


def test_a_recorded_conversation_cannot_be_played_again() -> None:
    server = exchange(nonce="another")
    server.take(CLIENT_FIRST)
    assert isinstance(server.take(CLIENT_FINAL), Refused)


@pytest.mark.parametrize("token", [b"e=other-error", b"v=!", b"", b"x=1"])
def test_a_server_that_proves_nothing_is_a_fault(token: bytes) -> None:
    with pytest.raises(ScramFault):
        decode_server_final(token)


@pytest.mark.parametrize("token", [b"r=abc,s=QQ==,i=0", b"r=abc,s=QQ==,i=9999999999", b"r=,s=,i="])
def test_a_server_cannot_ask_for_senseless_iterations(token: bytes) -> None:
    with pytest.raises(ScramFault):
        ServerFirst.decode(token)


def test_plain_is_checked_against_what_scram_keeps() -> None:
    step = PlainExchange(Users()).take(b"\0user\0pencil")
    assert isinstance(step, PasswordCheck)
    assert step.outcome() == Accepted("user", b"")
    assert "pencil" not in repr(step)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (b"\0user\0pen", "wrong password of user 'user'"),
        (b"\0nobody\0pencil", "unknown user"),
        (b"\0nobody\0nobody knows", "unknown user"),
    ],
)
def test_plain_refuses_after_the_same_work(token: bytes, reason: str) -> None:
    step = PlainExchange(Users()).take(token)
    assert isinstance(step, PasswordCheck)
    assert step.credential.iterations == 4096
    assert step.outcome() == Refused(reason)


@pytest.mark.parametrize(
    "token",
    [b"", b"user", b"\0user", b"\0user\0pencil\0", b"\0\0pencil", b"\0user\0", b"\xff\0u\0p"],
)
def test_plain_of_another_form_is_refused(token: bytes) -> None:
    assert isinstance(PlainExchange(Users()).take(token), Refused)


def test_plain_for_somebody_else_is_refused() -> None:
    assert PlainExchange(Users()).take(b"boss\0user\0pencil") == Refused(
        "one user wants to act as another"
    )
    assert isinstance(PlainExchange(Users()).take(b"user\0user\0pencil"), PasswordCheck)

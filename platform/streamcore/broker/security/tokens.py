"""What the tokens of one SASL exchange mean: PLAIN (RFC 4616) and SCRAM (RFC 5802).

An exchange takes tokens and returns what is to be done. It awaits nothing, and it never
says whether it was the user or the password that was wrong: that is for the journal.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from streamcore.broker.security.mechanisms import PLAIN, PLAIN_KEPT_AS
from streamcore.wire.scram import (
    ClientFinal,
    ClientFirst,
    ScramFault,
    ServerFirst,
    auth_message,
    encode_server_final,
)
from streamcore.wire.scram_keys import (
    ScramCredential,
    ScramMechanism,
    credential_of,
    is_proof_right,
    salted_password,
    sign,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The exchange goes on with this token."""

    token: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The peer is this user."""

    user: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer is not who it says. `reason` is for the journal and holds no secret."""

    reason: str


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """A password to be compared, which takes long enough to be done elsewhere."""

    user: str
    password: str = field(repr=False)
    credential: ScramCredential
    is_known: bool

    def outcome(self) -> Accepted | Refused:
        """Some milliseconds of work, as long for a user that there is not."""
        salted = salted_password(
            PLAIN_KEPT_AS,
            self.password,
            salt=self.credential.salt,
            iterations=self.credential.iterations,
        )
        keys = credential_of(
            PLAIN_KEPT_AS,
            salted,
            salt=self.credential.salt,
            iterations=self.credential.iterations,
        )
        is_right = hmac.compare_digest(keys.stored_key, self.credential.stored_key)
        if is_right and self.is_known:
            return Accepted(self.user, b"")
        return Refused(_why_refused(self.user, is_known=self.is_known))


Step = Challenge | Accepted | Refused | PasswordCheck


class Users(Protocol):
    """Where an exchange finds what is kept of a user."""

    def find(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None: ...
    def decoy(self, user: str, mechanism: ScramMechanism) -> ScramCredential: ...


class TokenExchange(Protocol):
    """One attempt to authenticate."""

    def take(self, token: bytes) -> Step: ...


class PlainExchange:
    """`[authorization id] NUL user NUL password`, all in one token."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def take(self, token: bytes) -> Step:
        try:
            authorization_id, user, password = token.decode().split("\0")
        except ValueError:  # undecodable, or not three parts
            return Refused("the token is not of the form of PLAIN")
        if not user or not password:
            return Refused("user or password is empty")
        if authorization_id not in ("", user):
            return Refused("one user wants to act as another")
        kept = self._users.find(user, PLAIN_KEPT_AS)
        return PasswordCheck(
            user=user,
            password=password,
            credential=kept or self._users.decoy(user, PLAIN_KEPT_AS),
            is_known=kept is not None,
        )


class ScramExchange:
    """Two tokens each way. A user that there is not fails at the same place as a wrong proof."""

    def __init__(self, mechanism: ScramMechanism, users: Users, make_nonce: Callable[[], str]):
        self._mechanism = mechanism
        self._users = users
        self._make_nonce = make_nonce
        self._begun: _Begun | None = None
        self._is_over = False

    def take(self, token: bytes) -> Step:
        if self._is_over:
            return Refused("a token came after the end of the exchange")
        try:
            return self._begin(token) if self._begun is None else self._end(token, self._begun)
        except ScramFault as fault:
            self._is_over = True
            return Refused(str(fault))

    def _begin(self, token: bytes) -> Step:
        first = ClientFirst.decode(token)
        if first.authorization_id not in ("", first.username):
            raise ScramFault("one user wants to act as another")
        if first.extensions:
            # Kafka's own one asks for delegation tokens (KIP-48), which we do not have.
            raise ScramFault("extensions are not known")
        kept = self._users.find(first.username, self._mechanism)
        credential = kept or self._users.decoy(first.username, self._mechanism)
        nonce = first.nonce + self._make_nonce()
        answer = ServerFirst(
            nonce=nonce, salt=credential.salt, iterations=credential.iterations
        ).encode()
        self._begun = _Begun(first, nonce, answer, credential, is_known=kept is not None)
        return Challenge(answer)

    def _end(self, token: bytes, begun: "_Begun") -> Step:
        self._is_over = True
        final = ClientFinal.decode(token)
        if final.nonce != begun.nonce:
            raise ScramFault("the nonce is of another exchange")
        if final.binding != begun.first.gs2_header.encode():
            raise ScramFault("the channel binding is not what the first message said")
        message = auth_message(begun.first, begun.answer, final.without_proof)
        is_right = is_proof_right(self._mechanism, begun.credential, final.proof, message)
        if not (is_right and begun.is_known):
            return Refused(_why_refused(begun.first.username, is_known=begun.is_known))
        signature = sign(self._mechanism, begun.credential.server_key, message)
        return Accepted(begun.first.username, encode_server_final(signature))


@dataclass(frozen=True, slots=True)
class _Begun:
    """What is remembered between the two messages of a client."""

    first: ClientFirst
    nonce: str
    answer: bytes
    credential: ScramCredential
    is_known: bool


def _why_refused(user: str, *, is_known: bool) -> str:
    # An unknown name is not repeated: people type passwords into the wrong field.
    return f"wrong password of user {user!r}" if is_known else "unknown user"


def exchange_for(mechanism: str, users: Users, make_nonce: Callable[[], str]) -> TokenExchange:
    """An exchange of one of `mechanisms.MECHANISMS`."""
    if mechanism == PLAIN:
        return PlainExchange(users)
    return ScramExchange(ScramMechanism(mechanism), users, make_nonce)

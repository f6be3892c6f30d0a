"""SCRAM (RFC 5802, RFC 7677): its four messages, and the keys that take a password's place.

Both ends are made of this: the broker's in `broker/security`, the client's in
`client/columnar`. Channel binding is not offered. As in Apache Kafka, names and passwords
are taken as UTF-8 without SASLprep: what is put in twice in the same way is the same.

A fault says what was expected and never what was sent: tokens hold secrets.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum

# Limits of Kafka's ScramMechanism, so that credentials can move between the two.
ITERATIONS_MIN = 4_096
ITERATIONS_MAX = 16_384
SALT_BYTES = 32
NONCE_BYTES = 24

# "n": the client knows no channel binding; "y": it does, and believes that we do not.
_GS2_HEADER = re.compile(r"([ny]),(?:a=([^,]*))?,")
_NONCE = r"[\x21-\x2b\x2d-\x7e]+"  # printable, no comma
_CLIENT_FIRST_BARE = re.compile(rf"n=([^,]+),r=({_NONCE})((?:,[A-Za-z]=[^,]+)*)")
_SERVER_FIRST = re.compile(rf"r=({_NONCE}),s=([^,]+),i=([1-9][0-9]{{0,8}})(?:,[A-Za-z]=[^,]+)*")
_CLIENT_FINAL = re.compile(rf"(c=([^,]+),r=({_NONCE})(?:,[A-Za-z]=[^,]+)*),p=([^,]+)")
_SERVER_FINAL = re.compile(r"([ve])=([^,]+)(?:,[A-Za-z]=[^,]+)*")
# A comma and an equals sign in a name travel as these two, and nothing else may start so.
_ESCAPED_NAME = re.compile(r"(?:[^=]|=2C|=3D)+")


class ScramFault(Exception):
    """A message that does not follow the RFC, or does not belong to this exchange."""


class ScramMechanism(StrEnum):
    """A SASL mechanism of this family, by its name."""

    SHA_256 = "SCRAM-SHA-256"
    SHA_512 = "SCRAM-SHA-512"

    @property
    def number(self) -> int:
        """How the administration APIs call it (KIP-554)."""
        return _NUMBERS[self]

    @property
    def hash_name(self) -> str:
        return _HASHES[self]

    @property
    def key_bytes(self) -> int:
        return hashlib.new(self.hash_name).digest_size


_HASHES = {ScramMechanism.SHA_256: "sha256", ScramMechanism.SHA_512: "sha512"}
_NUMBERS = {ScramMechanism.SHA_256: 1, ScramMechanism.SHA_512: 2}
BY_NUMBER = {number: mechanism for mechanism, number in _NUMBERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramCredential:
    """What a server keeps of a password: enough to check a proof, too little to make one."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def salted_password(
    mechanism: ScramMechanism, password: str, *, salt: bytes, iterations: int
) -> bytes:
    """Slow on purpose: some milliseconds for the smallest number of iterations."""
    return hashlib.pbkdf2_hmac(mechanism.hash_name, password.encode(), salt, iterations)


def credential_of(
    mechanism: ScramMechanism, salted: bytes, *, salt: bytes, iterations: int
) -> ScramCredential:
    """The credential that belongs to a salted password."""
    return ScramCredential(
        salt=salt,
        iterations=iterations,
        stored_key=_hash(mechanism, client_key(mechanism, salted)),
        server_key=sign(mechanism, salted, b"Server Key"),
    )


def client_key(mechanism: ScramMechanism, salted: bytes) -> bytes:
    return sign(mechanism, salted, b"Client Key")


def sign(mechanism: ScramMechanism, key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, mechanism.hash_name)


def _hash(mechanism: ScramMechanism, data: bytes) -> bytes:
    return hashlib.new(mechanism.hash_name, data).digest()


def client_proof(mechanism: ScramMechanism, salted: bytes, auth_message: bytes) -> bytes:
    """What shows that a client knows the password, in this exchange only."""
    key = client_key(mechanism, salted)
    return _xor(key, sign(mechanism, _hash(mechanism, key), auth_message))


def is_proof_right(
    mechanism: ScramMechanism, credential: ScramCredential, proof: bytes, auth_message: bytes
) -> bool:
    """Whether a proof was made by somebody who knows the password."""
    if len(proof) != mechanism.key_bytes:
        return False
    signature = sign(mechanism, credential.stored_key, auth_message)
    claimed = _hash(mechanism, _xor(proof, signature))
    return hmac.compare_digest(claimed, credential.stored_key)


def _xor(one: bytes, other: bytes) -> bytes:
    assert len(one) == len(other)
    return bytes([a ^ b for a, b in zip(one, other, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFirst:
    """`n,,n=user,r=nonce`: who wants to come in."""

    gs2_header: str
    authorization_id: str
    username: str
    nonce: str
    extensions: str = ""

    @property
    def bare(self) -> str:
        return f"n={_escaped(self.username)},r={self.nonce}{self.extensions}"

    def encode(self) -> bytes:
        return f"{self.gs2_header}{self.bare}".encode()

    @classmethod
    def decode(cls, token: bytes) -> "ClientFirst":
        text = _text(token)
        header = _GS2_HEADER.match(text)
        if header is None:
            raise ScramFault("expected a first message without channel binding")
        bare = _CLIENT_FIRST_BARE.fullmatch(text, header.end())
        if bare is None:
            raise ScramFault("expected a user and a nonce in the first message")
        return cls(
            gs2_header=header[0],
            authorization_id=_unescaped(header[2] or ""),
            username=_unescaped(bare[1]),
            nonce=bare[2],
            extensions=bare[3],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFirst:
    """`r=nonce,s=salt,i=iterations`: how to turn the password into a proof."""

    nonce: str
    salt: bytes
    iterations: int

    def encode(self) -> bytes:
        return f"r={self.nonce},s={_base64(self.salt)},i={self.iterations}".encode()

    @classmethod
    def decode(cls, token: bytes) -> "ServerFirst":
        found = _SERVER_FIRST.fullmatch(_text(token))
        if found is None:
            raise ScramFault("expected nonce, salt and iterations in the server's first message")
        return cls(nonce=found[1], salt=_bytes(found[2]), iterations=int(found[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinal:
    """`c=binding,r=nonce,p=proof`: the proof."""

    binding: bytes
    nonce: str
    proof: bytes
    without_proof: str

    def encode(self) -> bytes:
        return f"{self.without_proof},p={_base64(self.proof)}".encode()

    @classmethod
    def decode(cls, token: bytes) -> "ClientFinal":
        found = _CLIENT_FINAL.fullmatch(_text(token))
        if found is None:
            raise ScramFault("expected binding, nonce and proof in the final message")
        return cls(
            binding=_bytes(found[2]),
            nonce=found[3],
            proof=_bytes(found[4]),
            without_proof=found[1],
        )


def final_without_proof(gs2_header: str, nonce: str) -> str:
    """The client's final message up to its proof: what the proof is made over."""
    return f"c={_base64(gs2_header.encode())},r={nonce}"


def encode_server_final(signature: bytes) -> bytes:
    """`v=signature`: the server knows the password's keys too."""
    return f"v={_base64(signature)}".encode()


def decode_server_final(token: bytes) -> bytes:
    """The server's signature. Raises `ScramFault`, also where the server tells an error."""
    found = _SERVER_FINAL.fullmatch(_text(token))
    if found is None or found[1] != "v":
        raise ScramFault("expected the server's signature")
    return _bytes(found[2])


def auth_message(first: ClientFirst, server_first: bytes, final_without: str) -> bytes:
    """What proof and signature are made over: all that was said."""
    return b"%b,%b,%b" % (first.bare.encode(), server_first, final_without.encode())


def _text(token: bytes) -> str:
    try:
        return token.decode()
    except UnicodeDecodeError:
        raise ScramFault("expected UTF-8 text") from None


def _escaped(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _unescaped(name: str) -> str:
    if name and _ESCAPED_NAME.fullmatch(name) is None:
        raise ScramFault("expected a name with = and , escaped")
    return name.replace("=2C", ",").replace("=3D", "=")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramFault("expected base64") from None

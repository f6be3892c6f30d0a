"""What SCRAM makes of a password (RFC 5802, section 3; RFC 7677): the keys that take its place.

As in Apache Kafka, names and passwords are taken as UTF-8 without SASLprep: what is put in
twice in the same way is the same.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum

# Limits of Kafka's ScramMechanism, so that credentials can move between the two.
ITERATIONS_MIN = 4_096
ITERATIONS_MAX = 16_384
SALT_BYTES = 32


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

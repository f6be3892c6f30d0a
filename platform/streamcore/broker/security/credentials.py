"""The users of a broker: one file in its data directory, which holds no password.

Kept per user and mechanism is what RFC 5802 has a server keep: salt, iterations and two
keys that check a proof and cannot make one. PLAIN is checked against SCRAM-SHA-512's.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.seams import Directory, Rng
from streamcore.wire.scram_keys import (
    ITERATIONS_MAX,
    ITERATIONS_MIN,
    SALT_BYTES,
    ScramCredential,
    ScramMechanism,
    sign,
)

CREDENTIALS_FILE = "credentials.json"
FORMAT = 1
USERS_MAX = 10_000
NAME_BYTES_MAX = 255
SALT_BYTES_MAX = 256
DECOY_KEY_BYTES = 32

Keys = dict[ScramMechanism, ScramCredential]


class CredentialsUnreadable(Exception):
    """The file is not what was written. Says what is wrong, never what it holds."""


class Unacceptable(Exception):
    """A credential that nobody may have. Says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """A user's credential of one mechanism, to be set, or with None to be removed."""

    user: str
    mechanism: ScramMechanism
    credential: ScramCredential | None


class CredentialStore:
    """All users. What is changed is on the disk before it is true.

    Raises `CredentialsUnreadable` and `OSError` when it is made.
    """

    def __init__(self, directory: Directory, rng: Rng) -> None:
        self._directory = directory
        self._decoy_key = rng.randbytes(DECOY_KEY_BYTES)
        self._users: dict[str, Keys] = {}
        if directory.exists(CREDENTIALS_FILE):
            self._decoy_key, self._users = _decoded(directory.read(CREDENTIALS_FILE))
        self._usual_iterations = _usual_iterations(self._users)

    def __len__(self) -> int:
        return len(self._users)

    def find(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return self._users.get(user, {}).get(mechanism)

    def of(self, user: str) -> Mapping[ScramMechanism, ScramCredential]:
        """Everything a user has; empty for one that nobody knows."""
        return self._users.get(user, {})

    def names(self) -> list[str]:
        return sorted(self._users)

    def decoy(self, user: str, mechanism: ScramMechanism) -> ScramCredential:
        """A credential that fits no password, for a user that there is not.

        Always the same for a name, and like most others, so that nobody learns who exists.
        """
        seed = sign(ScramMechanism.SHA_512, self._decoy_key, f"{mechanism}:{user}".encode())
        keys = sign(mechanism, self._decoy_key, seed)
        return ScramCredential(
            salt=seed[:SALT_BYTES],
            iterations=self._usual_iterations,
            stored_key=keys,
            server_key=keys,
        )

    def check(self, change: Change, *, besides: int = 0) -> None:
        """Raises `Unacceptable` for a credential that cannot be kept `besides` so many others."""
        if not change.user:
            raise Unacceptable("Username must not be empty")
        if len(change.user.encode()) > NAME_BYTES_MAX:
            raise Unacceptable(f"Username is longer than {NAME_BYTES_MAX} bytes")
        if change.credential is None:
            return
        if change.credential.iterations < ITERATIONS_MIN:
            raise Unacceptable("Too few iterations")
        if change.credential.iterations > ITERATIONS_MAX:
            raise Unacceptable("Too many iterations")
        if not 0 < len(change.credential.salt) <= SALT_BYTES_MAX:
            raise Unacceptable(f"Salt is not 1 to {SALT_BYTES_MAX} bytes long")
        if change.user not in self._users and len(self._users) + besides >= USERS_MAX:
            raise Unacceptable(f"There are {USERS_MAX} users already")

    def apply(self, changes: list[Change]) -> None:
        """Make checked changes true, all or none. Raises `OSError` where they cannot be kept."""
        users = {user: dict(keys) for user, keys in self._users.items()}
        for change in changes:
            keys = users.setdefault(change.user, {})
            if change.credential is None:
                keys.pop(change.mechanism, None)
            else:
                keys[change.mechanism] = change.credential
            if not keys:
                del users[change.user]
        data = _encoded(self._decoy_key, users)
        self._directory.write_atomically(CREDENTIALS_FILE, data, private=True)
        self._users = users
        self._usual_iterations = _usual_iterations(users)


def _usual_iterations(users: Mapping[str, Keys]) -> int:
    found = Counter(kept.iterations for keys in users.values() for kept in keys.values())
    return found.most_common(1)[0][0] if found else ITERATIONS_MIN


def _encoded(decoy_key: bytes, users: Mapping[str, Keys]) -> bytes:
    content = {
        "format": FORMAT,
        "decoy_key": _base64(decoy_key),
        "users": {
            user: {
                mechanism: {
                    "salt": _base64(credential.salt),
                    "iterations": credential.iterations,
                    "stored_key": _base64(credential.stored_key),
                    "server_key": _base64(credential.server_key),
                }
                for mechanism, credential in keys.items()
            }
            for user, keys in users.items()
        },
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def _decoded(data: bytes) -> tuple[bytes, dict[str, Keys]]:
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise CredentialsUnreadable(
                f"{CREDENTIALS_FILE} has format {content['format']!r}, we know {FORMAT}"
            )
        users = {
            str(user): {ScramMechanism(name): _credential(kept) for name, kept in keys.items()}
            for user, keys in content["users"].items()
        }
        return _bytes(content["decoy_key"]), users
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        # The name of the fault alone: its words may quote what the file holds.
        kind = type(fault).__name__
        raise CredentialsUnreadable(
            f"{CREDENTIALS_FILE} is not what was written ({kind})"
        ) from None


def _credential(kept: Mapping[str, Any]) -> ScramCredential:
    return ScramCredential(
        salt=_bytes(kept["salt"]),
        iterations=int(kept["iterations"]),
        stored_key=_bytes(kept["stored_key"]),
        server_key=_bytes(kept["server_key"]),
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None

"""Where `users` finds and changes them: a cluster's administration APIs, or a broker's folder."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from groundwork.real.disk import OsDirectory
from streamcore.broker.data_dir_lock import DataDirInUse, DataDirLock
from streamcore.broker.security.credentials import (
    Change,
    CredentialStore,
    CredentialsUnreadable,
    Unacceptable,
)
from streamcore.commands.texts import fail
from streamcore.wire.scram_keys import (
    SALT_BYTES,
    ScramCredential,
    ScramMechanism,
    credential_of,
    salted_password,
)

Kept = Mapping[str, int]
"""Mechanism to iterations."""


class UserBook(Protocol):
    """Users by name. What cannot be done ends the command."""

    def all(self) -> Mapping[str, Kept]: ...
    def of(self, user: str) -> Kept:
        """Empty for one that nobody knows."""
        ...

    def put(self, user: str, mechanism: str, password: str, iterations: int) -> None: ...
    def remove(self, user: str, mechanism: str) -> None: ...


@contextmanager
def online_book(bootstrap_servers: str, command_config: Path | None) -> Iterator[UserBook]:
    """The users of a cluster, ours or Apache Kafka's."""
    from streamcore.commands.cluster import Cluster

    yield _OnlineBook(Cluster(bootstrap_servers, command_config))


@contextmanager
def folder_book(data_dir: Path) -> Iterator[UserBook]:
    """The users in a broker's folder, which no broker may be using."""
    try:
        lock = DataDirLock(data_dir)
    except DataDirInUse as error:
        fail(f"{error}: name it by --bootstrap-servers")
    except OSError as error:
        fail(f"--data-dir {data_dir}: {error.strerror}")
    try:
        yield _FolderBook(data_dir)
    except (CredentialsUnreadable, Unacceptable, OSError) as error:
        fail(f"{data_dir}: {error}")
    finally:
        lock.release()


class _OnlineBook:
    def __init__(self, cluster: Any) -> None:
        from streamcore.commands.cluster import admin_api

        self._cluster = cluster
        self._api = admin_api

    def all(self) -> Mapping[str, Kept]:
        asked = self._cluster.admin.describe_user_scram_credentials()
        described = self._cluster.result_of(asked, "users")
        return {name: self._kept(found) for name, found in described.items()}

    def of(self, user: str) -> Kept:
        return self.all().get(user, {})

    def _kept(self, described: Any) -> Kept:
        infos = described.scram_credential_infos
        return {_name_of(info.mechanism): info.iterations for info in infos}

    def put(self, user: str, mechanism: str, password: str, iterations: int) -> None:
        info = self._api.ScramCredentialInfo(self._mechanism(mechanism), iterations)
        self._alter(user, self._api.UserScramCredentialUpsertion(user, info, password.encode()))

    def remove(self, user: str, mechanism: str) -> None:
        self._alter(user, self._api.UserScramCredentialDeletion(user, self._mechanism(mechanism)))

    def _mechanism(self, name: str) -> Any:
        return self._api.ScramMechanism[name.replace("-", "_")]

    def _alter(self, user: str, alteration: Any) -> None:
        """One at a time: Kafka takes no two of one user in a request."""
        (answer,) = self._cluster.admin.alter_user_scram_credentials([alteration]).values()
        self._cluster.result_of(answer, f"user {user!r}")


class _FolderBook:
    def __init__(self, data_dir: Path) -> None:
        self._rng = random.SystemRandom()
        self._users = CredentialStore(OsDirectory(data_dir), self._rng)

    def all(self) -> Mapping[str, Kept]:
        return {name: self.of(name) for name in self._users.names()}

    def of(self, user: str) -> Kept:
        return {str(name): kept.iterations for name, kept in self._users.of(user).items()}

    def put(self, user: str, mechanism: str, password: str, iterations: int) -> None:
        scram, salt = ScramMechanism(mechanism), self._rng.randbytes(SALT_BYTES)
        # Refused before the work, which takes as long as there are iterations.
        empty = ScramCredential(salt=salt, iterations=iterations, stored_key=b"", server_key=b"")
        self._users.check(Change(user, scram, empty))
        salted = salted_password(scram, password, salt=salt, iterations=iterations)
        keys = credential_of(scram, salted, salt=salt, iterations=iterations)
        self._users.apply([Change(user, scram, keys)])

    def remove(self, user: str, mechanism: str) -> None:
        self._users.apply([Change(user, ScramMechanism(mechanism), None)])


def _name_of(mechanism: Any) -> str:
    name: str = mechanism.name
    return name.replace("_", "-")

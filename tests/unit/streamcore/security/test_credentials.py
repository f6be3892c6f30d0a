"""Users are kept without their passwords, and a change is on the disk before it is true."""

import random
import stat
from pathlib import Path

import pytest

from groundwork.real.disk import OsDirectory
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.security.credentials import (
    CREDENTIALS_FILE,
    NAME_BYTES_MAX,
    Change,
    CredentialStore,
    CredentialsUnreadable,
    Unacceptable,
)
from streamcore.wire.scram_keys import (
    ITERATIONS_MAX,
    ITERATIONS_MIN,
    ScramCredential,
    ScramMechanism,
    credential_of,
    salted_password,
)

SHA_256, SHA_512 = ScramMechanism.SHA_256, ScramMechanism.SHA_512


def credential(iterations: int = ITERATIONS_MIN, *, salt: bytes = b"salt") -> ScramCredential:
    salted = salted_password(SHA_256, "secret words", salt=salt, iterations=ITERATIONS_MIN)
    return credential_of(SHA_256, salted, salt=salt, iterations=iterations)


def store(directory: SimulatedDirectory | OsDirectory, *, seed: int = 1) -> CredentialStore:
    return CredentialStore(directory, random.Random(seed))


def test_users_are_there_again_after_a_restart() -> None:
    disk = SimulatedDirectory()
    users = store(disk)
    users.apply(
        [Change("alice", SHA_256, credential()), Change("göran", SHA_512, credential(8192))]
    )
    again = store(disk, seed=2)
    assert again.names() == ["alice", "göran"]
    assert again.find("alice", SHA_256) == credential()
    assert again.find("alice", SHA_512) is None
    assert again.of("göran") == {SHA_512: credential(8192)}
    again.apply([Change("alice", SHA_256, None)])
    assert store(disk).names() == ["göran"]


def test_the_file_is_its_owner_s_alone_and_holds_no_password(tmp_path: Path) -> None:
    users = store(OsDirectory(tmp_path))
    (tmp_path / f"{CREDENTIALS_FILE}.new").write_text("left behind by a crash, for all to read")
    users.apply([Change("alice", SHA_256, credential())])
    file = tmp_path / CREDENTIALS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret words" not in file.read_text()
    assert "secret words" not in repr(users.find("alice", SHA_256))


def test_a_full_disk_leaves_the_users_as_they_were() -> None:
    disk = SimulatedDirectory()
    users = store(disk)
    users.apply([Change("alice", SHA_256, credential())])
    disk.room_bytes = 10
    with pytest.raises(OSError, match="No space"):
        users.apply([Change("alice", SHA_256, None), Change("bob", SHA_256, credential())])
    assert users.names() == store(disk).names() == ["alice"]


def test_a_decoy_is_always_the_same_and_looks_like_the_others() -> None:
    disk = SimulatedDirectory()
    users = store(disk)
    users.apply([Change(name, SHA_256, credential(8192)) for name in ("a", "b")])
    decoy = users.decoy("nobody", SHA_256)
    assert decoy == store(disk, seed=2).decoy("nobody", SHA_256)
    assert decoy.iterations == 8192
    assert decoy.salt != users.decoy("nobody else", SHA_256).salt
    assert decoy.salt != users.decoy("nobody", SHA_512).salt
    other_broker = store(SimulatedDirectory(), seed=3).decoy("nobody", SHA_256)
    assert other_broker.salt != decoy.salt
    assert other_broker.iterations == ITERATIONS_MIN


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (Change("", SHA_256, None), "Username must not be empty"),
        (Change("x" * (NAME_BYTES_MAX + 1), SHA_256, credential()), "longer than"),
        (Change("a", SHA_256, credential(ITERATIONS_MIN - 1)), "Too few iterations"),
        (Change("a", SHA_256, credential(ITERATIONS_MAX + 1)), "Too many iterations"),
        (Change("a", SHA_256, credential(salt=b"")), "Salt is not"),
        (Change("a", SHA_256, credential(salt=b"s" * 1000)), "Salt is not"),
    ],
)
def test_what_nobody_may_have_is_named(change: Change, complaint: str) -> None:
    with pytest.raises(Unacceptable, match=complaint):
        store(SimulatedDirectory()).check(change)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "JSONDecodeError"),
        (b"[]", "TypeError"),
        (b'{"format": 7}', "has format 7, we know 1"),
        (b'{"format": 1, "users": {}}', "KeyError"),
        (b'{"format": 1, "users": {"a": {"SCRAM-MD5": {}}}, "decoy_key": ""}', "ValueError"),
        (b'{"format": 1, "users": {}, "decoy_key": "hunter2!"}', "ValueError"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_without_being_quoted(
    data: bytes, complaint: str
) -> None:
    disk = SimulatedDirectory()
    disk.write_atomically(CREDENTIALS_FILE, data)
    with pytest.raises(CredentialsUnreadable, match=complaint) as caught:
        store(disk)
    assert "hunter2" not in str(caught.value)

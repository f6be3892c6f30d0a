"""What the tests of all features share: clients, records, waiting for what members read."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from groundwork.real.clocks import SystemClock
from tests.interop.brokers import SESSION_TIMEOUT_MS
from tests.interop.matrix import CLIENTS
from tests.support.clients.programs import Missing, command_of
from tests.support.clients.protocol import Member, Read, Reader, Refused, Security, Sent
from tests.support.clients.remote import ClientGone, ClientProcess, RemoteClient

WITHIN_MS = 45_000
# Lately: retention would take older records away under the test.
START_MS = SystemClock().now_ms() - 3_600_000
IN_THE_OPEN = Security()


class Others:
    """Clients in processes of their own, kept until a test has spoilt them."""

    def __init__(self, journals: Path) -> None:
        self._journals = journals
        self._kept: dict[tuple[str, str, Security], RemoteClient] = {}
        self._made = 0

    def client(self, name: str, address: str, security: Security = IN_THE_OPEN) -> RemoteClient:
        """Return a client that may have been used before."""
        key = (name, address, security)
        if key not in self._kept or not self._kept[key].process.is_alive:
            self._kept[key] = self.fresh(name, address, security)
        return self._kept[key]

    def fresh(self, name: str, address: str, security: Security = IN_THE_OPEN) -> RemoteClient:
        """Return a client in a new process, which the caller ends."""
        try:
            command = command_of(name)
        except Missing as error:
            pytest.skip(str(error))
        self._made += 1
        journal = self._journals / f"{name}-{self._made}"
        process = ClientProcess(command, address, security, journal)
        return RemoteClient(process, session_timeout_ms=SESSION_TIMEOUT_MS)

    def tidy(self, client: RemoteClient) -> None:
        """Close what a test has left open; a client that cannot is not used again."""
        try:
            client.close_given()
        except (ClientGone, Refused):
            client.process.kill()

    def close(self) -> None:
        for client in self._kept.values():
            if client.process.is_alive:
                client.process.close()


def numbered(count: int, *, first: int = 0) -> list[Sent]:
    """Return records that differ, a second apart."""
    return [
        Sent(
            key=b"key-%d" % (number % 50),
            value=b"value-%d" % number,
            timestamp_ms=START_MS + number * 1000,
        )
        for number in range(first, first + count)
    ]


def poll_until(
    members: Sequence[Member | Reader], fact: Callable[[list[Read]], bool]
) -> list[Read]:
    """Poll all members until `fact` holds of what they have read together."""
    read: list[Read] = []
    clock = SystemClock()
    deadline_ms = clock.monotonic_ms() + WITHIN_MS
    while not fact(read):
        assert clock.monotonic_ms() < deadline_ms, f"{len(read)} records: {read[-3:]}"
        for member in members:
            read += member.poll()
    return read


def read_all(members: Sequence[Member | Reader], count: int) -> list[Read]:
    """Poll until so many records have come."""
    return poll_until(members, lambda read: len(read) >= count)


def becomes_true(fact: Callable[[], bool], what: str) -> None:
    """Ask again and again, over calls that each take a while, until `fact()` holds."""
    clock = SystemClock()
    deadline_ms = clock.monotonic_ms() + WITHIN_MS
    while not fact():
        assert clock.monotonic_ms() < deadline_ms, what


def contents(records: Iterable[Sent], client_name: str = "") -> list[tuple[object, ...]]:
    """Return records in an order of their own, without the times of a client that keeps its own."""
    timed = client_name not in CLIENTS or CLIENTS[client_name].keeps_time
    told = [
        (record.key, record.value, record.headers, record.timestamp_ms if timed else None)
        for record in records
    ]
    return sorted(told, key=repr)


def values(read: Iterable[Read]) -> list[bytes]:
    """Return the values that were read, sorted."""
    return values_of(one.sent for one in read)


def values_of(records: Iterable[Sent]) -> list[bytes]:
    """Return the values that were sent, sorted."""
    return sorted(record.value or b"" for record in records)

"""What the interop suite asks of every Kafka client, whatever language it is written in.

Each client is a program of its own that speaks JSON lines (`clients/lines.py`): it can be killed,
its warnings and its leftovers are its own, and one written in Java or Go needs nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Refused(Exception):
    """A call that the client did not carry out. `error` is Kafka's name of the error, where the
    broker gave one, else `CLIENT`; `why` is for people."""

    def __init__(self, error: str, why: str = "") -> None:
        super().__init__(f"{error}: {why}")
        self.error = error
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record to produce. `value` None is a tombstone; `timestamp_ms` is unix ms."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A consumed record and its place."""

    partition: int
    offset: int
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster as it describes itself; brokers as HOST:PORT."""

    cluster_id: str
    controller: int
    brokers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group as an administrator sees it. `state` in the words of the classic protocol."""

    state: str
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """An offset that a group has committed, with the text beside it."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How a client connects, where it does not do so in the open."""

    authority: str = ""  # file of the certificate authority; empty: no TLS
    mechanism: str = ""  # of SASL; empty: none
    user: str = ""
    password: str = ""


class Reader(Protocol):
    """A consumer of partitions that it was told to read, without a group."""

    def poll(self) -> list[Read]: ...
    def seek(self, partition: int, offset: int) -> None: ...
    def close(self) -> None: ...


class Member(Protocol):
    """One consumer of a group. Reads on by itself; `poll` hands over what has come."""

    def poll(self) -> list[Read]: ...
    def assigned(self) -> list[int]: ...
    def commit(self) -> None:
        """Commit what `poll` has handed over."""
        ...

    def commit_at(self, partition: int, offset: int, metadata: str) -> None: ...
    def close(self) -> None: ...


class Producer(Protocol):
    """A producer that lives on between its records."""

    def send(self, topic: str, records: Sequence[Sent]) -> None:
        """Return when all are acknowledged."""
        ...

    def close(self) -> None: ...


class Transactor(Protocol):
    """A producer with a transactional id. Making one fences those before it."""

    def begin(self) -> None: ...
    def send(self, topic: str, records: Sequence[Sent]) -> None:
        """Return when all are acknowledged, though not committed."""
        ...

    def send_offsets(self, member: Member, topic: str, offsets: Mapping[int, int]) -> None:
        """Let `offsets` of the group of `member` come true with this transaction."""
        ...

    def commit(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class Client(Protocol):
    """A client library against one cluster. What a library has not raises `AttributeError`;
    `tests/interop/matrix.py` says so beforehand."""

    def create_topic(
        self, topic: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> None: ...
    def delete_topic(self, topic: str) -> None: ...
    def partition_count(self, topic: str) -> int:
        """0 where there is no such topic."""
        ...

    def add_partitions(self, topic: str, total: int) -> None: ...
    def cluster(self) -> Cluster: ...
    def configs(self, topic: str) -> dict[str, str]: ...
    def alter_configs(self, topic: str, changes: Mapping[str, str]) -> None: ...
    def delete_records(self, topic: str, partition: int, before: int) -> None: ...
    def log_bytes(self, topic: str) -> int: ...

    def groups(self) -> list[str]: ...
    def group(self, group: str) -> GroupView: ...
    def delete_group(self, group: str) -> None: ...
    def committed(self, group: str, topic: str) -> dict[int, Committed]: ...
    def alter_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None: ...
    def delete_offsets(self, group: str, topic: str, partitions: Sequence[int]) -> None: ...

    def produce(
        self,
        topic: str,
        records: Sequence[Sent],
        *,
        codec: str = "none",
        acks: int = -1,
        idempotent: bool = False,
        partition: int | None = None,
    ) -> None:
        """Return when all are acknowledged, as far as `acks` goes."""
        ...

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        """The first offset at or after a time, by partition; None where there is none."""
        ...

    def reader(
        self, topic: str, offsets: Mapping[int, int], *, committed_only: bool = False
    ) -> Reader: ...
    def member(
        self,
        topic: str,
        group: str,
        *,
        session_timeout_ms: int,
        assignor: str = "range",
        instance_id: str | None = None,
        committed_only: bool = False,
    ) -> Member: ...
    def producer(self) -> Producer: ...

    def transactor(self, transactional_id: str) -> Transactor: ...
    def transactions(self) -> list[str]: ...
    def transaction_state(self, transactional_id: str) -> str: ...
    def producers(self, topic: str, partition: int) -> int:
        """How many producers are known of a partition."""
        ...

"""The log as services see it: columns out, columns in. Two engines keep this contract.

`streamcore.client.connect()` gives a `Log` of the engine that settings name: `columnar`
(ours, numpy) or `librdkafka`. One contract suite, `tests/contract/test_log_client.py`,
holds both to what is written here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType, Protocol

import numpy as np
from numpy.typing import NDArray

TopicName = NewType("TopicName", str)
PartitionId = NewType("PartitionId", int)
Offset = NewType("Offset", int)

Bytes2D = NDArray[np.uint8]
"""Shape (n, width): one row of bytes a record."""


class LogError(Exception):
    """Something the log could not do. `retriable` says whether the same call may succeed later."""

    def __init__(self, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.retriable = retriable


class DeliveryFailed(LogError):
    """A send was not acknowledged within `delivery_timeout_ms`, or was refused.

    Whether its records are in the log is unknown, unless the broker refused them.
    """


class Backpressure(LogError):
    """`in_flight_max` sends are unacknowledged already; try again after one completes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedColumns:
    """n records of one topic whose keys have one width and whose values have one width.

    Rows may be in any partition order; rows of one partition keep their order.
    """

    keys: Bytes2D  # (n, key width)
    values: Bytes2D  # (n, value width)
    partitions: NDArray[np.int32]  # (n,)
    timestamp_ms: int  # one for all: when they were received


@dataclass(frozen=True, slots=True, kw_only=True)
class OutRecord:
    """A record of any shape. `partition` None: murmur2 of the key, as Java's client does."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: PartitionId | None = None
    timestamp_ms: int | None = None  # None: the clock's now


@dataclass(frozen=True, slots=True, kw_only=True)
class InRecord:
    """A record as it was read."""

    offset: Offset
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedBatch:
    """Consecutive records of one partition whose keys and values had the widths asked for.

    Records of other widths are in `odd`; nothing is dropped. Views stay valid as long as held.
    """

    topic: TopicName
    partition: PartitionId
    offsets: NDArray[np.int64]  # (n,)
    timestamps_ms: NDArray[np.int64]  # (n,)
    keys: Bytes2D  # (n, key width)
    values: Bytes2D  # (n, value width)
    next_offset: Offset  # where to read on, behind everything here and in `odd`
    odd: Sequence[InRecord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBatch:
    """Consecutive records of one partition, one object each."""

    topic: TopicName
    partition: PartitionId
    records: Sequence[InRecord]
    next_offset: Offset


Batch = FixedBatch | RecordBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The widths in bytes that records of a topic have. Topics without one give `RecordBatch`."""

    key_width: int
    value_width: int


class StartAt(Enum):
    """Where to begin in a partition that has no committed offset."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What to read.

    With `group`: partitions are shared among the group's members, reading goes on from the
    committed offsets. Who comes back under its `instance` gets its partitions at once, and an
    older process of that name is shut out. Without: every partition of every topic, from
    `start` or, where given, from `start_ms` (the first record not older) or `offsets` (exact
    places, which win).
    """

    topics: Mapping[TopicName, Shape | None]
    group: str | None = None
    instance: str | None = None  # in a group: a name that outlives the process (KIP-345)
    start: StartAt = StartAt.LATEST
    start_ms: int | None = None
    offsets: Mapping[tuple[TopicName, PartitionId], Offset] = field(default_factory=dict)
    bytes_min: int = 1  # a poll returns when so many bytes wait ...
    wait_ms_max: int = 20  # ... or after this long
    bytes_max: int = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """A topic to have. `configs` are Kafka's: retention.ms, retention.bytes, cleanup.policy ..."""

    name: TopicName
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)
    replication_factor: int = 1


Delivered = Callable[[LogError | None], None]
"""Called once per send, on the event loop: None when all its records are acknowledged."""


class LogProducer(Protocol):
    """Appends records, idempotently: a retry never makes a second copy.

    At most `in_flight_max` (5) sends are unacknowledged. Sends complete in the order they were
    made; when one fails, every later one that was already made fails too, so that a cumulative
    acknowledgement towards a phone stays true.
    """

    @property
    def has_room(self) -> bool:
        """Whether a send would be taken now."""
        ...

    def send_columns(self, topic: TopicName, columns: FixedColumns, delivered: Delivered) -> None:
        """Send n records in one request of all partitions. Raises `Backpressure`."""
        ...

    def send_records(
        self, topic: TopicName, records: Sequence[OutRecord], delivered: Delivered
    ) -> None:
        """Send records of any shape in one request. Raises `Backpressure`."""
        ...

    async def append(self, topic: TopicName, records: Sequence[OutRecord]) -> None:
        """Wait for room, send, and return when acknowledged. Raises `DeliveryFailed`."""
        ...

    async def flush(self) -> None:
        """Return when nothing is in flight."""
        ...

    async def close(self) -> None: ...


class LogConsumer(Protocol):
    """Reads partitions in order. One task polls; positions move only by `poll` and `seek`."""

    async def poll(self) -> Sequence[Batch]:
        """Return what has arrived; empty when `wait_ms_max` passed without anything."""
        ...

    def positions(self) -> Mapping[tuple[TopicName, PartitionId], Offset]:
        """The next offset to read of every partition now assigned."""
        ...

    def lag(self) -> Mapping[tuple[TopicName, PartitionId], int]:
        """High watermark, as of the last answer, minus position."""
        ...

    def seek(self, topic: TopicName, partition: PartitionId, offset: Offset) -> None: ...

    async def commit(self) -> None:
        """Commit the positions as the group's offsets: a promise about everything before them."""
        ...

    async def close(self) -> None:
        """Leave the group and close. Commits nothing."""
        ...


class LogAdmin(Protocol):
    """Topics and their ends."""

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create those that are missing; leave the others as they are. Waits for leaders."""
        ...

    async def partition_count(self, topic: TopicName) -> int:
        """Raises `LogError` where the topic does not exist."""
        ...

    async def end_offsets(
        self, topics: Sequence[TopicName]
    ) -> Mapping[tuple[TopicName, PartitionId], Offset]:
        """The high watermark of every partition."""
        ...

    async def start_offsets(
        self, topics: Sequence[TopicName]
    ) -> Mapping[tuple[TopicName, PartitionId], Offset]:
        """The log start offset of every partition."""
        ...

    async def committed(
        self, group: str, topics: Sequence[TopicName]
    ) -> Mapping[tuple[TopicName, PartitionId], Offset]:
        """The offsets that a group has committed; partitions without one are left out."""
        ...


class Log(Protocol):
    """A connection to the log, from which all else is made."""

    @property
    def admin(self) -> LogAdmin: ...
    def producer(self) -> LogProducer: ...
    async def consumer(self, subscription: Subscription) -> LogConsumer: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How to reach the log."""

    bootstrap_servers: str = "127.0.0.1:9092"  # HOST:PORT[,HOST:PORT ...]
    client_id: str = "hailstream"
    engine: str = "columnar"  # or "librdkafka"
    connect_timeout_ms: int = 30_000  # how long to try before the first answer
    request_timeout_ms: int = 30_000
    delivery_timeout_ms: int = 120_000  # how long a send may be retried
    in_flight_max: int = 5  # of sends; idempotence allows no more (KIP-98)
    client_config: str = ""  # file in Kafka's properties form: TLS and log-in; empty: neither

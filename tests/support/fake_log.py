"""A log in memory behind `streamcore.client.api`: for unit tests of services, no broker needed.

It keeps the contract's order: sends complete in order, a failed send fails those made after
it. A test may `hold` deliveries and then `release` or `fail` them. Partitions, groups,
committed offsets and starts by time work as in the real log; nothing is ever deleted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groundwork.seams import Clock
from rideflow.contracts.topics import ALL_TOPICS
from streamcore.client.api import (
    Backpressure,
    Batch,
    Delivered,
    DeliveryFailed,
    FixedBatch,
    FixedColumns,
    InRecord,
    LogError,
    Offset,
    OutRecord,
    PartitionId,
    RecordBatch,
    Shape,
    StartAt,
    Subscription,
    TopicName,
    TopicSpec,
)
from streamcore.record.murmur2 import partition_of

Place = tuple[TopicName, PartitionId]
IN_FLIGHT_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A record and where it lies, for assertions."""

    partition: PartitionId
    record: InRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Send:
    records: Sequence[tuple[Place, OutRecord]]
    delivered: Delivered


class FakeLog:
    """The whole log. One object is broker, admin and factory of clients."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.committed_offsets: dict[tuple[str, TopicName, PartitionId], Offset] = {}
        self._partitions: dict[TopicName, list[list[InRecord]]] = {
            TopicName(topic.name): [[] for _ in range(topic.partitions)] for topic in ALL_TOPICS
        }
        self._order: dict[TopicName, list[Stored]] = defaultdict(list)
        self._groups: dict[str, list[FakeConsumer]] = defaultdict(list)
        self._consumers: list[FakeConsumer] = []
        self.producers: list[FakeProducer] = []

    @property
    def admin(self) -> "FakeAdmin":
        return FakeAdmin(self)

    def producer(self) -> "FakeProducer":
        made = FakeProducer(self)
        self.producers.append(made)
        return made

    async def consumer(self, subscription: Subscription) -> "FakeConsumer":
        made = FakeConsumer(self, subscription)
        self._consumers.append(made)
        if subscription.group is None:
            made.assign(self.places(list(subscription.topics)))
        else:
            self._groups[subscription.group].append(made)
            self._rebalance(subscription.group)
        return made

    async def close(self) -> None:
        return None

    def stored(self, topic: str) -> list[Stored]:
        """All records of a topic in the order in which they were appended."""
        return list(self._order[TopicName(topic)])

    def values(self, topic: str) -> list[bytes]:
        """The values of a topic, oldest first; tombstones as empty."""
        return [stored.record.value or b"" for stored in self._order[TopicName(topic)]]

    def put(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Append one record at once, as another service would have."""
        record = OutRecord(key=key, value=value)
        self.write(self.place_of(TopicName(topic), record), record)

    def partition_log(self, place: Place) -> list[InRecord]:
        topic, partition = place
        try:
            return self._partitions[topic][partition]
        except (KeyError, IndexError):
            raise LogError(f"no partition {partition} of topic {topic}", retriable=False) from None

    def places(self, topics: Sequence[TopicName]) -> list[Place]:
        return [
            (topic, PartitionId(number))
            for topic in topics
            for number in range(self.partition_count(topic))
        ]

    def partition_count(self, topic: TopicName) -> int:
        if topic not in self._partitions:
            raise LogError(f"no topic {topic}", retriable=False)
        return len(self._partitions[topic])

    def create(self, spec: TopicSpec) -> None:
        self._partitions.setdefault(spec.name, [[] for _ in range(spec.partitions)])

    def place_of(self, topic: TopicName, record: OutRecord) -> Place:
        if record.partition is not None:
            return topic, record.partition
        return topic, PartitionId(partition_of(record.key or b"", self.partition_count(topic)))

    def write(self, place: Place, record: OutRecord) -> None:
        log = self.partition_log(place)
        at_ms = record.timestamp_ms
        stored = InRecord(
            offset=Offset(len(log)),
            timestamp_ms=self.clock.now_ms() if at_ms is None else at_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        log.append(stored)
        self._order[place[0]].append(Stored(partition=place[1], record=stored))
        for consumer in self._consumers:
            consumer.arrived.set()

    def leave(self, consumer: "FakeConsumer") -> None:
        self._consumers.remove(consumer)
        group = consumer.subscription.group
        if group is not None:
            self._groups[group].remove(consumer)
            self._rebalance(group)

    def _rebalance(self, group: str) -> None:
        members = self._groups[group]
        for index, member in enumerate(members):
            places = self.places(list(member.subscription.topics))
            member.assign(places[index :: len(members)])


class FakeProducer:
    """Delivers on the loop's next turn, unless a test holds it."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log
        self._in_flight: list[_Send] = []
        self._held = False
        self._completed = asyncio.Event()

    @property
    def has_room(self) -> bool:
        return len(self._in_flight) < IN_FLIGHT_MAX

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def hold(self) -> None:
        """Keep sends unacknowledged, and out of the log, until `release` or `fail`."""
        self._held = True

    def release(self) -> None:
        self._held = False
        self._deliver()

    def fail(self, message: str = "the log is away") -> None:
        """Refuse all that is in flight, then work again."""
        self._held = False
        failed, self._in_flight = self._in_flight, []
        for send in failed:
            send.delivered(DeliveryFailed(message, retriable=True))
        self._completed.set()

    def send_columns(self, topic: TopicName, columns: FixedColumns, delivered: Delivered) -> None:
        rows = zip(columns.keys, columns.values, columns.partitions.tolist(), strict=True)
        self.send_records(
            topic,
            [
                OutRecord(
                    key=key.tobytes(),
                    value=value.tobytes(),
                    partition=PartitionId(partition),
                    timestamp_ms=columns.timestamp_ms,
                )
                for key, value, partition in rows
            ],
            delivered,
        )

    def send_records(
        self, topic: TopicName, records: Sequence[OutRecord], delivered: Delivered
    ) -> None:
        if not self.has_room:
            raise Backpressure(f"{IN_FLIGHT_MAX} sends are in flight", retriable=True)
        placed = [(self._log.place_of(topic, record), record) for record in records]
        self._in_flight.append(_Send(records=placed, delivered=delivered))
        asyncio.get_running_loop().call_soon(self._deliver)

    async def append(self, topic: TopicName, records: Sequence[OutRecord]) -> None:
        while not self.has_room:
            await self._next_completion()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def delivered(error: LogError | None) -> None:
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.send_records(topic, records, delivered)
        await done

    async def flush(self) -> None:
        while self._in_flight:
            await self._next_completion()

    async def close(self) -> None:
        await self.flush()

    async def _next_completion(self) -> None:
        self._completed.clear()
        await self._completed.wait()

    def _deliver(self) -> None:
        while self._in_flight and not self._held:
            send = self._in_flight.pop(0)
            for place, record in send.records:
                self._log.write(place, record)
            send.delivered(None)
            self._completed.set()


class FakeConsumer:
    """Reads what it is assigned; a poll waits in real milliseconds."""

    def __init__(self, log: FakeLog, subscription: Subscription) -> None:
        self.subscription = subscription
        self.arrived = asyncio.Event()
        self._log = log
        self._next: dict[Place, Offset] = {}

    def assign(self, places: Sequence[Place]) -> None:
        self._next = {place: self._start_of(place) for place in places}
        self.arrived.set()

    async def poll(self) -> Sequence[Batch]:
        deadline_s = asyncio.get_running_loop().time() + self.subscription.wait_ms_max / 1000
        while self._bytes_waiting() < self.subscription.bytes_min:
            self.arrived.clear()
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self.arrived.wait()
            except TimeoutError:
                break
        return [batch for place in self._next if (batch := self._take(place)) is not None]

    def positions(self) -> Mapping[Place, Offset]:
        return dict(self._next)

    def lag(self) -> Mapping[Place, int]:
        return {place: len(self._log.partition_log(place)) - at for place, at in self._next.items()}

    def seek(self, topic: TopicName, partition: PartitionId, offset: Offset) -> None:
        self._next[topic, partition] = offset

    async def commit(self) -> None:
        assert self.subscription.group is not None, "only a group commits"
        for (topic, partition), offset in self._next.items():
            self._log.committed_offsets[self.subscription.group, topic, partition] = offset

    async def close(self) -> None:
        self._log.leave(self)

    def _start_of(self, place: Place) -> Offset:
        wanted, log = self.subscription, self._log.partition_log(place)
        if wanted.group is not None:
            committed = self._log.committed_offsets.get((wanted.group, *place))
            if committed is not None:
                return committed
        if place in wanted.offsets:
            return wanted.offsets[place]
        if wanted.start_ms is not None:
            late = (record.offset for record in log if record.timestamp_ms >= wanted.start_ms)
            return next(late, Offset(len(log)))
        return Offset(0 if wanted.start is StartAt.EARLIEST else len(log))

    def _bytes_waiting(self) -> int:
        return sum(
            len(record.key or b"") + len(record.value or b"")
            for place, at in self._next.items()
            for record in self._log.partition_log(place)[at:]
        )

    def _take(self, place: Place) -> Batch | None:
        records = self._log.partition_log(place)[self._next[place] :]
        if not records:
            return None
        self._next[place] = Offset(records[-1].offset + 1)
        shape = self.subscription.topics[place[0]]
        if shape is not None:
            return fixed_batch(place, records, shape)
        return RecordBatch(
            topic=place[0], partition=place[1], records=records, next_offset=self._next[place]
        )


class FakeAdmin:
    """Topics and their ends."""

    def __init__(self, log: FakeLog) -> None:
        self._log = log

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        for spec in topics:
            self._log.create(spec)

    async def partition_count(self, topic: TopicName) -> int:
        return self._log.partition_count(topic)

    async def end_offsets(self, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        places = self._log.places(topics)
        return {place: Offset(len(self._log.partition_log(place))) for place in places}

    async def start_offsets(self, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        return dict.fromkeys(self._log.places(topics), Offset(0))

    async def committed(self, group: str, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        return {
            (topic, partition): offset
            for (of, topic, partition), offset in self._log.committed_offsets.items()
            if of == group and topic in topics
        }


def fixed_batch(place: Place, records: Sequence[InRecord], shape: Shape) -> FixedBatch:
    """Records of one partition as columns; those of other widths go to `odd`."""
    widths = (shape.key_width, shape.value_width)
    fitting = [r for r in records if (len(r.key or b""), len(r.value or b"")) == widths]
    keys = b"".join(record.key or b"" for record in fitting)
    values = b"".join(record.value or b"" for record in fitting)
    return FixedBatch(
        topic=place[0],
        partition=place[1],
        offsets=np.array([record.offset for record in fitting], np.int64),
        timestamps_ms=np.array([record.timestamp_ms for record in fitting], np.int64),
        keys=np.frombuffer(keys, np.uint8).reshape(len(fitting), shape.key_width),
        values=np.frombuffer(values, np.uint8).reshape(len(fitting), shape.value_width),
        next_offset=Offset(records[-1].offset + 1),
        odd=[r for r in records if (len(r.key or b""), len(r.value or b"")) != widths],
    )

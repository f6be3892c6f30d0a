"""Sends and reads as the contract suites of the log client need them."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from streamcore.client.api import (
    FixedBatch,
    FixedColumns,
    InRecord,
    Log,
    LogConsumer,
    LogError,
    LogProducer,
    RecordBatch,
    Shape,
    StartAt,
    Subscription,
    TopicName,
    TopicSpec,
)
from streamcore.record.murmur2 import partitions_of
from tests.support.eventually import eventually

WITHIN_S = 20.0
PING_SHAPE = Shape(key_width=10, value_width=40)
NOW_MS = 1_700_000_000_000


async def new_topic(log: Log, partitions: int) -> TopicName:
    name = TopicName(f"t-{uuid.uuid4().hex[:12]}")
    forever = {"retention.ms": "-1"}  # the tests' timestamps are years old
    await log.admin.ensure_topics([TopicSpec(name=name, partitions=partitions, configs=forever)])
    return name


def columns(first: int, count: int, partitions: int, *, timestamp_ms: int = NOW_MS) -> FixedColumns:
    """Pings of made-up drivers, numbered from `first` in the value."""
    numbers = range(first, first + count)
    keys = b"".join(b"%010d" % (number % 997) for number in numbers)
    values = b"".join(b"%040d" % number for number in numbers)
    key_matrix = np.frombuffer(keys, np.uint8).reshape(count, 10)
    return FixedColumns(
        keys=key_matrix,
        values=np.frombuffer(values, np.uint8).reshape(count, 40),
        partitions=partitions_of(key_matrix, partitions),
        timestamp_ms=timestamp_ms,
    )


async def sent(producer: LogProducer, topic: TopicName, part: FixedColumns) -> LogError | None:
    outcome: asyncio.Future[LogError | None] = asyncio.get_running_loop().create_future()
    producer.send_columns(topic, part, outcome.set_result)
    return await asyncio.wait_for(outcome, WITHIN_S)


async def room(producer: LogProducer) -> None:
    """Return when a send would be taken."""
    await eventually(lambda: producer.has_room, within_s=WITHIN_S)


async def read_fixed(consumer: LogConsumer, count: int) -> list[FixedBatch]:
    """Poll until `count` records, odd ones included, have come."""
    batches: list[FixedBatch] = []
    async with asyncio.timeout(WITHIN_S):
        while sum(len(batch.offsets) + len(batch.odd) for batch in batches) < count:
            for batch in await consumer.poll():
                assert isinstance(batch, FixedBatch)
                batches.append(batch)
    return batches


async def read_records(consumer: LogConsumer, count: int) -> dict[int, list[InRecord]]:
    """Poll until `count` records have come; by partition."""
    found: dict[int, list[InRecord]] = {}
    async with asyncio.timeout(WITHIN_S):
        while sum(map(len, found.values())) < count:
            for batch in await consumer.poll():
                assert isinstance(batch, RecordBatch)
                found.setdefault(batch.partition, []).extend(batch.records)
    return found


def everything(topic: TopicName, shape: Shape | None = None) -> Subscription:
    return Subscription(topics={topic: shape}, start=StartAt.EARLIEST)


def numbers_by_partition(batches: Sequence[FixedBatch]) -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = {}
    for batch in batches:
        found.setdefault(batch.partition, []).extend(int(bytes(row)) for row in batch.values)
    return found


async def polled_until(consumers: Sequence[LogConsumer], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            for consumer in consumers:
                await consumer.poll()


def all_numbers(by_partition: Mapping[int, Iterable[int]]) -> list[int]:
    """Every number that was read, sorted: gaps and repeats show."""
    return sorted(number for numbers in by_partition.values() for number in numbers)


class Outcomes:
    """Remembers how sends ended, in the order in which they did."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, LogError | None]] = []

    def of(self, number: int) -> Callable[[LogError | None], None]:
        return lambda error: self.ended.append((number, error))

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.ended]

    @property
    def errors(self) -> list[LogError]:
        return [error for _, error in self.ended if error is not None]

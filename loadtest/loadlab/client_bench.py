"""What a record costs the log client: CPU of this process, all its threads, both engines.

    python -m loadlab.client_bench --bootstrap-servers 127.0.0.1:9092

Sends of 600 records over 12 partitions, as a gateway makes them at 30,000 pings a second and a
tick of 20 ms; then the same records read from the start. CPU, not wall time: the machine is
shared, and the broker's share is its own business (see the broker's bench).
"""

import argparse
import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import uvloop

from groundwork.real.clocks import SystemClock
from streamcore.client import connect
from streamcore.client.api import (
    FixedBatch,
    FixedColumns,
    Log,
    LogError,
    LogSettings,
    Shape,
    StartAt,
    Subscription,
    TopicName,
    TopicSpec,
)
from streamcore.record.murmur2 import partitions_of

PARTITIONS = 12
SHAPE = Shape(key_width=10, value_width=40)
PREPARED_SENDS = 64  # repeated: making records must not be measured
SEED = 20_260


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One engine's row. CPU in microseconds a record."""

    engine: str
    records: int
    records_per_send: int
    produce_cpu_us: float
    produce_per_second: int
    consume_cpu_us: float
    consume_per_second: int


class LostRecords(Exception):
    """What was read is not what was sent: the figures would be worthless."""


def prepared_columns(records_per_send: int, *, now_ms: int) -> list[FixedColumns]:
    """Return sends of random pings, placed as every client places them."""
    chance = np.random.default_rng(SEED)
    sends = []
    for _ in range(PREPARED_SENDS):
        keys = chance.integers(48, 58, (records_per_send, SHAPE.key_width), dtype=np.uint8)
        values = chance.integers(0, 256, (records_per_send, SHAPE.value_width), dtype=np.uint8)
        sends.append(
            FixedColumns(
                keys=keys,
                values=values,
                partitions=partitions_of(keys, PARTITIONS),
                timestamp_ms=now_ms,
            )
        )
    return sends


class Stopwatch:
    """CPU and wall time since it was made."""

    def __init__(self) -> None:
        self._cpu_s = time.process_time()
        self._wall_s = time.perf_counter()

    def cpu_us(self, records: int) -> float:
        return round((time.process_time() - self._cpu_s) * 1e6 / records, 3)

    def per_second(self, records: int) -> int:
        return round(records / (time.perf_counter() - self._wall_s))


async def produce(log: Log, topic: TopicName, prepared: Sequence[FixedColumns], sends: int) -> None:
    """Send as fast as the window lets us. Raises the first failure."""
    producer = log.producer()
    completed = asyncio.Event()
    failures: list[LogError] = []

    def delivered(error: LogError | None) -> None:
        completed.set()
        if error is not None:
            failures.append(error)

    for number in range(sends):
        while not producer.has_room:
            completed.clear()
            await completed.wait()  # set by whichever send completes next
        producer.send_columns(topic, prepared[number % PREPARED_SENDS], delivered)
    await producer.flush()
    await producer.close()
    if failures:
        raise failures[0]


async def consume(log: Log, topic: TopicName, records: int) -> None:
    """Read everything. Raises `LostRecords` when the count is not what was sent."""
    consumer = await log.consumer(
        Subscription(topics={topic: SHAPE}, start=StartAt.EARLIEST, bytes_min=1 << 20)
    )
    found = 0
    while found < records:
        for batch in await consumer.poll():
            assert isinstance(batch, FixedBatch)
            found += len(batch.offsets) + len(batch.odd)
    await consumer.close()
    ends = await log.admin.end_offsets([topic])
    if found != records or sum(ends.values()) != records:
        raise LostRecords(f"{records} sent, {found} read, {sum(ends.values())} in the log")


async def measure(servers: str, engine: str, records_per_send: int, sends: int) -> Measured:
    log = await connect(LogSettings(bootstrap_servers=servers, engine=engine), SystemClock())
    topic = TopicName(f"bench-{engine}-{uuid.uuid4().hex[:8]}")
    records = records_per_send * sends
    try:
        await log.admin.ensure_topics([TopicSpec(name=topic, partitions=PARTITIONS)])
        prepared = prepared_columns(records_per_send, now_ms=SystemClock().now_ms())
        watch = Stopwatch()
        await produce(log, topic, prepared, sends)
        produce_cpu_us, produce_per_second = watch.cpu_us(records), watch.per_second(records)
        watch = Stopwatch()
        await consume(log, topic, records)
        return Measured(
            engine=engine,
            records=records,
            records_per_send=records_per_send,
            produce_cpu_us=produce_cpu_us,
            produce_per_second=produce_per_second,
            consume_cpu_us=watch.cpu_us(records),
            consume_per_second=watch.per_second(records),
        )
    finally:
        await log.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092")
    parser.add_argument("--engines", nargs="+", default=["columnar", "librdkafka"])
    parser.add_argument("--records-per-send", type=int, default=600)
    parser.add_argument("--sends", type=int, default=1_000)
    asked = parser.parse_args()
    for engine in asked.engines:
        row = uvloop.run(
            measure(asked.bootstrap_servers, engine, asked.records_per_send, asked.sends)
        )
        print(json.dumps(asdict(row)))  # noqa: T201 -- the figures are the output


if __name__ == "__main__":
    main()

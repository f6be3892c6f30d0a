"""What a real client gets: as many records as it can produce, then read back from the start."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from loadlab.broker.measuring import Measured, Row, cpu_of, memory_mb
from loadlab.broker.raw import VALUE
from loadlab.broker.topics import (
    CLIENT_TIMEOUT_S,
    PARTITIONS,
    WrongCount,
    check_count,
    make_topic,
)

TOPIC = "bench-librdkafka"
KEYS = 1000


def run_librdkafka(broker: Measured, records: int) -> list[Row]:
    make_topic(broker.address, TOPIC)
    steps: dict[str, Callable[[str, int], None]] = {
        "librdkafka, produce": produce_all,
        "librdkafka, consume": consume_all,
    }
    rows = []
    for name, step in steps.items():
        before, started = cpu_of(broker), time.perf_counter()
        step(broker.address, records)
        elapsed, cpu = time.perf_counter() - started, cpu_of(broker).since(before)
        figures = {
            "records/s": records / elapsed,
            "us/record": sum(cpu) / records * 1e6,
            "MB": memory_mb(broker),
        }
        rows.append(Row(load=name, figures=figures))
    check_count(broker.address, TOPIC, records)
    return rows


def produce_all(address: str, records: int) -> None:
    producer = Producer(
        {
            "bootstrap.servers": address,
            "acks": 1,
            "linger.ms": 5,
            "batch.size": 65_536,
            "batch.num.messages": 100_000,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            "partitioner": "murmur2_random",
            "log_level": 3,
        }
    )
    failed: list[KafkaError] = []

    def note(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error)

    for number in range(records):
        producer.produce(TOPIC, VALUE, b"%016d" % (number % KEYS), on_delivery=note)
        if number % 1024 == 0:
            producer.poll(0)
    left = producer.flush(CLIENT_TIMEOUT_S)
    if left or failed:
        raise WrongCount(f"{left} records not sent, {len(failed)} refused: {failed[:1]}")


def consume_all(address: str, records: int) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 1_000_000,
        }
    )
    consumer.assign([TopicPartition(TOPIC, number, 0) for number in range(PARTITIONS)])
    count = 0
    while count < records:
        messages = consumer.consume(1000, CLIENT_TIMEOUT_S)
        if not messages:
            raise WrongCount(f"{count} of {records} records could be read")
        count += sum(message.error() is None for message in messages)
    consumer.close()

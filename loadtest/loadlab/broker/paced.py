"""A steady rate through librdkafka, and how old each record is when its reader has it."""

import threading
import time
from struct import Struct
from typing import Final

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray

from loadlab.broker.measuring import Measured, Row, cpu_of, memory_mb
from loadlab.broker.topics import CLIENT_TIMEOUT_S, PARTITIONS, WrongCount, make_topic

TOPIC: Final = "bench-paced"
STAMP: Final = Struct("=q")
PADDING: Final = bytes(100 - STAMP.size)
KEYS: Final = 30_000
WARM_UP_S: Final = 2.0
TICK_S: Final = 0.001


class AgeReader:
    """Reads to the end in a thread of its own, and notes when each record was sent and came."""

    def __init__(self, address: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "bench-paced",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 1,
            }
        )
        self._consumer.assign([TopicPartition(TOPIC, number, 0) for number in range(PARTITIONS)])
        self._is_sent = threading.Event()
        self._sent: list[bytes] = []
        self._came: list[int] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            message = self._consumer.poll(0.1)
            if message is not None:
                self._came.append(time.monotonic_ns())
                self._sent.append(message.value()[: STAMP.size])  # type: ignore[index]  # it has one
            elif self._is_sent.is_set():
                return

    def ages_ms(self, *, expected: int, since_ns: int) -> NDArray[np.float64]:
        """Of the records sent since then, when all are there. Raises `WrongCount`."""
        self._is_sent.set()
        self._thread.join(CLIENT_TIMEOUT_S)
        self._consumer.close()
        sent = np.frombuffer(b"".join(self._sent), np.int64)
        if len(sent) != expected:
            raise WrongCount(f"{len(sent)} of {expected} records could be read")
        ages: NDArray[np.float64] = (np.array(self._came, np.int64) - sent) / 1e6
        return ages[sent >= since_ns]


def run_paced(broker: Measured, rate: int, seconds: float) -> Row:
    """Send `rate` records a second, lingering 5 ms, beside a reader."""
    make_topic(broker.address, TOPIC)
    reader = AgeReader(broker.address)
    producer = Producer(
        {"bootstrap.servers": broker.address, "acks": 1, "linger.ms": 5, "log_level": 3}
    )
    _send(producer, rate, WARM_UP_S, first=0)
    since_ns, before, started = time.monotonic_ns(), cpu_of(broker), time.perf_counter()
    sent = _send(producer, rate, seconds, first=int(rate * WARM_UP_S))
    elapsed, cpu = time.perf_counter() - started, cpu_of(broker).since(before)
    if left := producer.flush(CLIENT_TIMEOUT_S):
        raise WrongCount(f"{left} records not sent")
    ages = reader.ages_ms(expected=sent, since_ns=since_ns)
    p50, p99 = np.percentile(ages, [50, 99])
    return Row(
        load=f"librdkafka, {rate:,}/s, linger 5 ms, sent to read",
        figures={
            "records/s": len(ages) / elapsed,
            "ms p50": float(p50),
            "ms p99": float(p99),
            "% of a core": 100 * sum(cpu) / elapsed,
            "MB": memory_mb(broker),
        },
    )


def _send(producer: Producer, rate: int, seconds: float, *, first: int) -> int:
    """Send as many as are due, each millisecond; return the number of all that were sent."""
    started = time.perf_counter()
    number, last = first, first + int(rate * seconds)
    while number < last:
        due = min(last, first + int((time.perf_counter() - started) * rate))
        while number < due:
            stamp = STAMP.pack(time.monotonic_ns()) + PADDING
            producer.produce(TOPIC, stamp, b"%016d" % (number * 7919 % KEYS))
            number += 1
        producer.poll(0)
        time.sleep(TICK_S)
    return number

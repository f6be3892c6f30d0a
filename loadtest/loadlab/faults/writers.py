"""Idempotent producers that number what they write and note what was acknowledged."""

import threading
import time
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

KEYS: Final = 16
# Longer than any outage here: what is not acknowledged by then has failed.
DELIVERY_TIMEOUT_MS: Final = 120_000
FLUSH_WITHIN_S: Final = 150.0
TICK_S: Final = 0.05


class NumberWriter:
    """Writes `writer:number` to a topic, some hundred times a tick, until told to stop.

    `run` is for a thread of its own.

    `acknowledged[number]` is 1 when the broker has said that it is in the log.
    """

    def __init__(self, address: str, topic: str, *, writer: int, per_second: int) -> None:
        self.writer = writer
        self.acknowledged = bytearray()
        self.failed = 0
        self._topic = topic
        self._per_tick = max(1, int(per_second * TICK_S))
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
                "retry.backoff.ms": 50,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        due = time.perf_counter()
        while not self._stopping.wait(max(0.0, due - time.perf_counter())):
            due += TICK_S
            for _ in range(self._per_tick):
                self.write()
            self._producer.poll(0)
        self._producer.flush(FLUSH_WITHIN_S)

    def write(self) -> None:
        """Hand one record to the producer; waits while it has no room."""
        number = len(self.acknowledged)
        self.acknowledged.append(0)

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.acknowledged[number] = 1
            else:
                self.failed += 1

        key, value = b"%d" % (number % KEYS), b"%d:%d" % (self.writer, number)
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=on_delivery)
            except BufferError:
                self._producer.poll(0.1)  # an outage: what is written waits for room
            else:
                return

"""Moves records from one topic to another exactly once: consume, transform, produce.

Records and the offsets behind them are committed in one transaction (KIP-98, KIP-447). Some
transactions are aborted on purpose. Whatever fails, the mover begins again from what is
committed.
"""

import random
import threading
from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, Producer

RECORDS_PER_TRANSACTION: Final = 500
POLL_S: Final = 0.2
INIT_WITHIN_S: Final = 60.0
COMMIT_WITHIN_S: Final = 60.0
ABORTED_SHARE: Final = 0.1


class ExactlyOnceMover:
    """Moves until told to stop. `run` is for a thread of its own."""

    def __init__(
        self, address: str, *, source: str, target: str, group: str, rng: random.Random
    ) -> None:
        self.committed = 0  # transactions
        self.aborted = 0  # on purpose
        self.restarts = 0  # after an error that only a new producer gets over
        self._address = address
        self._source = source
        self._target = target
        self._group = group
        self._rng = rng
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._move_until_it_fails()
            except KafkaException:
                self.restarts += 1

    def _move_until_it_fails(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._address,
                "transactional.id": f"{self._group}-mover",
                "transaction.timeout.ms": 60_000,
                # With its default librdkafka 2.16 forgets its one broker when that is down, and
                # then waits for a connection to the group coordinator that it has given up.
                "metadata.recovery.strategy": "none",
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        _until_it_works(lambda: producer.init_transactions(INIT_WITHIN_S))
        while not self._stopping.is_set():
            self._move_until_an_abort(producer)

    def _move_until_an_abort(self, producer: Producer) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": self._group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "session.timeout.ms": 10_000,
                "log_level": 0,
            }
        )
        consumer.subscribe([self._source])
        try:
            while not self._stopping.is_set():
                messages = consumer.consume(RECORDS_PER_TRANSACTION, POLL_S)
                good = [message for message in messages if message.error() is None]
                if good and not self._move(producer, consumer, good):
                    return  # the consumer has read past what was aborted
        finally:
            consumer.close()

    def _move(self, producer: Producer, consumer: Consumer, messages: list[Message]) -> bool:
        """Move some records; whether they are committed."""
        producer.begin_transaction()
        try:
            for message in messages:
                producer.produce(self._target, message.value(), message.key())
            if self._rng.random() < ABORTED_SHARE:
                producer.flush()
                _until_it_works(lambda: producer.abort_transaction(COMMIT_WITHIN_S))
                self.aborted += 1
                return False
            positions = consumer.position(consumer.assignment())
            metadata = consumer.consumer_group_metadata()
            _until_it_works(
                lambda: producer.send_offsets_to_transaction(positions, metadata, COMMIT_WITHIN_S)
            )
            _until_it_works(lambda: producer.commit_transaction(COMMIT_WITHIN_S))
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            _until_it_works(lambda: producer.abort_transaction(COMMIT_WITHIN_S))
            return False
        self.committed += 1
        return True


def _until_it_works(step: Callable[[], None]) -> None:
    """Do a step of a transaction again as long as its error says that this may help."""
    while True:
        try:
            step()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
        else:
            return

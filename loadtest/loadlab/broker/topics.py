"""The topics of the benches: how they are made, and that they hold what was acknowledged."""

import time
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # stubs do not export it
    AdminClient,
    NewTopic,
)

PARTITIONS: Final = 12
CLIENT_TIMEOUT_S: Final = 30.0
READY_TRIES: Final = 300
READY_WAIT_S: Final = 0.1
NOT_READY: Final = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  # the library's name
}


class TopicNotReady(Exception):
    """The broker has made a topic, and will not say who leads it."""


class WrongCount(Exception):
    """The log does not hold what was acknowledged: its figures would be worthless."""


def make_topic(address: str, topic: str, *, partitions: int = PARTITIONS) -> None:
    """Make a topic, in place of what an earlier bench left, and return when it takes records."""
    admin = AdminClient({"bootstrap.servers": address})
    if topic in admin.list_topics(timeout=CLIENT_TIMEOUT_S).topics:
        for future in admin.delete_topics([topic]).values():
            future.result(CLIENT_TIMEOUT_S)
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result(CLIENT_TIMEOUT_S)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "bench-make"})
    for number in range(partitions):
        _wait_for_leader(consumer, TopicPartition(topic, number))
    consumer.close()


def _wait_for_leader(consumer: Consumer, partition: TopicPartition) -> None:
    """Apache Kafka makes a topic known first, and its leaders ready a little later."""
    for _ in range(READY_TRIES):
        try:
            consumer.get_watermark_offsets(partition, CLIENT_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() not in NOT_READY:
                raise
            time.sleep(READY_WAIT_S)
        else:
            return
    raise TopicNotReady(f"{partition.topic}-{partition.partition} has no leader")


def check_count(address: str, topic: str, expected: int, *, partitions: int = PARTITIONS) -> None:
    """Compare the log with what was acknowledged. Raises `WrongCount`."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "bench-check"})
    ends = [
        consumer.get_watermark_offsets(TopicPartition(topic, number), CLIENT_TIMEOUT_S)[1]
        for number in range(partitions)
    ]
    consumer.close()
    if sum(ends) != expected:
        raise WrongCount(f"{topic}: {sum(ends)} records in the log, {expected} acknowledged")

"""The topics of the benches: how they are made, and that they hold what was acknowledged."""

from typing import Final

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # stubs do not export it
    AdminClient,
    NewTopic,
)

PARTITIONS: Final = 12
CLIENT_TIMEOUT_S: Final = 30.0


class WrongCount(Exception):
    """The log does not hold what was acknowledged: its figures would be worthless."""


def make_topic(address: str, topic: str, *, partitions: int = PARTITIONS) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result(CLIENT_TIMEOUT_S)


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

"""Reads what is in the log after all, and compares it with what producers were told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from loadlab.faults.writers import NumberWriter

POLL_S: Final = 5.0
BATCH: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Counts of records. All but the first three must be 0."""

    acknowledged: int
    in_log: int
    moved: int
    lost: int  # acknowledged, and not in the log
    doubled: int  # in the log more than once
    not_moved: int  # in the source and not among what readers of committed records see
    moved_twice: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.not_moved or self.moved_twice)


class LogCutShort(Exception):
    """The log could not be read to its end."""


def audit(address: str, writers: Sequence[NumberWriter], *, source: str, target: str) -> Verdict:
    """Read both topics whole. Raises `LogCutShort`."""
    in_source = _counted(address, source, writers)
    in_target = _counted(address, target, writers)
    pairs = [
        (writer.acknowledged[number], written, moved)
        for writer in writers
        for number, (written, moved) in enumerate(
            zip(in_source[writer.writer], in_target[writer.writer], strict=True)
        )
    ]
    return Verdict(
        acknowledged=sum(acknowledged for acknowledged, _, _ in pairs),
        in_log=sum(written for _, written, _ in pairs),
        moved=sum(moved for _, _, moved in pairs),
        lost=sum(bool(acknowledged and not written) for acknowledged, written, _ in pairs),
        doubled=sum(max(0, written - 1) for _, written, _ in pairs),
        not_moved=sum(bool(written and not moved) for _, written, moved in pairs),
        moved_twice=sum(max(0, moved - 1) for _, _, moved in pairs),
    )


def _counted(address: str, topic: str, writers: Sequence[NumberWriter]) -> dict[int, bytearray]:
    """How often each number of each writer is read."""
    counts = {writer.writer: bytearray(len(writer.acknowledged)) for writer in writers}
    for value in _values(address, topic):
        writer, _, number = value.partition(b":")
        counts[int(writer)][int(number)] += 1
    return counts


def _values(address: str, topic: str) -> Iterator[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "audit",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    partitions = list(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    left = set(partitions)
    try:
        while left:
            messages = consumer.consume(BATCH, POLL_S)
            if not messages:
                raise LogCutShort(f"{topic}: no end of partitions {sorted(left)} within {POLL_S} s")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message.value() or b""
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the library's name
                    left.discard(message.partition())
    finally:
        consumer.close()

"""Reading control-plane topics: JSON records as structs, bad ones counted."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

import msgspec

from groundwork.metrics import Counter
from streamcore.client.api import (
    Batch,
    InRecord,
    Log,
    RecordBatch,
    StartAt,
    Subscription,
    TopicName,
)

journal = logging.getLogger("hailstream.reading")

M = TypeVar("M")


def records_of(batches: Sequence[Batch]) -> Iterator[InRecord]:
    """The records of topics that were subscribed to without a shape."""
    for batch in batches:
        assert isinstance(batch, RecordBatch), "subscribed without a shape"
        yield from batch.records


def structs_of(
    batches: Sequence[Batch], decoder: msgspec.json.Decoder[M], bad: Counter
) -> Iterator[M]:
    """The values as structs. Tombstones are left out; what cannot be read is counted and told."""
    for batch in batches:
        for record in records_of([batch]):
            if record.value is None:
                continue
            try:
                yield decoder.decode(record.value)
            except msgspec.MsgspecError as error:
                bad.add()
                journal.warning(
                    "%s/%d offset %d cannot be read: %s",
                    batch.topic,
                    batch.partition,
                    record.offset,
                    error,
                )


async def read_to_end(
    log: Log, topic: TopicName, *, start_ms: int | None = None
) -> AsyncIterator[Sequence[Batch]]:
    """Polls of a topic from its start, or from `start_ms`, to where it ends now."""
    ends = await log.admin.end_offsets([topic])
    consumer = await log.consumer(
        Subscription(topics={topic: None}, start=StartAt.EARLIEST, start_ms=start_ms)
    )
    try:
        while any(consumer.positions().get(place, 0) < end for place, end in ends.items()):
            yield await consumer.poll()
    finally:
        await consumer.close()

"""The in-memory log that services are tested against keeps the real one's contract."""

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.client.api import (
    Backpressure,
    FixedBatch,
    LogError,
    OutRecord,
    RecordBatch,
    Shape,
    StartAt,
    Subscription,
    TopicName,
)
from tests.support.fake_log import FakeLog

EVENTS = TopicName("ride.events")


def _record(value: bytes) -> OutRecord:
    return OutRecord(key=b"k", value=value)


async def test_what_is_appended_is_read_in_order() -> None:
    log = FakeLog(VirtualClock())
    consumer = await log.consumer(Subscription(topics={EVENTS: None}))
    await log.producer().append(EVENTS, [_record(b"1"), _record(b"2")])
    (batch,) = await consumer.poll()
    assert isinstance(batch, RecordBatch)
    assert [record.value for record in batch.records] == [b"1", b"2"]


async def test_odd_widths_are_kept_aside() -> None:
    log = FakeLog(VirtualClock())
    consumer = await log.consumer(
        Subscription(topics={EVENTS: Shape(key_width=1, value_width=2)}, start=StartAt.EARLIEST)
    )
    for value in (b"ab", b"odd", b"cd"):
        log.put("ride.events", b"k", value)
    (batch,) = await consumer.poll()
    assert isinstance(batch, FixedBatch)
    assert batch.values.tobytes() == b"abcd"
    assert [record.value for record in batch.odd] == [b"odd"]
    assert batch.next_offset == 3


async def test_a_failed_send_fails_the_later_ones_and_leaves_nothing_in_the_log() -> None:
    log = FakeLog(VirtualClock())
    producer = log.producer()
    producer.hold()
    heard: list[LogError | None] = []
    for value in (b"1", b"2"):
        producer.send_records(EVENTS, [_record(value)], heard.append)
    producer.fail()
    assert len(heard) == 2
    assert all(isinstance(error, LogError) for error in heard)
    assert log.values("ride.events") == []


async def test_a_sixth_send_in_flight_is_refused() -> None:
    producer = FakeLog(VirtualClock()).producer()
    producer.hold()
    for _ in range(5):
        producer.send_records(EVENTS, [_record(b"1")], lambda _error: None)
    assert not producer.has_room
    with pytest.raises(Backpressure):
        producer.send_records(EVENTS, [_record(b"1")], lambda _error: None)


async def test_a_group_shares_partitions_and_goes_on_from_its_commit() -> None:
    log = FakeLog(VirtualClock())
    subscription = Subscription(topics={EVENTS: None}, group="g", start=StartAt.EARLIEST)
    first = await log.consumer(subscription)
    second = await log.consumer(subscription)
    assert not set(first.positions()) & set(second.positions())
    await second.close()
    log.put("ride.events", b"k", b"1")
    assert len(await first.poll()) == 1
    await first.commit()
    await first.close()
    third = await log.consumer(subscription)
    assert sum(third.lag().values()) == 0

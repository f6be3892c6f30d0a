"""What `streamcore.client.api` promises, held against both engines and a real broker.

Set HAILSTREAM_TEST_KAFKA=HOST:PORT to hold them against Apache Kafka as well: all but the
tests that kill the broker.
"""

import asyncio
import socket
import uuid

import numpy as np
import pytest

from groundwork.real.clocks import SystemClock
from streamcore.client import connect
from streamcore.client.api import (
    Backpressure,
    DeliveryFailed,
    Log,
    LogError,
    LogSettings,
    Offset,
    OutRecord,
    PartitionId,
    StartAt,
    Subscription,
    TopicName,
    TopicSpec,
)
from streamcore.record.murmur2 import partition_of
from tests.support.log_scene import (
    NOW_MS,
    PING_SHAPE,
    WITHIN_S,
    Outcomes,
    all_numbers,
    columns,
    everything,
    new_topic,
    numbers_by_partition,
    polled_until,
    read_fixed,
    read_records,
    sent,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


async def test_columns_arrive_as_they_were_sent_in_order_of_their_partition(log: Log) -> None:
    topic = await new_topic(log, 12)
    producer = log.producer()
    for first in range(0, 3_000, 600):
        assert await sent(producer, topic, columns(first, 600, 12)) is None
    consumer = await log.consumer(everything(topic, PING_SHAPE))

    batches = await read_fixed(consumer, 3_000)

    by_partition = numbers_by_partition(batches)
    assert all_numbers(by_partition) == list(range(3_000))
    assert all(numbers == sorted(numbers) for numbers in by_partition.values())
    for batch in batches:
        assert not batch.odd
        assert set(batch.timestamps_ms.tolist()) == {NOW_MS}
        assert np.array_equal(
            batch.offsets, np.arange(batch.next_offset - len(batch.offsets), batch.next_offset)
        )
        for key in batch.keys:
            assert partition_of(bytes(key), 12) == batch.partition


async def test_records_of_any_shape_come_back_whole(log: Log) -> None:
    topic = await new_topic(log, 1)
    records = [
        OutRecord(key=b"k", value=b"v", headers=[("a", b"1"), ("a", b""), ("b", b"\x00\xff")]),
        OutRecord(key=None, value=b"no key", timestamp_ms=NOW_MS),
        OutRecord(key=b"no value", value=None),
        OutRecord(key=b"", value=b""),
        OutRecord(key=b"long", value=b"x" * 200_000),
    ]
    await log.producer().append(topic, records)
    consumer = await log.consumer(everything(topic))

    found = (await read_records(consumer, len(records)))[0]

    assert [(record.key, record.value, list(record.headers)) for record in found] == [
        (record.key, record.value, list(record.headers)) for record in records
    ]
    assert [record.offset for record in found] == list(range(len(records)))
    assert found[1].timestamp_ms == NOW_MS
    assert found[0].timestamp_ms > NOW_MS, "the clock's now"


async def test_records_of_other_widths_are_odd_and_nothing_is_dropped(log: Log) -> None:
    topic = await new_topic(log, 1)
    producer = log.producer()
    await sent(producer, topic, columns(0, 100, 1))
    strange = OutRecord(key=b"strange", value=b"one", headers=[("trace", b"x")])
    headed = OutRecord(key=b"%010d" % 7, value=b"%040d" % 7, headers=[("trace", b"y")])
    await producer.append(topic, [strange, headed])
    await sent(producer, topic, columns(100, 100, 1))
    consumer = await log.consumer(everything(topic, PING_SHAPE))

    batches = await read_fixed(consumer, 202)

    assert numbers_by_partition(batches) == {0: list(range(200))}
    odd = [record for batch in batches for record in batch.odd]
    assert [(record.offset, record.key, list(record.headers)) for record in odd] == [
        (100, b"strange", [("trace", b"x")]),
        (101, b"%010d" % 7, [("trace", b"y")]),
    ]


async def test_every_key_goes_to_the_partition_that_all_clients_agree_on(log: Log) -> None:
    topic = await new_topic(log, 12)
    keys = [b"%010d" % number for number in range(300)] + [b"x" * size for size in range(1, 40)]
    await log.producer().append(topic, [OutRecord(key=key, value=b"") for key in keys])
    consumer = await log.consumer(everything(topic))

    found = await read_records(consumer, len(keys))

    for partition, records in found.items():
        assert {partition_of(record.key or b"", 12) for record in records} == {partition}


async def test_a_partition_that_is_named_is_used(log: Log) -> None:
    topic = await new_topic(log, 3)
    await log.producer().append(
        topic, [OutRecord(key=b"same", value=b"", partition=PartitionId(at)) for at in range(3)]
    )
    found = await read_records(await log.consumer(everything(topic)), 3)
    assert sorted(found) == [0, 1, 2]


async def test_a_send_to_a_missing_partition_fails_and_the_next_one_counts(log: Log) -> None:
    topic = await new_topic(log, 2)
    producer = log.producer()
    with pytest.raises(DeliveryFailed):
        await producer.append(topic, [OutRecord(key=None, value=b"lost", partition=PartitionId(7))])
    await producer.append(topic, [OutRecord(key=b"k", value=b"kept")])
    found = await read_records(await log.consumer(everything(topic)), 1)
    assert [record.value for records in found.values() for record in records] == [b"kept"]


async def test_five_sends_are_in_flight_and_the_sixth_meets_backpressure(log: Log) -> None:
    topic = await new_topic(log, 4)
    producer = log.producer()
    outcomes = Outcomes()
    for number in range(5):
        assert producer.has_room
        producer.send_columns(topic, columns(number, 1, 4), outcomes.of(number))
    assert not producer.has_room
    with pytest.raises(Backpressure):
        producer.send_columns(topic, columns(9, 1, 4), lambda _: None)
    await asyncio.wait_for(producer.flush(), WITHIN_S)
    assert outcomes.numbers == [0, 1, 2, 3, 4], "sends complete in the order they were made"
    assert producer.has_room


async def test_a_send_larger_than_a_batch_is_cut_and_stays_in_order(log: Log) -> None:
    topic = await new_topic(log, 1)
    assert await sent(log.producer(), topic, columns(0, 40_000, 1)) is None
    consumer = await log.consumer(everything(topic, PING_SHAPE))
    batches = await read_fixed(consumer, 40_000)
    assert numbers_by_partition(batches) == {0: list(range(40_000))}


async def test_a_consumer_starts_at_the_end_at_a_time_or_at_an_offset(log: Log) -> None:
    topic = await new_topic(log, 1)
    producer = log.producer()
    for number in range(4):
        part = columns(number, 1, 1, timestamp_ms=NOW_MS + 1_000 * number)
        assert await sent(producer, topic, part) is None

    async def first_number(**start: object) -> int:
        consumer = await log.consumer(
            Subscription(topics={topic: PING_SHAPE}, **start)  # type: ignore[arg-type] # names are the fields' own
        )
        if start.get("start") is StartAt.LATEST or start.get("start_ms") == NOW_MS + 9_999:
            assert await sent(producer, topic, columns(99, 1, 1)) is None
        batches = await read_fixed(consumer, 1)
        await consumer.close()
        return numbers_by_partition(batches)[0][0]

    place = (topic, PartitionId(0))
    assert await first_number(start=StartAt.EARLIEST) == 0
    assert await first_number(start_ms=NOW_MS + 1_500) == 2
    assert await first_number(offsets={place: Offset(3)}) == 3
    assert await first_number(start=StartAt.LATEST) == 99
    assert await first_number(start_ms=NOW_MS + 9_999) == 99


async def test_seeking_moves_the_position_back_and_forth(log: Log) -> None:
    topic = await new_topic(log, 1)
    assert await sent(log.producer(), topic, columns(0, 50, 1)) is None
    consumer = await log.consumer(everything(topic, PING_SHAPE))
    await read_fixed(consumer, 50)

    consumer.seek(topic, PartitionId(0), Offset(10))
    assert consumer.positions() == {(topic, 0): 10}
    assert numbers_by_partition(await read_fixed(consumer, 40)) == {0: list(range(10, 50))}
    consumer.seek(topic, PartitionId(0), Offset(45))
    assert numbers_by_partition(await read_fixed(consumer, 5)) == {0: list(range(45, 50))}
    with pytest.raises(LogError, match="not assigned"):
        consumer.seek(topic, PartitionId(8), Offset(0))


async def test_an_offset_that_does_not_exist_falls_back_to_the_start_policy(log: Log) -> None:
    topic = await new_topic(log, 1)
    assert await sent(log.producer(), topic, columns(0, 5, 1)) is None
    consumer = await log.consumer(
        Subscription(
            topics={topic: PING_SHAPE},
            start=StartAt.EARLIEST,
            offsets={(topic, PartitionId(0)): Offset(1_000)},
        )
    )
    assert numbers_by_partition(await read_fixed(consumer, 5)) == {0: list(range(5))}


async def test_a_poll_without_news_returns_empty_after_its_wait(log: Log) -> None:
    topic = await new_topic(log, 2)
    consumer = await log.consumer(everything(topic))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert list(await consumer.poll()) == []
    assert loop.time() - begun < 1.0


async def test_lag_is_what_is_not_read_yet(log: Log) -> None:
    topic = await new_topic(log, 1)
    producer = log.producer()
    assert await sent(producer, topic, columns(0, 10, 1)) is None
    consumer = await log.consumer(everything(topic, PING_SHAPE))
    await read_fixed(consumer, 10)
    async with asyncio.timeout(WITHIN_S):
        while consumer.lag() != {(topic, 0): 0}:
            await consumer.poll()
    assert consumer.positions() == {(topic, 0): 10}


async def test_a_group_goes_on_from_what_it_committed(log: Log) -> None:
    topic = await new_topic(log, 3)
    group = f"g-{uuid.uuid4().hex[:8]}"
    producer = log.producer()
    assert await sent(producer, topic, columns(0, 60, 3)) is None
    subscription = Subscription(topics={topic: PING_SHAPE}, group=group, start=StartAt.EARLIEST)
    first = await log.consumer(subscription)
    await read_fixed(first, 60)
    await first.commit()
    await first.close()
    assert await sent(producer, topic, columns(60, 30, 3)) is None

    second = await log.consumer(subscription)
    found = numbers_by_partition(await read_fixed(second, 30))

    assert all_numbers(found) == list(range(60, 90))
    committed = await log.admin.committed(group, [topic])
    assert sum(committed.values()) == 60
    with pytest.raises(LogError, match="group"):
        await (await log.consumer(everything(topic))).commit()


async def test_members_of_a_group_share_the_partitions_and_take_over(log: Log) -> None:
    topic = await new_topic(log, 4)
    subscription = Subscription(
        topics={topic: PING_SHAPE}, group=f"g-{uuid.uuid4().hex[:8]}", start=StartAt.EARLIEST
    )
    producer = log.producer()
    first = await log.consumer(subscription)
    await polled_until([first], lambda: len(first.positions()) == 4)
    second = await log.consumer(subscription)
    await polled_until(
        [first, second], lambda: len(first.positions()) == len(second.positions()) == 2
    )
    assert not set(first.positions()) & set(second.positions())

    await second.close()
    await polled_until([first], lambda: len(first.positions()) == 4)
    assert await sent(producer, topic, columns(0, 40, 4)) is None
    found = numbers_by_partition(await read_fixed(first, 40))
    assert all_numbers(found) == list(range(40))


async def test_who_comes_back_under_its_name_has_its_partitions_and_shuts_out_the_older(
    log: Log,
) -> None:
    topic = await new_topic(log, 4)
    subscription = Subscription(
        topics={topic: PING_SHAPE},
        group=f"g-{uuid.uuid4().hex[:8]}",
        instance="reader-0",
        start=StartAt.EARLIEST,
    )
    first = await log.consumer(subscription)
    await polled_until([first], lambda: len(first.positions()) == 4)

    second = await log.consumer(subscription)
    await polled_until([second], lambda: len(second.positions()) == 4)
    assert await sent(log.producer(), topic, columns(0, 40, 4)) is None
    assert all_numbers(numbers_by_partition(await read_fixed(second, 40))) == list(range(40))
    with pytest.raises(LogError, match=r"(?i)fenced"):
        await polled_until([first], lambda: False)


async def test_topics_are_made_once_and_their_ends_are_known(log: Log) -> None:
    topic = await new_topic(log, 5)
    await log.admin.ensure_topics([TopicSpec(name=topic, partitions=9)])
    assert await log.admin.partition_count(topic) == 5
    assert await sent(log.producer(), topic, columns(0, 100, 5)) is None
    assert sum((await log.admin.end_offsets([topic])).values()) == 100
    assert sum((await log.admin.start_offsets([topic])).values()) == 0
    with pytest.raises(LogError, match="does not exist"):
        await log.admin.partition_count(TopicName("no-such-topic"))
    with pytest.raises(LogError, match="does not exist"):
        await log.consumer(everything(TopicName("no-such-topic")))


async def test_an_unreachable_broker_is_named(engine: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = LogSettings(
        bootstrap_servers=f"127.0.0.1:{port}", engine=engine, connect_timeout_ms=300
    )
    with pytest.raises(LogError, match=rf"127\.0\.0\.1:{port}") as failure:
        await connect(settings, SystemClock())
    assert failure.value.retriable


@pytest.mark.parametrize("servers", ["", "localhost", "h:notaport", "h:0", "a:9092,,b:9092"])
async def test_an_address_that_is_none_is_refused_at_once(engine: str, servers: str) -> None:
    with pytest.raises(LogError, match="HOST:PORT") as failure:
        await connect(LogSettings(bootstrap_servers=servers, engine=engine), SystemClock())
    assert not failure.value.retriable


async def test_an_engine_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LogError, match="columnar and librdkafka"):
        await connect(LogSettings(engine="carrier-pigeon"), SystemClock())


async def test_what_is_in_flight_at_close_is_told_so(log: Log) -> None:
    topic = await new_topic(log, 1)
    producer = log.producer()
    outcomes = Outcomes()
    producer.send_columns(topic, columns(0, 1, 1), outcomes.of(0))
    await producer.close()
    assert len(outcomes.errors) == 1
    with pytest.raises(LogError, match="closed"):
        producer.send_columns(topic, columns(1, 1, 1), outcomes.of(1))

"""What the log client promises when the broker dies: nothing lost, nothing doubled."""

import asyncio
from pathlib import Path

import pytest

from groundwork.real.clocks import SystemClock
from streamcore.client import connect
from streamcore.client.api import (
    DeliveryFailed,
    LogSettings,
    OutRecord,
)
from tests.support.broker_process import BrokerProcess
from tests.support.log_scene import (
    PING_SHAPE,
    WITHIN_S,
    Outcomes,
    all_numbers,
    columns,
    everything,
    new_topic,
    numbers_by_partition,
    read_fixed,
    room,
    sent,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


async def test_a_killed_broker_loses_nothing_and_doubles_nothing(
    engine: str, tmp_path: Path
) -> None:
    """Sends go on while the broker is killed twice: each record is in the log exactly once."""
    with BrokerProcess(tmp_path / "data") as process:
        settings = LogSettings(bootstrap_servers=process.address, engine=engine)
        log = await connect(settings, SystemClock())
        try:
            topic = await new_topic(log, 4)
            producer = log.producer()
            consumer = await log.consumer(everything(topic, PING_SHAPE))
            outcomes = Outcomes()
            for number in range(120):
                await room(producer)
                producer.send_columns(topic, columns(number * 50, 50, 4), outcomes.of(number))
                if number in (40, 80):
                    process.kill()
                    process.start()
            await asyncio.wait_for(producer.flush(), 2 * WITHIN_S)

            found = numbers_by_partition(await read_fixed(consumer, 6_000))

            assert outcomes.errors == []
            assert outcomes.numbers == list(range(120))
            assert all_numbers(found) == list(range(6_000))
            assert all(numbers == sorted(numbers) for numbers in found.values())
            assert sum((await log.admin.end_offsets([topic])).values()) == 6_000
        finally:
            await log.close()


async def test_a_send_that_is_never_acknowledged_fails_and_takes_the_later_ones_along(
    engine: str, tmp_path: Path
) -> None:
    with BrokerProcess(tmp_path / "data") as process:
        settings = LogSettings(
            bootstrap_servers=process.address,
            engine=engine,
            delivery_timeout_ms=1_500,
            request_timeout_ms=1_000,
        )
        log = await connect(settings, SystemClock())
        try:
            topic = await new_topic(log, 2)
            producer = log.producer()
            assert await sent(producer, topic, columns(0, 10, 2)) is None
            process.kill()
            outcomes = Outcomes()
            for number in range(3):
                producer.send_columns(topic, columns(10 + number, 1, 2), outcomes.of(number))
            await asyncio.wait_for(producer.flush(), WITHIN_S)
            assert outcomes.numbers == [0, 1, 2]
            assert [type(error) for error in outcomes.errors] == 3 * [DeliveryFailed]

            process.start()
            await producer.append(topic, [OutRecord(key=b"after", value=b"")])
        finally:
            await log.close()

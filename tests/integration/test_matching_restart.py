"""Matching killed in the middle of rides, against a real broker and a real Valkey."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from groundwork.real.clocks import SystemClock
from rideflow.contracts.rides import CommandKind, RideEvent, RideFact
from rideflow.contracts.topics import ALL_TOPICS
from streamcore.client import connect
from streamcore.client.api import (
    Log,
    LogSettings,
    OutRecord,
    RecordBatch,
    StartAt,
    Subscription,
    TopicName,
    TopicSpec,
)
from tests.support.broker_process import BrokerProcess
from tests.support.eventually import eventually
from tests.support.frames import at, position_frame
from tests.support.rides import command, double_assignments
from tests.support.tiny_city import junction, tiny_city
from tests.support.valkey_process import ValkeyProcess

pytestmark = pytest.mark.integration
RIDES = 6
SUBSCRIPTION = Subscription(topics={TopicName("ride.events"): None}, start=StartAt.EARLIEST)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with BrokerProcess(tmp_path / "log") as process:
        yield process.address


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def log(broker: str) -> AsyncIterator[Log]:
    connected = await connect(LogSettings(bootstrap_servers=broker), SystemClock())
    await connected.admin.ensure_topics(
        [TopicSpec(name=TopicName(t.name), partitions=t.partitions) for t in ALL_TOPICS]
    )
    yield connected
    await connected.close()


@contextmanager
def matcher(broker: str, redis_url: str, city: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ("--bootstrap-servers", broker, "--redis-url", redis_url, "--city-dir", str(city))
    with subprocess.Popen(
        [sys.executable, "-m", "hailstream", "matching", *arguments], env=os.environ
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Town:
    """Drivers who are always seen, and who take every offer unless told to keep silent."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._producer = log.producer()
        self.facts: list[RideFact] = []
        self.answers = True

    async def ask(self) -> None:
        for number in range(RIDES):
            await self._wish(CommandKind.REQUEST, f"r{number}")

    async def live(self, until: RideEvent, count: int) -> None:
        """Go on until so many facts of an event are in the log."""
        consumer = await self._log.consumer(SUBSCRIPTION)
        self.facts = []
        try:
            while sum(fact.event is until for fact in self.facts) < count:
                await self._show_drivers()
                for batch in await consumer.poll():
                    assert isinstance(batch, RecordBatch)
                    for record in batch.records:
                        await self._hear(msgspec.json.decode(record.value or b"", type=RideFact))
        finally:
            await consumer.close()

    async def _hear(self, fact: RideFact) -> None:
        self.facts.append(fact)
        if fact.event is RideEvent.OFFER_SENT and self.answers:
            await self._wish(CommandKind.ACCEPT, fact.ride, driver=fact.driver, offer=fact.offer)

    async def _wish(self, kind: CommandKind, ride: str, **fields: object) -> None:
        wish = command(kind, ride, at_ms=SystemClock().now_ms(), **fields)
        record = OutRecord(key=ride.encode(), value=msgspec.json.encode(wish))
        await self._producer.append(TopicName("ride.commands"), [record])

    async def _show_drivers(self) -> None:
        places = [at(junction(column, row)) for column in range(4) for row in range(3)]
        frame = position_frame(*places, fix_ms=SystemClock().now_ms())
        record = OutRecord(key=b"861f25607ffffff", value=frame)
        await self._producer.append(TopicName("driver.positions"), [record])


async def test_a_killed_matcher_goes_on_and_doubles_nothing(
    broker: str, valkey: ValkeyProcess, log: Log, tmp_path: Path
) -> None:
    tiny_city(tmp_path / "city")
    await eventually(lambda: valkey.is_listening)
    town = Town(log)
    await town.ask()
    town.answers = False
    with matcher(broker, valkey.url, tmp_path / "city") as process:
        await town.live(RideEvent.OFFER_SENT, RIDES)
        process.send_signal(signal.SIGKILL)
        process.wait()
    town.answers = True
    with matcher(broker, valkey.url, tmp_path / "city") as process:
        await town.live(RideEvent.OFFER_ACCEPTED, RIDES)
        process.terminate()
        assert process.wait(timeout=5) == 0
    assert double_assignments(town.facts) == []
    assert sum(fact.event is RideEvent.REQUEST_MADE for fact in town.facts) == RIDES

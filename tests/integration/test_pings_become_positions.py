"""Broker, gateway and positions as processes: a fleet's pings come out as positions, once each,
also when the broker is killed on the way."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from groundwork.real.clocks import SystemClock
from rideflow.columns.arrays import Rows
from rideflow.columns.position_frames import read_frame
from rideflow.contracts.driver_socket import ACK
from rideflow.contracts.pings import PING
from streamcore.client import connect
from streamcore.client.api import (
    FixedBatch,
    LogSettings,
    RecordBatch,
    Shape,
    StartAt,
    Subscription,
    TopicName,
)
from tests.support.broker_process import BrokerProcess
from tests.support.gateway_scene import SECRET, pings_of

pytestmark = pytest.mark.integration

DRIVERS = 200
START_WITHIN_S = 20.0


@contextmanager
def service(name: str, broker: str, journal: Path, *more: str) -> Iterator[str]:
    """Run a service; yield its address where it tells one, else an empty string."""
    command = [sys.executable, "-m", "hailstream", name, "--bootstrap-servers", broker, *more]
    environment = os.environ | {"HAILSTREAM_TOKEN_SECRET": SECRET}
    with journal.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        yield _address(journal, process) if more else ""
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0, journal.read_text()


def _address(journal: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline_s = time.monotonic() + START_WITHIN_S  # noqa: TID251  # waits for a real process
    while process.poll() is None and time.monotonic() < deadline_s:  # noqa: TID251
        for line in journal.read_text().splitlines():
            if line.startswith("ready http://"):
                return line.split()[1]
        time.sleep(0.05)
    raise AssertionError(f"not ready: {journal.read_text()}")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path / "data")
    process.start()
    yield process
    process.stop()


@asynccontextmanager
async def fleet_socket(url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
    """A fleet of all drivers, let in."""
    async with aiohttp.ClientSession() as session:
        ask = {"role": "fleet", "sub": "f1", "drivers": [[1, DRIVERS]]}
        async with session.post(f"{url}/v1/tokens", json=ask) as reply:
            token = (await reply.json())["token"]
        async with session.ws_connect(f"{url}/v1/fleets/f1/stream") as socket:
            await socket.send_json({"type": "hello", "token": token})
            assert (await socket.receive_json())["type"] == "welcome"
            yield socket


async def acknowledged(socket: aiohttp.ClientWebSocketResponse[bool], pings: int) -> None:
    """Return once so many pings are acknowledged since the socket opened."""
    async with asyncio.timeout(30):
        while True:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.BINARY, message
            if ACK.unpack(message.data)[4] >= pings:
                return


async def positions_reads(broker: str) -> None:
    """Return once positions has its partitions: it commits where it stands every second."""
    log = await connect(LogSettings(bootstrap_servers=broker), SystemClock())
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while not await log.admin.committed(  # noqa: ASYNC110  # another process tells no event
                "positions", [TopicName("driver.pings")]
            ):
                await asyncio.sleep(0.1)
    finally:
        await log.close()


async def positions_of(broker: str, count: int) -> Rows:
    """The first `count` positions in the log."""
    log = await connect(LogSettings(bootstrap_servers=broker), SystemClock())
    topic = TopicName("driver.positions")
    consumer = await log.consumer(Subscription(topics={topic: None}, start=StartAt.EARLIEST))
    parts: list[Rows] = []
    try:
        async with asyncio.timeout(30):
            while sum(map(len, parts)) < count:
                for batch in await consumer.poll():
                    assert isinstance(batch, RecordBatch)
                    parts += [read_frame(record.value or b"")[1] for record in batch.records]
    finally:
        await consumer.close()
        await log.close()
    return np.concatenate(parts)


async def pings_in_log(broker: str) -> Rows:
    """All of driver.pings as it is now."""
    log = await connect(LogSettings(bootstrap_servers=broker), SystemClock())
    topic = TopicName("driver.pings")
    shape = Shape(key_width=10, value_width=40)
    consumer = await log.consumer(Subscription(topics={topic: shape}, start=StartAt.EARLIEST))
    ends = await log.admin.end_offsets([topic])
    parts: list[Rows] = [np.zeros(0, PING)]
    try:
        async with asyncio.timeout(30):
            while any(consumer.positions().get(place, 0) < end for place, end in ends.items()):
                for batch in await consumer.poll():
                    assert isinstance(batch, FixedBatch)
                    parts.append(np.ascontiguousarray(batch.values).reshape(-1).view(PING))
    finally:
        await consumer.close()
        await log.close()
    return np.concatenate(parts)


async def test_pings_become_positions_through_a_killed_broker(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    port = ("--port", "0", "--demo", "--web-dir", "")
    with (
        service("gateway", broker.address, tmp_path / "gateway.txt", *port) as url,
        service("positions", broker.address, tmp_path / "positions.txt"),
    ):
        await positions_reads(broker.address)
        async with fleet_socket(url) as socket:
            rounds = 40
            for sequence in range(1, rounds + 1):
                if sequence == rounds // 2:
                    broker.kill()
                    await asyncio.to_thread(broker.start)
                pings = pings_of(*range(1, DRIVERS + 1), sequence=sequence)
                await socket.send_bytes(pings.tobytes())
                await asyncio.sleep(0.02)
            await acknowledged(socket, rounds * DRIVERS)

        logged = await pings_in_log(broker.address)
        pairs = {(int(row["driver"]), int(row["sequence"])) for row in logged}
        assert len(logged) == len(pairs) == rounds * DRIVERS

        shown = await positions_of(broker.address, DRIVERS)
        assert len(np.unique(shown["driver"])) == DRIVERS

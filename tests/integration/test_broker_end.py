"""How a broker ends: what it has taken is answered, and nobody keeps it from ending."""

import asyncio
import random
import socket
from struct import pack

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.server import Broker
from streamcore.broker.settings import FlushAcks
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.wire.api_keys import ApiKey
from tests.support.eventually import eventually
from tests.support.kio_peer import request_bytes, response_of
from tests.support.simulated_broker import assembled, batch_of, simulated_broker

pytestmark = pytest.mark.integration


def frame(api: ApiKey, version: int, body: bytes) -> bytes:
    head = pack(">hhih", api, version, 1, 2) + b"me"
    return pack(">i", len(head + body)) + head + body


def produce_frame(value: bytes) -> bytes:
    records = {"index": 0, "records": batch_of(value)}
    topics = [{"name": "t", "partition_data": [records]}]
    return frame(ApiKey.PRODUCE, 7, request_bytes(ApiKey.PRODUCE, 7, acks=-1, topic_data=topics))


async def test_a_produce_request_that_waits_for_its_sync_is_answered_at_the_end() -> None:
    disk = SimulatedDirectory()
    services = assembled(disk, listen_port=0, flush_acks=FlushAcks.WAIT)
    replica = services.topics.create("t", partition_count=1, configs={}).replicas[0]
    broker = Broker(services)
    reader, writer = await asyncio.open_connection("127.0.0.1", await broker.listen())
    writer.write(produce_frame(b"x"))
    await eventually(lambda: replica.high_watermark == 1)
    await broker.close()
    answer = await reader.read()
    result = response_of(ApiKey.PRODUCE, 7, answer[8:]).responses[0].partition_responses[0]
    assert (result.error_code.name, result.base_offset) == ("none", 0)
    writer.close()
    disk.crash(random.Random(1))
    async with simulated_broker(disk) as again:
        assert again.topics.replicas()[0].high_watermark == 1


async def test_requests_that_come_after_the_end_began_are_not_taken() -> None:
    services = assembled(listen_port=0)
    replica = services.topics.create("t", partition_count=1, configs={}).replicas[0]
    broker = Broker(services)
    reader, writer = await asyncio.open_connection("127.0.0.1", await broker.listen())
    writer.write(produce_frame(b"x"))
    await reader.readexactly(8)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(broker.close())
        await asyncio.sleep(0)
        writer.write(produce_frame(b"too late"))
    assert replica.high_watermark == 1
    writer.close()


async def test_connections_that_drop_at_the_end_change_no_group() -> None:
    clock = VirtualClock()
    services = assembled(clock=clock, listen_port=0, group_initial_rebalance_delay_ms=1_000)
    broker = Broker(services)
    _, writer = await asyncio.open_connection("127.0.0.1", await broker.listen())
    body = request_bytes(
        ApiKey.JOIN_GROUP,
        3,
        group_id="g",
        session_timeout=10_000,
        rebalance_timeout=10_000,
        protocol_type="consumer",
        protocols=[{"name": "range", "metadata": b"m"}],
    )
    writer.write(frame(ApiKey.JOIN_GROUP, 3, body))
    await eventually(lambda: bool(services.groups.coordinator.group_ids()))
    clock.advance(1_000)  # without it, the group would not come to rest by losing its member
    await broker.close()
    assert services.topics.find(OFFSETS_TOPIC) is None
    writer.close()


async def test_a_peer_that_reads_nothing_does_not_keep_a_broker_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    services = assembled(listen_port=0, shutdown_timeout_ms=50)
    replica = services.topics.create("t", partition_count=1, configs={}).replicas[0]
    broker = Broker(services)
    port = await broker.listen()
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.setblocking(False)
        for _ in range(20):
            services.appends.stage(replica, memoryview(bytearray(batch_of(b"x" * 1_000_000))))
        services.appends.flush()
        partition = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 50 << 20}
        body = request_bytes(
            ApiKey.FETCH, 11, max_bytes=50 << 20, topics=[{"topic": "t", "partitions": [partition]}]
        )
        await asyncio.get_running_loop().sock_sendall(deaf, frame(ApiKey.FETCH, 11, body))
        await asyncio.get_running_loop().sock_recv(deaf, 1)
        async with asyncio.timeout(5):
            await broker.close()
    assert "1 connections did not take their answers" in caplog.text

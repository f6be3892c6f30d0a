"""The handlers of groups and committed offsets, and the log behind them, on a simulated disk."""

import asyncio
import random
from typing import Any

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.handlers.registry import PendingReply
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import FlushAcks
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.record.places import Offset
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from streamcore.wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from streamcore.wire.messages.join_group import (
    JoinGroupResponse,
)
from tests.support.group_questions import (
    SESSION_MS,
    commit,
    committed,
    committing,
    enter,
    joining,
    make_topic,
)
from tests.support.kio_peer import request_bytes
from tests.support.simulated_broker import answered, ask, call, simulated_broker


@pytest.mark.parametrize("seed", range(20))
async def test_acknowledged_and_synced_commits_survive_a_crash(seed: int) -> None:
    rng, disk = random.Random(seed), SimulatedDirectory()
    async with simulated_broker(disk) as services:
        make_topic(services)
        for offset in range(rng.randint(1, 20)):
            assert await commit(services, offset, group=f"g{offset % 3}") == {0}
        await services.durability.sync(checkpoint=rng.random() < 0.5)
        before = {group: await committed(services, group=group) for group in ("g0", "g1", "g2")}
        await commit(services, 1000)
        disk.crash(rng)
    async with simulated_broker(disk) as services:
        after = {group: await committed(services, group=group) for group in before}
        assert after == before
        assert await committed(services) in ({}, {0: (1000, "m1000")})


async def test_a_member_goes_on_after_a_restart_of_the_broker() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        member_id = await enter(services)
    async with simulated_broker(disk) as services:
        answer = await call(
            services,
            ApiKey.JOIN_GROUP,
            2,
            joining(member_id=member_id),
            JoinGroupResponse,
        )
    assert (answer.error_code, answer.generation_id) == (0, 2)


async def test_a_commit_that_a_full_disk_refuses_is_told_and_not_kept() -> None:
    disk = SimulatedDirectory(room_bytes=100_000)
    async with simulated_broker(disk) as services:
        make_topic(services)
        assert await commit(services, 1) == {0}
        taken = disk.take_room(1 << 30)
        assert await commit(services, 2) == {ErrorCode.COORDINATOR_NOT_AVAILABLE}
        assert (await committed(services))[0] == (1, "m1")
        disk.give_room(taken)
        assert await commit(services, 3) == {0}


async def delete_groups(services: BrokerServices, *, group: str = "g") -> list[int]:
    request = DeleteGroupsRequest(groups_names=(group,))
    answer = await call(services, ApiKey.DELETE_GROUPS, 2, request, DeleteGroupsResponse)
    return [result.error_code for result in answer.results]


async def test_a_deletion_that_a_full_disk_refuses_is_told_and_nothing_is_deleted() -> None:
    disk = SimulatedDirectory(room_bytes=100_000)
    async with simulated_broker(disk) as services:
        make_topic(services)
        await commit(services, 1)
        taken = disk.take_room(1 << 30)
        assert await delete_groups(services) == [ErrorCode.COORDINATOR_NOT_AVAILABLE]
        assert await committed(services) == {0: (1, "m1")}
        disk.give_room(taken)
        assert await delete_groups(services) == [ErrorCode.NONE]
        assert await committed(services) == {}


async def test_a_deletion_is_answered_when_it_is_in_the_log() -> None:
    async with simulated_broker(flush_acks=FlushAcks.WAIT) as services:
        make_topic(services)
        body = encode(DeleteGroupsRequest(groups_names=("g",)), 2)
        ask(services, ApiKey.OFFSET_COMMIT, 8, encode(committing(1), 8))
        services.appends.flush()
        await services.durability.sync(checkpoint=False)
        reply = ask(services, ApiKey.DELETE_GROUPS, 2, body)
        assert isinstance(reply, PendingReply)
        services.appends.flush()
        assert reply.body is None, "the disk has not got it"
        await services.durability.sync(checkpoint=False)
        assert reply.body is not None
        assert await committed(services) == {}


async def test_a_topic_made_anew_has_no_committed_offsets() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        make_topic(services)
        await commit(services, 5, 6)
        await commit(services, 7, group="other")
        deletion = request_bytes(ApiKey.DELETE_TOPICS, 1, topic_names=["pings"])
        reply = ask(services, ApiKey.DELETE_TOPICS, 1, deletion)
        make_topic(services)  # by somebody else, before the deletion is even answered
        assert await committed(services) == {}
        await answered(reply)
        assert await committed(services, group="other") == {}
        disk.crash(random.Random(1))
    async with simulated_broker(disk) as services:
        assert await committed(services) == {}


async def test_a_commit_that_is_under_way_goes_with_its_topic() -> None:
    async with simulated_broker(flush_acks=FlushAcks.WAIT) as services:
        make_topic(services)
        under_way = ask(services, ApiKey.OFFSET_COMMIT, 8, encode(committing(5), 8))
        services.appends.flush()
        deletion = request_bytes(ApiKey.DELETE_TOPICS, 1, topic_names=["pings"])
        ask(services, ApiKey.DELETE_TOPICS, 1, deletion)
        make_topic(services)
        services.appends.flush()
        await services.durability.sync(checkpoint=False)
        assert await answered(under_way)
        assert await committed(services) == {}


async def test_offsets_of_a_topic_that_went_just_before_a_crash_go_at_the_start() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        make_topic(services)
        await commit(services, 5)
        services.topics.delete(services.topics.all()[1])  # and no tombstone
    for _ in range(2):
        async with simulated_broker(disk) as services:
            assert await committed(services) == {}
            if services.topics.find("pings") is None:
                make_topic(services)


@pytest.mark.parametrize("at_byte", [70, 9, 3], ids=["records", "length", "base-offset"])
async def test_a_damaged_batch_of_the_offsets_topic_does_not_keep_a_broker_from_starting(
    at_byte: int, caplog: pytest.LogCaptureFixture
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk, offsets_topic_num_partitions=1) as services:
        make_topic(services)
        for group in ("one", "two", "three"):
            await commit(services, 5, group=group)
        log = next(r.log for r in services.topics.replicas() if r.key.topic == OFFSETS_TOPIC)
        second, _ = log.active.find(Offset(1))
        path = log.active.path
    disk.file(path).flip_bit(second + at_byte, 6)
    async with simulated_broker(disk, offsets_topic_num_partitions=1) as services:
        assert await committed(services, group="one") == {0: (5, "m5")}
        if at_byte == 70:
            assert await committed(services, group="three") == {0: (5, "m5")}
        assert await commit(services, 6, group="two") == {0}
    assert OFFSETS_TOPIC in caplog.text


async def test_the_offsets_topic_is_compacted_and_groups_are_read_back_from_it() -> None:
    disk = SimulatedDirectory()
    settings: dict[str, Any] = {"offsets_topic_num_partitions": 1}
    async with simulated_broker(disk, **settings) as services:
        make_topic(services)
        await commit(services, 7, group="old")
        await commit(services, 8, group="gone")
        for offset in range(300):
            await commit(services, offset, offset, offset)
        assert await delete_groups(services, group="gone") == [ErrorCode.NONE]
        (replica,) = services.topics.replicas()[-1:]
        assert replica.key.topic == OFFSETS_TOPIC
        replica.log.roll(now_ms=services.clock.now_ms())
        held = replica.log.bytes_held
        assert await services.cleaner.clean_what_is_due() == 1
        assert replica.log.bytes_held < held / 20
        disk.crash(random.Random(1))
    async with simulated_broker(disk, **settings) as services:
        assert await committed(services, group="old") == {0: (7, "m7")}
        assert (await committed(services))[2] == (299, "m299")
        assert await committed(services, group="gone") == {}


async def test_time_ends_a_silent_members_session() -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock) as services, asyncio.TaskGroup() as tasks:
        await enter(services)
        work = tasks.create_task(services.groups.run())
        await asyncio.sleep(0)
        clock.advance(SESSION_MS)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answer = await call(
            services,
            ApiKey.DESCRIBE_GROUPS,
            5,
            DescribeGroupsRequest(groups=("g",)),
            DescribeGroupsResponse,
        )
        work.cancel()
    assert answer.groups[0].group_state == "Empty"


async def test_a_join_whose_connection_goes_is_forgotten() -> None:
    async with simulated_broker() as services:
        await enter(services)
        reply = ask(services, ApiKey.JOIN_GROUP, 1, encode(joining(), 1))
        assert isinstance(reply, PendingReply)
        assert reply.body is None
        reply.abandon()
        group = services.groups.coordinator.find(
            next(iter(services.groups.coordinator.group_ids()))
        )
        assert group is not None
        assert len(group.roster) == 1

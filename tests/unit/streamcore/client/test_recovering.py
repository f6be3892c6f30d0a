"""Producers and group members when the cluster does what it should not: in virtual time."""

import asyncio
import random
from typing import Any, cast

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.client.api import (
    DeliveryFailed,
    LogError,
    LogSettings,
    OutRecord,
    PartitionId,
    Subscription,
    TopicName,
)
from streamcore.client.columnar.assigning import encode_assignment
from streamcore.client.columnar.cluster import Cluster
from streamcore.client.columnar.connection import Address, BrokerConnection
from streamcore.client.columnar.coordinator import GroupCoordinator
from streamcore.client.columnar.group_member import HEARTBEAT_MS, GroupMember
from streamcore.client.columnar.nodes import NodeConnections
from streamcore.client.columnar.producer import ColumnarProducer
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.init_producer_id import InitProducerIdResponse
from streamcore.wire.messages.join_group import JoinGroupResponse
from streamcore.wire.messages.metadata import (
    DescribedPartition,
    DescribedTopic,
    MetadataBroker,
    MetadataResponse,
)
from streamcore.wire.messages.sync_group import SyncGroupResponse

TOPIC = TopicName("t")
DELIVERY_MS = 5_000


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Leader:
    """A connection that takes requests and answers none."""

    is_live = True

    def __init__(self) -> None:
        self.asked: list[ApiKey] = []

    def ask(self, key: ApiKey, *_: object, **__: object) -> None:
        self.asked.append(key)


class Scene:
    """A cluster of one broker whose answers the test gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = VirtualClock()
        self.ids_given = 0
        self.topic_error = ErrorCode.NONE
        self.reachable = asyncio.Event()
        self.leader = Leader()
        settings = LogSettings(delivery_timeout_ms=DELIVERY_MS)
        self.cluster = Cluster(settings, self.clock, random.Random(1))
        monkeypatch.setattr(Cluster, "ask_any", self.ask_any)
        monkeypatch.setattr(NodeConnections, "open", self.open)
        monkeypatch.setattr(NodeConnections, "live", lambda *_: self.live())

    def live(self) -> BrokerConnection | None:
        return cast(BrokerConnection, self.leader) if self.reachable.is_set() else None

    async def open(self, address: Address) -> BrokerConnection:
        await self.reachable.wait()
        return cast(BrokerConnection, self.leader)

    async def ask_any(self, key: ApiKey, request: Message, answer: type[Message]) -> Message:
        if key is ApiKey.INIT_PRODUCER_ID:
            self.ids_given += 1
            return InitProducerIdResponse(
                throttle_time_ms=0, error_code=0, producer_id=self.ids_given, producer_epoch=0
            )
        partition = DescribedPartition(
            error_code=0, partition_index=0, leader_id=1, replica_nodes=(1,), isr_nodes=(1,)
        )
        names = [topic.name for topic in cast(Any, request).topics]
        return MetadataResponse(
            throttle_time_ms=0,
            brokers=(MetadataBroker(node_id=1, host="h", port=1),),
            cluster_id=None,
            controller_id=1,
            topics=tuple(
                DescribedTopic(
                    error_code=self.topic_error,
                    name=name,
                    is_internal=False,
                    partitions=(partition,),
                )
                for name in names
            ),
        )


def send(producer: ColumnarProducer) -> list[LogError | None]:
    """Send a record; return where its outcome will be."""
    outcome: list[LogError | None] = []
    producer.send_records(TOPIC, [OutRecord(key=b"k", value=b"v")], outcome.append)
    return outcome


async def test_a_producer_that_gives_up_while_it_connects_takes_a_new_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    producer = ColumnarProducer(scene.cluster)
    await turns()
    outcome = send(producer)
    await turns()
    scene.clock.advance(DELIVERY_MS)
    producer.on_tick(scene.clock.monotonic_ms())
    assert isinstance(outcome[0], DeliveryFailed)
    scene.reachable.set()
    await turns()
    send(producer)
    await turns()
    assert scene.leader.asked == [ApiKey.PRODUCE]
    assert scene.ids_given == 2
    await producer.close()


async def test_a_topic_that_the_cluster_refuses_for_good_fails_the_send_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    scene.topic_error = ErrorCode.INVALID_TOPIC_EXCEPTION
    producer = ColumnarProducer(scene.cluster)
    await turns()
    outcome = send(producer)
    await turns()
    assert [str(error) for error in outcome] == ["topic 't': INVALID_TOPIC_EXCEPTION"]
    await producer.close()


async def test_an_assignment_that_a_rebalance_has_overtaken_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    never = asyncio.Event()
    joins: list[str] = []

    async def join(coordinator: GroupCoordinator, membership: Any, _: object) -> JoinGroupResponse:
        joins.append(membership.member_id)
        if len(joins) > 1:
            await never.wait()
        return JoinGroupResponse(
            generation_id=1, protocol_name="range", leader="other", member_id="me"
        )

    async def sync(*_: object) -> SyncGroupResponse:
        return SyncGroupResponse(assignment=encode_assignment([(TOPIC, PartitionId(0))]))

    async def committed(*_: object) -> dict[object, object]:
        return {}

    async def heartbeat(*_: object) -> int:
        return ErrorCode.REBALANCE_IN_PROGRESS

    async def leave(*_: object) -> None: ...

    for call in (join, sync, committed, heartbeat, leave):
        monkeypatch.setattr(GroupCoordinator, call.__name__, call)
    member = GroupMember(scene.cluster, Subscription(topics={TOPIC: None}, group="g"))
    member.start(lambda: None)
    await turns()
    scene.clock.advance(HEARTBEAT_MS)  # the caller has not polled yet
    await turns()
    assert member.must_rejoin
    member.rejoin()
    assert member.take_assignment() is None
    await turns()
    assert joins == ["", "me"]
    await member.close()

"""aiokafka: the asyncio client, with the lowest API versions that are still in use.

Its loop runs on a thread of its own, so that heartbeats go on between the suite's calls.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from tests.support.clients.protocol import (
    Cluster,
    Committed,
    GroupView,
    Read,
    Refused,
    Security,
    Sent,
)
from tests.support.clients.python_records import CALL_S, POLL_MS, error_name, reads, security_of

Result = TypeVar("Result")
BYTES_MAX = 50_000_000


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn aiokafka's errors into ours."""
    try:
        yield
    except KafkaError as error:
        name = error_name(getattr(error, "errno", None))
        raise Refused(name, f"{type(error).__name__}: {error}") from None


class LoopThread:
    """An event loop that runs on its own thread as long as the program does."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        with refusals():
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class AioKafkaClient:
    """A `Client`."""

    def __init__(self, address: str, security: Security | None = None) -> None:
        self._common: dict[str, Any] = {
            "bootstrap_servers": address,
            "metadata_max_age_ms": 1000,
            **security_of(security or Security()),
        }
        if authority := self._common.pop("ssl_cafile", ""):
            self._common["ssl_context"] = ssl.create_default_context(cafile=authority)
        self._loop = LoopThread()

    def _ask(self, call: str, *arguments: Any) -> Any:
        return self._loop.run(self._administrate(call, *arguments))

    async def _administrate(self, call: str, *arguments: Any) -> Any:
        admin = AIOKafkaAdminClient(**self._common)
        await admin.start()
        try:
            return await getattr(admin, call)(*arguments)
        finally:
            await admin.close()

    def create_topic(
        self, topic: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> None:
        new = NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))
        _all_ok(self._ask("create_topics", [new]).topic_errors)

    def delete_topic(self, topic: str) -> None:
        _all_ok(self._ask("delete_topics", [topic]).topic_error_codes)

    def partition_count(self, topic: str) -> int:
        if topic not in self._ask("list_topics"):
            return 0
        (described,) = self._ask("describe_topics", [topic])
        return len(described["partitions"])

    def add_partitions(self, topic: str, total: int) -> None:
        _all_ok(self._ask("create_partitions", {topic: NewPartitions(total)}).topic_errors)

    def cluster(self) -> Cluster:
        told = self._ask("describe_cluster")
        return Cluster(
            cluster_id=told["cluster_id"],
            controller=told["controller_id"],
            brokers=tuple(f"{node['host']}:{node['port']}" for node in told["brokers"]),
        )

    def configs(self, topic: str) -> dict[str, str]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic)]
        ((resource,),) = (told.resources for told in self._ask("describe_configs", asked))
        return {entry[0]: entry[1] for entry in resource[4] if entry[1] is not None}

    def alter_configs(self, topic: str, changes: Mapping[str, str]) -> None:
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(changes))]
        for told in self._ask("alter_configs", asked):
            for code, why, *_ in told.resources:
                _ok(code, why)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        self._ask("delete_records", {TopicPartition(topic, partition): RecordsToDelete(before)})

    def groups(self) -> list[str]:
        return [group for group, _ in self._ask("list_consumer_groups")]

    def group(self, group: str) -> GroupView:
        ((told,),) = (answer.groups for answer in self._ask("describe_consumer_groups", [group]))
        _ok(told[0], group)
        return GroupView(state=told[2], members=len(told[5]))

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        told = self._ask("list_consumer_group_offsets", group)
        return {
            place.partition: Committed(offset=at.offset, metadata=at.metadata)
            for place, at in told.items()
            if place.topic == topic
        }

    def produce(
        self,
        topic: str,
        records: Sequence[Sent],
        *,
        codec: str = "none",
        acks: int = -1,
        idempotent: bool = False,
        partition: int | None = None,
    ) -> None:
        made = self._loop.run(
            self._producer(
                compression_type=None if codec == "none" else codec,
                acks=acks,
                enable_idempotence=idempotent,
            )
        )
        try:
            self._loop.run(_send(made, topic, records, partition))
        finally:
            self._loop.run(made.stop())

    async def _producer(self, **settings: Any) -> Any:
        limits = {"linger_ms": 5, "max_request_size": BYTES_MAX}
        producer = AIOKafkaProducer(**self._common, **limits, **settings)
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            raise
        return producer

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        return self._loop.run(self._offsets_at(topic, partitions, timestamp_ms))

    async def _offsets_at(
        self, topic: str, partitions: int, timestamp_ms: int
    ) -> dict[int, int | None]:
        async with AIOKafkaConsumer(**self._common) as consumer:
            asked = {TopicPartition(topic, number): timestamp_ms for number in range(partitions)}
            found = await consumer.offsets_for_times(asked)
        return {place.partition: at.offset if at else None for place, at in found.items()}

    def reader(
        self, topic: str, offsets: Mapping[int, int], *, committed_only: bool = False
    ) -> "AioKafkaConsumer":
        reader = AioKafkaConsumer(self._loop, topic)
        self._loop.run(reader.start(**self._common, committed_only=committed_only))
        self._loop.run(reader.assign(offsets))
        return reader

    def member(
        self,
        topic: str,
        group: str,
        *,
        session_timeout_ms: int,
        assignor: str = "range",
        instance_id: str | None = None,
        committed_only: bool = False,
    ) -> "AioKafkaConsumer":
        if assignor != "range":
            raise Refused("CLIENT", f"no {assignor}")
        member = AioKafkaConsumer(self._loop, topic)
        starting = member.start(
            topic,
            **self._common,
            committed_only=committed_only,
            group_id=group,
            group_instance_id=instance_id,
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=300,
        )
        self._loop.run(starting)
        return member

    def producer(self) -> "AioKafkaProducer":
        return AioKafkaProducer(self._loop, self._loop.run(self._producer(enable_idempotence=True)))

    def transactor(self, transactional_id: str) -> "AioKafkaTransactor":
        made = self._loop.run(self._producer(transactional_id=transactional_id))
        return AioKafkaTransactor(self._loop, made)


class AioKafkaConsumer:
    """A `Reader`, or a `Member`."""

    def __init__(self, loop: LoopThread, topic: str) -> None:
        self._loop = loop
        self._topic = topic
        self.consumer: Any = None
        self.group = ""

    async def start(self, *topics: str, committed_only: bool, **settings: Any) -> None:
        self.group = settings.get("group_id", "")
        self.consumer = AIOKafkaConsumer(
            *topics,
            isolation_level="read_committed" if committed_only else "read_uncommitted",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **settings,
        )
        # Joining may have to wait for members that the suite polls later: it goes on meanwhile.
        self._starting = asyncio.get_running_loop().create_task(self.consumer.start())
        if not topics:
            await self._starting

    async def assign(self, offsets: Mapping[int, int]) -> None:
        self.consumer.assign([TopicPartition(self._topic, number) for number in offsets])
        for number, offset in offsets.items():
            self.consumer.seek(TopicPartition(self._topic, number), offset)

    def poll(self) -> list[Read]:
        return self._loop.run(self._poll())

    async def _poll(self) -> list[Read]:
        done, _ = await asyncio.wait([self._starting], timeout=POLL_MS / 1000)
        if not done:
            return []
        await self._starting
        return reads(await self.consumer.getmany(timeout_ms=POLL_MS))

    def seek(self, partition: int, offset: int) -> None:
        self._loop.run(self._seek(partition, offset))

    async def _seek(self, partition: int, offset: int) -> None:
        self.consumer.seek(TopicPartition(self._topic, partition), offset)

    def assigned(self) -> list[int]:
        return [place.partition for place in self.consumer.assignment()]

    def commit(self) -> None:
        self._loop.run(self.consumer.commit())

    def commit_at(self, partition: int, offset: int, metadata: str) -> None:
        place = TopicPartition(self._topic, partition)
        self._loop.run(self.consumer.commit({place: OffsetAndMetadata(offset, metadata)}))

    def close(self) -> None:
        self._loop.run(self.consumer.stop())


class AioKafkaProducer:
    """A `Producer`."""

    def __init__(self, loop: LoopThread, producer: Any) -> None:
        self._loop = loop
        self._producer = producer

    def send(self, topic: str, records: Sequence[Sent]) -> None:
        self._loop.run(_send(self._producer, topic, records, None))

    def close(self) -> None:
        self._loop.run(self._producer.stop())


class AioKafkaTransactor(AioKafkaProducer):
    """A `Transactor`."""

    def begin(self) -> None:
        self._loop.run(self._producer.begin_transaction())

    def send_offsets(
        self, member: AioKafkaConsumer, topic: str, offsets: Mapping[int, int]
    ) -> None:
        places = {TopicPartition(topic, number): offset for number, offset in offsets.items()}
        self._loop.run(self._producer.send_offsets_to_transaction(places, member.group))

    def commit(self) -> None:
        self._loop.run(self._producer.commit_transaction())

    def abort(self) -> None:
        self._loop.run(self._producer.abort_transaction())


async def _send(producer: Any, topic: str, records: Sequence[Sent], partition: int | None) -> None:
    futures = [
        await producer.send(
            topic,
            key=record.key,
            value=record.value,
            timestamp_ms=record.timestamp_ms,
            headers=list(record.headers),
            partition=partition,
        )
        for record in records
    ]
    await asyncio.wait_for(asyncio.gather(*futures), CALL_S)


def _all_ok(results: Sequence[Sequence[Any]]) -> None:
    for name, code, *why in results:
        _ok(code, f"{name}: {why}")


def _ok(code: int, why: str) -> None:
    if code:
        raise Refused(error_name(code), why)

"""Three real Kafka clients behind one small interface, so that one suite holds for all of them.

They share no code: librdkafka is C, kafka-python and aiokafka speak the protocol on their own,
aiokafka with the lowest versions that are still in use.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

SESSION_TIMEOUT_MS = 2_000
HEARTBEAT_MS = 300
POLL_MS = 200
CALL_TIMEOUT_S = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record to produce. `value` None is a tombstone; `timestamp_ms` is unix ms."""

    key: bytes
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A consumed record and its place."""

    partition: int
    offset: int
    sent: Sent


class Member(Protocol):
    """One consumer of a group."""

    def poll(self) -> list[Read]: ...
    def assigned(self) -> set[int]: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...


class Client(Protocol):
    """A client library against one cluster."""

    def create_topic(self, topic: str, *, partitions: int) -> None: ...
    def delete_topic(self, topic: str) -> None: ...
    def partition_count(self, topic: str) -> int:
        """0 where there is no such topic."""
        ...

    def produce(self, topic: str, records: Sequence[Sent], *, codec: str | None = None) -> None:
        """Return when all are acknowledged."""
        ...

    def member(self, topic: str, group: str) -> Member: ...
    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        """The first offset at or after a time, by partition; None where there is none."""
        ...


class ConfluentClient:
    """confluent-kafka, over librdkafka."""

    def __init__(self, address: str) -> None:
        from confluent_kafka.admin import AdminClient

        self._common: dict[str, Any] = {"bootstrap.servers": address, "log_level": 0}
        self._admin: Any = AdminClient(dict(self._common))

    def create_topic(self, topic: str, *, partitions: int) -> None:
        from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # stubs in part

        self._admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(CALL_TIMEOUT_S)

    def delete_topic(self, topic: str) -> None:
        self._admin.delete_topics([topic])[topic].result(CALL_TIMEOUT_S)

    def partition_count(self, topic: str) -> int:
        found = self._admin.list_topics(timeout=CALL_TIMEOUT_S).topics.get(topic)
        return 0 if found is None else len(found.partitions)

    def produce(self, topic: str, records: Sequence[Sent], *, codec: str | None = None) -> None:
        from confluent_kafka import Producer

        failures: list[Any] = []
        producer = Producer(
            {
                **self._common,
                "enable.idempotence": True,
                "compression.type": codec or "none",
                "linger.ms": 5,
            }
        )
        for record in records:
            producer.produce(
                topic,
                key=record.key,
                value=record.value,
                timestamp=record.timestamp_ms,
                headers=list(record.headers),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
        assert producer.flush(CALL_TIMEOUT_S) == 0
        assert not failures, failures

    def member(self, topic: str, group: str) -> Member:
        return _ConfluentMember(self._common, topic, group)

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({**self._common, "group.id": "times"})
        asked = [TopicPartition(topic, number, timestamp_ms) for number in range(partitions)]
        found = consumer.offsets_for_times(asked, timeout=CALL_TIMEOUT_S)
        consumer.close()
        return {place.partition: place.offset if place.offset >= 0 else None for place in found}


class _ConfluentMember:
    def __init__(self, common: dict[str, Any], topic: str, group: str) -> None:
        from confluent_kafka import Consumer

        self._consumer = Consumer(
            {
                **common,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": HEARTBEAT_MS,
            }
        )
        self._consumer.subscribe([topic])

    def poll(self) -> list[Read]:
        messages: list[Any] = self._consumer.consume(1000, POLL_MS / 1000)
        return [
            Read(
                partition=message.partition(),
                offset=message.offset(),
                sent=Sent(
                    key=message.key(),
                    value=message.value(),
                    timestamp_ms=message.timestamp()[1],
                    headers=tuple(message.headers() or ()),
                ),
            )
            for message in messages
            if message.error() is None
        ]

    def assigned(self) -> set[int]:
        return {place.partition for place in self._consumer.assignment()}

    def commit(self) -> None:
        self._consumer.commit(asynchronous=False)

    def close(self) -> None:
        self._consumer.close()


class KafkaPythonClient:
    """kafka-python."""

    def __init__(self, address: str) -> None:
        self._common = {"bootstrap_servers": address}

    def create_topic(self, topic: str, *, partitions: int) -> None:
        from kafka.admin import NewTopic

        admin = self._admin()
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
        admin.close()

    def delete_topic(self, topic: str) -> None:
        admin = self._admin()
        admin.delete_topics([topic])
        admin.close()

    def partition_count(self, topic: str) -> int:
        admin = self._admin()
        count = (
            len(admin.describe_topics([topic])[0]["partitions"])
            if topic in admin.list_topics()
            else 0
        )
        admin.close()
        return count

    def _admin(self) -> Any:
        from kafka import KafkaAdminClient

        return KafkaAdminClient(**self._common)

    def produce(self, topic: str, records: Sequence[Sent], *, codec: str | None = None) -> None:
        from kafka import KafkaProducer

        producer = KafkaProducer(**self._common, compression_type=codec, linger_ms=5)
        futures = [
            producer.send(
                topic,
                key=record.key,
                value=record.value,
                timestamp_ms=record.timestamp_ms,
                headers=list(record.headers),
            )
            for record in records
        ]
        producer.flush(CALL_TIMEOUT_S)
        for future in futures:
            future.get(CALL_TIMEOUT_S)
        producer.close()

    def member(self, topic: str, group: str) -> Member:
        return _KafkaPythonMember(self._common, topic, group)

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(**self._common)
        asked = {TopicPartition(topic, number): timestamp_ms for number in range(partitions)}
        found = consumer.offsets_for_times(asked)
        consumer.close()
        return {place.partition: at.offset if at else None for place, at in found.items()}


class _KafkaPythonMember:
    def __init__(self, common: dict[str, Any], topic: str, group: str) -> None:
        from kafka import KafkaConsumer

        self._consumer = KafkaConsumer(
            topic,
            **common,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
        )

    def poll(self) -> list[Read]:
        return _records(self._consumer.poll(timeout_ms=POLL_MS))

    def assigned(self) -> set[int]:
        return {place.partition for place in self._consumer.assignment()}

    def commit(self) -> None:
        self._consumer.commit()

    def close(self) -> None:
        self._consumer.close()


class AioKafkaClient:
    """aiokafka, on a loop of its own that runs while a call does."""

    def __init__(self, address: str) -> None:
        self._address = address

    def create_topic(self, topic: str, *, partitions: int) -> None:
        from aiokafka.admin import NewTopic

        new = NewTopic(topic, num_partitions=partitions, replication_factor=1)
        asyncio.run(self._administrate("create_topics", [new]))

    def delete_topic(self, topic: str) -> None:
        asyncio.run(self._administrate("delete_topics", [topic]))

    def partition_count(self, topic: str) -> int:
        if topic not in asyncio.run(self._administrate("list_topics")):
            return 0
        (described,) = asyncio.run(self._administrate("describe_topics", [topic]))
        return len(described["partitions"])

    async def _administrate(self, call: str, *arguments: Any) -> Any:
        from aiokafka.admin import AIOKafkaAdminClient

        admin = AIOKafkaAdminClient(bootstrap_servers=self._address)
        await admin.start()
        try:
            return await getattr(admin, call)(*arguments)
        finally:
            await admin.close()

    def produce(self, topic: str, records: Sequence[Sent], *, codec: str | None = None) -> None:
        asyncio.run(self._produce(topic, records, codec))

    async def _produce(self, topic: str, records: Sequence[Sent], codec: str | None) -> None:
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            bootstrap_servers=self._address,
            enable_idempotence=True,
            compression_type=codec,
            linger_ms=5,
        )
        async with producer:
            futures = [
                await producer.send(
                    topic,
                    key=record.key,
                    value=record.value,
                    timestamp_ms=record.timestamp_ms,
                    headers=list(record.headers),
                )
                for record in records
            ]
            await asyncio.wait_for(asyncio.gather(*futures), CALL_TIMEOUT_S)

    def member(self, topic: str, group: str) -> Member:
        return _AioKafkaMember(self._address, topic, group)

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        return asyncio.run(self._offsets_at(topic, partitions, timestamp_ms))

    async def _offsets_at(
        self, topic: str, partitions: int, timestamp_ms: int
    ) -> dict[int, int | None]:
        from aiokafka import AIOKafkaConsumer, TopicPartition

        async with AIOKafkaConsumer(bootstrap_servers=self._address) as consumer:
            asked = {TopicPartition(topic, number): timestamp_ms for number in range(partitions)}
            found = await consumer.offsets_for_times(asked)
        return {place.partition: at.offset if at else None for place, at in found.items()}


class _AioKafkaMember:
    def __init__(self, address: str, topic: str, group: str) -> None:
        self._runner = asyncio.Runner()
        self._consumer = self._runner.run(self._started(address, topic, group))

    async def _started(self, address: str, topic: str, group: str) -> Any:
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=address,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
        )
        # Joining may have to wait for members that only poll later: it goes on while we do.
        self._starting = asyncio.get_running_loop().create_task(consumer.start())
        return consumer

    def poll(self) -> list[Read]:
        return self._runner.run(self._poll())

    async def _poll(self) -> list[Read]:
        done, _ = await asyncio.wait([self._starting], timeout=POLL_MS / 1000)
        if not done:
            return []
        await self._starting
        return _records(await self._consumer.getmany(timeout_ms=POLL_MS))

    def assigned(self) -> set[int]:
        return {place.partition for place in self._consumer.assignment()}

    def commit(self) -> None:
        self._runner.run(self._consumer.commit())

    def close(self) -> None:
        self._runner.run(self._consumer.stop())
        self._runner.close()


def _records(fetched: dict[Any, list[Any]]) -> list[Read]:
    return [
        Read(
            partition=record.partition,
            offset=record.offset,
            sent=Sent(
                key=record.key,
                value=record.value,
                timestamp_ms=record.timestamp,
                headers=tuple(record.headers),
            ),
        )
        for records in fetched.values()
        for record in records
    ]


CLIENTS: dict[str, type[Client]] = {
    "confluent-kafka": ConfluentClient,
    "kafka-python": KafkaPythonClient,
    "aiokafka": AioKafkaClient,
}

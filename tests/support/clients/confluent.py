"""confluent-kafka: librdkafka, which most languages' clients stand on."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import confluent_kafka as ck
from confluent_kafka import admin

from tests.support.clients.protocol import (
    Cluster,
    Committed,
    GroupView,
    Read,
    Refused,
    Security,
    Sent,
)

# Its types are declared in part only.
ck_admin: Any = admin

POLL_S = 0.2
CALL_S = 40.0
BYTES_MAX = 50_000_000
# Where librdkafka's name of an error is not Kafka's.
OWN_NAMES = {
    "MSG_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE",
    "TOPIC_EXCEPTION": "INVALID_TOPIC_EXCEPTION",
    "_FENCED": "PRODUCER_FENCED",
}


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn librdkafka's errors into ours."""
    try:
        yield
    except ck.KafkaException as error:
        raise refused(error.args[0]) from None


def refused(error: Any) -> Refused:
    name = error.name()
    return Refused(OWN_NAMES.get(name, name), error.str())


class ConfluentClient:
    """A `Client`."""

    def __init__(self, address: str, security: Security | None = None) -> None:
        self._common: dict[str, Any] = {
            "bootstrap.servers": address,
            "log_level": 0,
            "topic.metadata.refresh.interval.ms": 1000,
            "reconnect.backoff.max.ms": 500,
            **_security(security or Security()),
        }
        self._admin: Any = ck_admin.AdminClient(dict(self._common))

    def create_topic(
        self, topic: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> None:
        new = ck_admin.NewTopic(topic, partitions, 1, config=dict(configs or {}))
        with refusals():
            self._admin.create_topics([new])[topic].result(CALL_S)

    def delete_topic(self, topic: str) -> None:
        with refusals():
            self._admin.delete_topics([topic])[topic].result(CALL_S)

    def partition_count(self, topic: str) -> int:
        found = self._admin.list_topics(timeout=CALL_S).topics.get(topic)
        return 0 if found is None else len(found.partitions)

    def add_partitions(self, topic: str, total: int) -> None:
        new = ck_admin.NewPartitions(topic, total)
        with refusals():
            self._admin.create_partitions([new])[topic].result(CALL_S)

    def cluster(self) -> Cluster:
        with refusals():
            told = self._admin.describe_cluster().result(CALL_S)
        return Cluster(
            cluster_id=told.cluster_id,
            controller=told.controller.id,
            brokers=tuple(f"{node.host}:{node.port}" for node in told.nodes),
        )

    def configs(self, topic: str) -> dict[str, str]:
        resource = ck_admin.ConfigResource(ck_admin.ResourceType.TOPIC, topic)
        with refusals():
            told = self._admin.describe_configs([resource])[resource].result(CALL_S)
        return {name: entry.value for name, entry in told.items() if entry.value is not None}

    def alter_configs(self, topic: str, changes: Mapping[str, str]) -> None:
        entries = [
            ck_admin.ConfigEntry(name, value, incremental_operation=ck_admin.AlterConfigOpType.SET)
            for name, value in changes.items()
        ]
        resource = ck_admin.ConfigResource(
            ck_admin.ResourceType.TOPIC, topic, incremental_configs=entries
        )
        with refusals():
            self._admin.incremental_alter_configs([resource])[resource].result(CALL_S)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        place = ck.TopicPartition(topic, partition, before)
        with refusals():
            self._admin.delete_records([place])[place].result(CALL_S)

    def groups(self) -> list[str]:
        with refusals():
            told = self._admin.list_consumer_groups().result(CALL_S)
        return [group.group_id for group in told.valid]

    def group(self, group: str) -> GroupView:
        with refusals():
            told = self._admin.describe_consumer_groups([group])[group].result(CALL_S)
        return GroupView(state=told.state.name.title().replace("_", ""), members=len(told.members))

    def delete_group(self, group: str) -> None:
        with refusals():
            self._admin.delete_consumer_groups([group])[group].result(CALL_S)

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        asked = ck.ConsumerGroupTopicPartitions(group)
        with refusals():
            told = self._admin.list_consumer_group_offsets([asked])[group].result(CALL_S)
        return {
            place.partition: Committed(offset=place.offset, metadata=place.metadata or "")
            for place in told.topic_partitions
            if place.topic == topic and place.offset >= 0
        }

    def alter_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        places = [ck.TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        asked = ck.ConsumerGroupTopicPartitions(group, places)
        with refusals():
            told = self._admin.alter_consumer_group_offsets([asked])[group].result(CALL_S)
        for place in told.topic_partitions:
            if place.error is not None:
                raise refused(place.error)

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
        made = self._producer(
            {"compression.type": codec, "acks": acks, "enable.idempotence": idempotent}
        )
        _send(made, topic, records, partition)

    def _producer(self, settings: Mapping[str, Any]) -> Any:
        common = {**self._common, "linger.ms": 5, "message.max.bytes": BYTES_MAX}
        return ck.Producer({**common, **settings})

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        asked = [ck.TopicPartition(topic, number, timestamp_ms) for number in range(partitions)]
        with refusals(), contextlib.closing(self._consumer("times", {})) as consumer:
            found = consumer.offsets_for_times(asked, timeout=CALL_S)
        return {place.partition: place.offset if place.offset >= 0 else None for place in found}

    def _consumer(self, group: str, settings: Mapping[str, Any]) -> Any:
        return ck.Consumer(
            {
                **self._common,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "receive.message.max.bytes": 2 * BYTES_MAX,
                **settings,
            }
        )

    def reader(
        self, topic: str, offsets: Mapping[int, int], *, committed_only: bool = False
    ) -> "ConfluentConsumer":
        consumer = self._consumer("reader", _isolation(committed_only=committed_only))
        places = [ck.TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        consumer.assign(places)
        return ConfluentConsumer(consumer, topic)

    def member(
        self,
        topic: str,
        group: str,
        *,
        session_timeout_ms: int = 6000,
        assignor: str = "range",
        instance_id: str | None = None,
        committed_only: bool = False,
    ) -> "ConfluentConsumer":
        settings: dict[str, Any] = {
            **_isolation(committed_only=committed_only),
            "session.timeout.ms": session_timeout_ms,
            "heartbeat.interval.ms": 300,
            "partition.assignment.strategy": assignor,
        }
        if instance_id is not None:
            settings["group.instance.id"] = instance_id
        consumer = self._consumer(group, settings)
        consumer.subscribe([topic])
        return ConfluentConsumer(consumer, topic)

    def producer(self) -> "ConfluentProducer":
        return ConfluentProducer(self._producer({"enable.idempotence": True}))

    def transactor(self, transactional_id: str) -> "ConfluentTransactor":
        made = self._producer({"transactional.id": transactional_id})
        with refusals():
            made.init_transactions(CALL_S)
        return ConfluentTransactor(made)


class ConfluentConsumer:
    """A `Reader`, or a `Member`."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self.consumer = consumer
        self._topic = topic

    def poll(self) -> list[Read]:
        messages: list[Any] = self.consumer.consume(1000, POLL_S)
        return [_read(message) for message in messages if message.error() is None]

    def seek(self, partition: int, offset: int) -> None:
        with refusals():
            self.consumer.seek(ck.TopicPartition(self._topic, partition, offset))

    def assigned(self) -> list[int]:
        return [place.partition for place in self.consumer.assignment()]

    def commit(self) -> None:
        with refusals():
            self.consumer.commit(asynchronous=False)

    def commit_at(self, partition: int, offset: int, metadata: str) -> None:
        place = ck.TopicPartition(self._topic, partition, offset, metadata)
        with refusals():
            self.consumer.commit(offsets=[place], asynchronous=False)

    def close(self) -> None:
        self.consumer.close()


class ConfluentProducer:
    """A `Producer`."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def send(self, topic: str, records: Sequence[Sent]) -> None:
        _send(self._producer, topic, records, None)

    def close(self) -> None:
        self._producer.flush(0)


class ConfluentTransactor(ConfluentProducer):
    """A `Transactor`."""

    def begin(self) -> None:
        with refusals():
            self._producer.begin_transaction()

    def send_offsets(
        self, member: ConfluentConsumer, topic: str, offsets: Mapping[int, int]
    ) -> None:
        places = [ck.TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        group = member.consumer.consumer_group_metadata()
        with refusals():
            self._producer.send_offsets_to_transaction(places, group, CALL_S)

    def commit(self) -> None:
        with refusals():
            self._producer.commit_transaction(CALL_S)

    def abort(self) -> None:
        with refusals():
            self._producer.abort_transaction(CALL_S)


def _send(producer: Any, topic: str, records: Sequence[Sent], partition: int | None) -> None:
    failures: list[Any] = []
    for record in records:
        producer.produce(
            topic,
            key=record.key,
            value=record.value,
            timestamp=record.timestamp_ms,
            headers=list(record.headers),
            on_delivery=lambda error, _: failures.append(error) if error else None,
            **({} if partition is None else {"partition": partition}),
        )
    if producer.flush(CALL_S):
        raise Refused("CLIENT", "records are still under way")
    if failures:
        raise refused(failures[0])


def _read(message: Any) -> Read:
    return Read(
        partition=message.partition(),
        offset=message.offset(),
        sent=Sent(
            key=message.key(),
            value=message.value(),
            timestamp_ms=message.timestamp()[1],
            headers=tuple(message.headers() or ()),
        ),
    )


def _isolation(*, committed_only: bool) -> dict[str, str]:
    return {"isolation.level": "read_committed" if committed_only else "read_uncommitted"}


def _security(security: Security) -> dict[str, str]:
    protocol = ("SASL_" if security.mechanism else "") + ("SSL" if security.authority else "")
    if not protocol:
        return {}
    settings = {"security.protocol": protocol if security.authority else "SASL_PLAINTEXT"}
    if security.authority:
        settings["ssl.ca.location"] = security.authority
    if security.mechanism:
        settings["sasl.mechanism"] = security.mechanism
        settings |= {"sasl.username": security.user, "sasl.password": security.password}
    return settings

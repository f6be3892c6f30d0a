"""kafka-python: a client in Python alone, with nearly every call of the Admin API."""

import contextlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.clients.protocol import (
    Cluster,
    Committed,
    GroupView,
    Read,
    Refused,
    Security,
    Sent,
)
from tests.support.clients.python_records import CALL_S, error_name, reads, security_of

# It reads its schemas in a way that Python 3.11 and 3.12 only warn about.
with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
    from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.errors import KafkaError
    from kafka.structs import OffsetAndMetadata

BYTES_MAX = 50_000_000
POLL_MS = 500  # longer than others': a poll that times out while it joins may lose its assignment
ASSIGNORS = {
    "range": RangePartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn kafka-python's errors into ours."""
    try:
        yield
    except KafkaError as error:
        raise refused(error) from None


def refused(error: Any) -> Refused:
    return Refused(error_name(getattr(error, "errno", None)), f"{type(error).__name__}: {error}")


class KafkaPythonClient:
    """A `Client`."""

    def __init__(self, address: str, security: Security | None = None) -> None:
        self._common = {
            "bootstrap_servers": address,
            "metadata_max_age_ms": 1000,
            "reconnect_backoff_max_ms": 500,
            **security_of(security or Security()),
        }
        self._lasting_admin: Any = None

    @property
    def _admin(self) -> Any:
        if self._lasting_admin is None:
            with refusals():
                self._lasting_admin = KafkaAdminClient(**self._common)
        return self._lasting_admin

    def create_topic(
        self, topic: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> None:
        new = NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))
        with refusals():
            self._admin.create_topics([new])

    def delete_topic(self, topic: str) -> None:
        with refusals():
            self._admin.delete_topics([topic])

    def partition_count(self, topic: str) -> int:
        if topic not in self._admin.list_topics():
            return 0
        return len(self._admin.describe_topics([topic])[0]["partitions"])

    def add_partitions(self, topic: str, total: int) -> None:
        with refusals():
            self._admin.create_partitions({topic: total})

    def cluster(self) -> Cluster:
        told = self._admin.describe_cluster()
        return Cluster(
            cluster_id=told["cluster_id"],
            controller=told["controller_id"],
            brokers=tuple(f"{node['host']}:{node['port']}" for node in told["brokers"]),
        )

    def configs(self, topic: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        with refusals():
            told = self._admin.describe_configs([resource], config_filter="all")
        entries = told["topic"][topic].items()
        return {name: entry["value"] for name, entry in entries if entry["value"] is not None}

    def alter_configs(self, topic: str, changes: Mapping[str, str]) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict(changes))
        with refusals():
            told = self._admin.alter_configs([resource], raise_on_unknown=False)
        _all_ok(told["topic"])

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        with refusals():
            self._admin.delete_records({TopicPartition(topic, partition): before})

    def log_bytes(self, topic: str) -> int:
        (broker,) = self._admin.describe_log_dirs([topic])
        return sum(
            partition["partition_size"]
            for directory in broker["log_dirs"]
            for described in directory["topics"]
            for partition in described["partitions"]
            if described["name"] == topic
        )

    def groups(self) -> list[str]:
        return [group["group_id"] for group in self._admin.list_groups()]

    def group(self, group: str) -> GroupView:
        with refusals():
            told = self._admin.describe_groups([group])[group]
        return GroupView(state=told["group_state"], members=len(told["members"]))

    def delete_group(self, group: str) -> None:
        with refusals():
            _all_ok(self._admin.delete_groups([group]))

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        with refusals():
            told = self._admin.list_group_offsets(group)[group]
        return {
            place.partition: Committed(offset=at.offset, metadata=at.metadata)
            for place, at in told.items()
            if place.topic == topic
        }

    def alter_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        with refusals():
            told = self._admin.alter_group_offsets(group, _places(topic, offsets))
        _raise_first(told.values())

    def delete_offsets(self, group: str, topic: str, partitions: Sequence[int]) -> None:
        places = [TopicPartition(topic, number) for number in partitions]
        with refusals():
            told = self._admin.delete_group_offsets(group, places)
        _raise_first(told.values())

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
            compression_type=None if codec == "none" else codec,
            acks=acks,
            enable_idempotence=idempotent,
        )
        with contextlib.closing(made):
            _send(made, topic, records, partition)

    def _producer(self, **settings: Any) -> Any:
        limits = {"linger_ms": 5, "max_request_size": BYTES_MAX}
        with refusals():
            return KafkaProducer(**self._common, **limits, **settings)

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        asked = {TopicPartition(topic, number): timestamp_ms for number in range(partitions)}
        with contextlib.closing(KafkaConsumer(**self._common)) as consumer:
            found = consumer.offsets_for_times(asked)
        return {place.partition: at.offset if at else None for place, at in found.items()}

    def _consumer(self, *, committed_only: bool, **settings: Any) -> Any:
        with refusals():
            return KafkaConsumer(
                **self._common,
                isolation_level="read_committed" if committed_only else "read_uncommitted",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                **settings,
            )

    def reader(
        self, topic: str, offsets: Mapping[int, int], *, committed_only: bool = False
    ) -> "KafkaPythonConsumer":
        consumer = self._consumer(committed_only=committed_only)
        consumer.assign([TopicPartition(topic, number) for number in offsets])
        for number, offset in offsets.items():
            consumer.seek(TopicPartition(topic, number), offset)
        return KafkaPythonConsumer(consumer, topic)

    def member(
        self,
        topic: str,
        group: str,
        *,
        session_timeout_ms: int = 6000,
        assignor: str = "range",
        instance_id: str | None = None,
        committed_only: bool = False,
    ) -> "KafkaPythonConsumer":
        consumer = self._consumer(
            committed_only=committed_only,
            group_id=group,
            group_instance_id=instance_id,
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=300,
            partition_assignment_strategy=[ASSIGNORS[assignor]],
        )
        consumer.subscribe([topic])
        # A member that joins before it knows the partitions joins once more, and if a poll times
        # out during that second time it waits for ever for an assignment (in 3.0.12).
        consumer.partitions_for_topic(topic)
        return KafkaPythonConsumer(consumer, topic)

    def producer(self) -> "KafkaPythonProducer":
        return KafkaPythonProducer(self._producer())

    def transactor(self, transactional_id: str) -> "KafkaPythonTransactor":
        made = self._producer(transactional_id=transactional_id)
        with refusals():
            made.init_transactions()
        return KafkaPythonTransactor(made)

    def transactions(self) -> list[str]:
        with refusals():
            told = self._admin.list_transactions()
        return [listing.transactional_id for listings in told.values() for listing in listings]

    def transaction_state(self, transactional_id: str) -> str:
        with refusals():
            told = self._admin.describe_transactions([transactional_id])[transactional_id]
        return getattr(told.state, "value", str(told.state))

    def producers(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        with refusals():
            return len(self._admin.describe_producers([place])[place].active_producers)


class KafkaPythonConsumer:
    """A `Reader`, or a `Member`."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self.consumer = consumer
        self._topic = topic

    def poll(self) -> list[Read]:
        with refusals():
            return reads(self.consumer.poll(timeout_ms=POLL_MS))

    def seek(self, partition: int, offset: int) -> None:
        self.consumer.seek(TopicPartition(self._topic, partition), offset)

    def assigned(self) -> list[int]:
        return [place.partition for place in self.consumer.assignment()]

    def commit(self) -> None:
        with refusals():
            self.consumer.commit()

    def commit_at(self, partition: int, offset: int, metadata: str) -> None:
        place = TopicPartition(self._topic, partition)
        with refusals():
            self.consumer.commit({place: OffsetAndMetadata(offset, metadata, -1)})

    def close(self) -> None:
        self.consumer.close()


class KafkaPythonProducer:
    """A `Producer`."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def send(self, topic: str, records: Sequence[Sent]) -> None:
        _send(self._producer, topic, records, None)

    def close(self) -> None:
        self._producer.close(timeout=2)


class KafkaPythonTransactor(KafkaPythonProducer):
    """A `Transactor`."""

    def begin(self) -> None:
        with refusals():
            self._producer.begin_transaction()

    def send_offsets(
        self, member: KafkaPythonConsumer, topic: str, offsets: Mapping[int, int]
    ) -> None:
        group = member.consumer.group_metadata()
        with refusals():
            self._producer.send_offsets_to_transaction(_places(topic, offsets), group)

    def commit(self) -> None:
        with refusals():
            self._producer.commit_transaction()

    def abort(self) -> None:
        with refusals():
            self._producer.abort_transaction()


def _send(producer: Any, topic: str, records: Sequence[Sent], partition: int | None) -> None:
    with refusals():
        futures = [
            producer.send(
                topic,
                key=record.key,
                value=record.value,
                timestamp_ms=record.timestamp_ms,
                headers=list(record.headers),
                partition=partition,
            )
            for record in records
        ]
        producer.flush(CALL_S)
        for future in futures:
            future.get(CALL_S)


def _places(topic: str, offsets: Mapping[int, int]) -> dict[Any, Any]:
    return {
        TopicPartition(topic, number): OffsetAndMetadata(offset, "", -1)
        for number, offset in offsets.items()
    }


def _all_ok(told: Mapping[str, str]) -> None:
    """Results are `OK`, or an error's name or text."""
    for result in told.values():
        if result != "OK":
            number = re.match(r"\[Error (\d+)\]", result)
            cls = getattr(errors, result, None)
            raise Refused(
                error_name(int(number[1]) if number else getattr(cls, "errno", None)), result
            )


def _raise_first(results: Any) -> None:
    for result in results:
        if result.errno:
            raise Refused(error_name(result.errno), str(result))

"""Making, growing, deleting and trimming topics: what the admin APIs and auto-creation share."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from streamcore.broker.config_definitions import InvalidConfig
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_configs import checked_configs
from streamcore.broker.topics import INTERNAL_TOPICS, Topic, is_legal_name
from streamcore.partition.replica import Replica
from streamcore.record.places import Offset
from streamcore.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)

# "The broker's default" for partitions and replicas (KIP-464).
DEFAULT = -1
HIGH_WATERMARK = -1


class AdminRefused(Exception):
    """An admin request that is not done: the error for the client, and why."""

    def __init__(self, error: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTopic:
    """A topic that is wanted. `assignments` are the replicas of each partition, by hand."""

    name: str
    partition_count: int = DEFAULT
    replication_factor: int = DEFAULT
    assignments: Mapping[int, Sequence[int]] = field(default_factory=dict)
    configs: Mapping[str, str | None] = field(default_factory=dict)


def create_topic(services: BrokerServices, wanted: NewTopic, *, only_check: bool = False) -> Topic:
    """Make a topic; with `only_check` find out whether it could be. Raises `AdminRefused`.

    With `only_check` the topic that is returned exists nowhere.
    """
    name = wanted.name
    if not is_legal_name(name):
        raise AdminRefused(
            ErrorCode.INVALID_TOPIC_EXCEPTION,
            f"{name!r} is no topic name: 1 to 249 of a-z A-Z 0-9 . _ -, not '.' or '..'",
        )
    _refuse_internal(name)
    if services.topics.find(name) is not None:
        raise AdminRefused(ErrorCode.TOPIC_ALREADY_EXISTS, f"topic {name!r} already exists")
    if len(services.topics) >= services.settings.topics_max:
        raise AdminRefused(
            ErrorCode.POLICY_VIOLATION, f"there are {services.settings.topics_max} topics already"
        )
    partition_count = _partition_count(services, wanted)
    configs = _checked_configs(services, wanted.configs)
    if only_check:
        return services.topics.draft(name, configs=configs)
    try:
        return services.topics.create(name, partition_count=partition_count, configs=configs)
    except OSError as failure:
        raise _disk_refused(f"topic {name!r} was not created", failure) from failure


def alter_topic(
    services: BrokerServices, topic: Topic, configs: Mapping[str, str | None], *, only_check: bool
) -> None:
    """Let a topic have these settings of its own and no others. Raises `AdminRefused`."""
    _refuse_internal(topic.name)
    checked = _checked_configs(services, configs)
    if only_check or checked == topic.configs:
        return
    try:
        services.topics.alter(topic, configs=checked)
    except OSError as failure:
        raise _disk_refused(f"topic {topic.name!r} was not altered", failure) from failure
    logger.info("topic %r has these settings of its own now: %s", topic.name, checked)


def _checked_configs(services: BrokerServices, configs: Mapping[str, str | None]) -> dict[str, str]:
    try:
        return checked_configs(configs, services.settings)
    except InvalidConfig as fault:
        raise AdminRefused(ErrorCode.INVALID_CONFIG, str(fault)) from None


def _refuse_internal(name: str) -> None:
    """The broker makes its own topics as it needs them, and it alone says what goes."""
    if name in INTERNAL_TOPICS:
        raise AdminRefused(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{name!r} is the broker's own topic")


def _partition_count(services: BrokerServices, wanted: NewTopic) -> int:
    if wanted.assignments:
        return _assigned_count(services, wanted)
    if wanted.replication_factor not in (DEFAULT, 1):
        raise AdminRefused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"replication factor {wanted.replication_factor}: there is one broker",
        )
    count = wanted.partition_count
    count = services.settings.num_partitions if count == DEFAULT else count
    return _checked_count(services, count)


def _checked_count(services: BrokerServices, count: int, *, existing: int = 0) -> int:
    if not 1 <= count <= services.settings.partitions_per_topic_max:
        raise AdminRefused(
            ErrorCode.INVALID_PARTITIONS,
            f"{count} partitions: 1 to {services.settings.partitions_per_topic_max} are possible",
        )
    others = services.topics.partition_count - existing
    if others + count > services.settings.partitions_max:
        raise AdminRefused(
            ErrorCode.POLICY_VIOLATION,
            f"{count} partitions beside {others}: {services.settings.partitions_max} are possible",
        )
    return count


def _assigned_count(services: BrokerServices, wanted: NewTopic) -> int:
    if wanted.partition_count != DEFAULT or wanted.replication_factor != DEFAULT:
        raise AdminRefused(
            ErrorCode.INVALID_REQUEST, "assignments by hand leave both counts to be -1"
        )
    node_id = services.settings.node_id
    numbers = sorted(wanted.assignments)
    if numbers != list(range(len(numbers))) or any(
        list(replicas) != [node_id] for replicas in wanted.assignments.values()
    ):
        raise AdminRefused(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            f"partitions count from 0, and each has broker {node_id} as its one replica",
        )
    return _checked_count(services, len(numbers))


def grow_topic(services: BrokerServices, name: str, count: int, *, only_check: bool) -> None:
    """Let a topic have `count` partitions. Raises `AdminRefused`."""
    topic = known_topic(services, name)
    _refuse_internal(name)
    if count <= len(topic.replicas):
        raise AdminRefused(
            ErrorCode.INVALID_PARTITIONS,
            f"topic {name!r} has {len(topic.replicas)} partitions; it can only grow",
        )
    _checked_count(services, count, existing=len(topic.replicas))
    if only_check:
        return
    try:
        services.topics.add_partitions(topic, partition_count=count)
    except OSError as failure:
        raise _disk_refused(f"topic {name!r} did not grow", failure) from failure


def known_topic(services: BrokerServices, name: str) -> Topic:
    """Find a topic by name. Raises `AdminRefused`."""
    topic = services.topics.find(name)
    if topic is None:
        raise AdminRefused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {name!r}")
    return topic


def delete_topic(services: BrokerServices, topic: Topic) -> None:
    """Delete a topic and all its records. Raises `AdminRefused`."""
    _refuse_internal(topic.name)
    # Batches of this tick are still to be written to files that are about to go.
    services.appends.flush()
    try:
        services.topics.delete(topic)
    except OSError as failure:
        raise _disk_refused(f"topic {topic.name!r} was not deleted", failure) from failure
    for replica in topic.replicas:
        services.durability.forget(replica)
        services.fetches.on_gone(replica)
    services.durability.run_later(
        partial(services.topics.remove_files, topic), f"removing topic {topic.name!r}"
    )


def trim_partition(services: BrokerServices, replica: Replica, offset: int) -> int:
    """Delete the records before `offset`; return the new log start. Raises `AdminRefused`."""
    _refuse_internal(replica.key.topic)
    if replica.limits.keeps_everything:
        raise AdminRefused(
            ErrorCode.POLICY_VIOLATION, "cleanup.policy of the topic does not let records go"
        )
    wanted = replica.high_watermark if offset == HIGH_WATERMARK else offset
    if not 0 <= wanted <= replica.high_watermark:
        raise AdminRefused(
            ErrorCode.OFFSET_OUT_OF_RANGE,
            f"offset {offset} is not in 0 to {replica.high_watermark}",
        )
    gone = replica.delete_before(Offset(wanted))
    services.durability.log_changed(replica)
    if gone:
        services.durability.remove_segments(replica, gone, "deleting records")
    return replica.start_offset


def _disk_refused(what: str, failure: OSError) -> AdminRefused:
    message = f"{what}: {failure.strerror or failure}"
    logger.error("%s", message)
    return AdminRefused(ErrorCode.KAFKA_STORAGE_ERROR, message)

"""CreateTopics (key 19), versions 2 to 7 (KIP-464 defaults, KIP-525 settings in the answer).

Not done: more than one replica.
"""

from collections import Counter

from streamcore.broker.handlers.config_entries import source_of
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import DEFAULT, AdminRefused, NewTopic, create_topic
from streamcore.broker.topic_configs import config_values
from streamcore.broker.topics import Topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages import create_topics as messages
from streamcore.wire.messages.create_topics import (
    CreatedTopic,
    CreatedTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(CreateTopicsRequest, request.api_version, body)
    times_named = Counter(topic.name for topic in asked.topics)
    topics = []
    for topic in {topic.name: topic for topic in asked.topics}.values():
        try:
            if times_named[topic.name] > 1:
                _refuse_twice(topic.name)
            wanted = _wanted(topic)
            created = create_topic(services, wanted, only_check=asked.validate_only)
        except AdminRefused as refusal:
            topics.append(
                CreatedTopic(
                    name=topic.name, error_code=refusal.error, error_message=refusal.message
                )
            )
        else:
            topics.append(_created(services, created, wanted))
    return encode(CreateTopicsResponse(topics=tuple(topics)), request.api_version)


def _refuse_twice(name: str) -> None:
    raise AdminRefused(ErrorCode.INVALID_REQUEST, f"topic {name!r} is named more than once")


def _wanted(topic: messages.NewTopic) -> NewTopic:
    return NewTopic(
        name=topic.name,
        partition_count=topic.num_partitions,
        replication_factor=topic.replication_factor,
        assignments={one.partition_index: one.broker_ids for one in topic.assignments},
        configs={config.name: config.value for config in topic.configs},
    )


def _created(services: BrokerServices, topic: Topic, wanted: NewTopic) -> CreatedTopic:
    return CreatedTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        error_code=ErrorCode.NONE,
        num_partitions=_partition_count(services, topic, wanted),
        replication_factor=1,
        configs=_configs(services, topic),
    )


def _partition_count(services: BrokerServices, topic: Topic, wanted: NewTopic) -> int:
    """A topic that was only checked has no partitions: what it would have had."""
    if topic.replicas or wanted.assignments:
        return len(topic.replicas or wanted.assignments)
    is_default = wanted.partition_count == DEFAULT
    return services.settings.num_partitions if is_default else wanted.partition_count


def _configs(services: BrokerServices, topic: Topic) -> tuple[CreatedTopicConfig, ...]:
    return tuple(
        CreatedTopicConfig(
            name=key,
            value=value,
            config_source=source_of(key, topic.configs, services.settings),
        )
        for key, value in config_values(topic.configs, services.settings).items()
    )


HANDLER = Handler(
    api_key=ApiKey.CREATE_TOPICS,
    name="CreateTopics",
    min_version=2,
    max_version=7,
    flexible_from=CreateTopicsRequest.FLEXIBLE_FROM,
    answer=answer,
)

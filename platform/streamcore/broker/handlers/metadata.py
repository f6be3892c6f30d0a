"""Metadata (key 3), versions 0 to 12 (KIP-4, KIP-516 topic ids).

Asking for a topic creates it, where the settings and the client allow that (the broker's own
are made when they are needed). Answers are
kept encoded until the catalogue changes. Not done: authorized operations.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.metadata_cache import Question
from streamcore.broker.security.listeners import Listener
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, NewTopic, create_topic
from streamcore.broker.topics import INTERNAL_TOPICS, Topic, is_legal_name
from streamcore.wire import metadata
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.metadata import AskedTopic, BrokerPlace, TopicDescription


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    question = Question(request.api_version, bytes(body), request.listener)
    generation = services.topics.generation
    known = services.metadata_cache.find(question, generation=generation)
    if known is not None:
        return known
    wanted = metadata.decode_request(body, request.api_version)
    if wanted.topics is None:
        described = [describe(topic) for topic in services.topics.all()]
    else:
        creates = wanted.allows_creation and services.settings.auto_create_topics
        # Named twice, a topic is described once, as by Kafka: answers stay in proportion.
        asked_once = dict.fromkeys(wanted.topics)
        described = [_look_up(services, asked, creates=creates) for asked in asked_once]
    encoded = metadata.encode_response(
        broker_place(services, request.listener),
        described,
        request.api_version,
        cluster_id=services.settings.cluster_id,
    )
    if all(topic.error == ErrorCode.NONE for topic in described):
        # Kept only when nothing was created: else the generation has changed.
        services.metadata_cache.keep(question, encoded, generation=services.topics.generation)
    return encoded


def broker_place(services: BrokerServices, listener: Listener) -> BrokerPlace:
    """Where a client that came in by this listener finds us again."""
    return BrokerPlace(node_id=services.settings.node_id, host=listener.host, port=listener.port)


def describe(topic: Topic) -> TopicDescription:
    return TopicDescription(
        error=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partition_count=len(topic.replicas),
        leader_epoch=topic.leader_epoch,
    )


def _look_up(services: BrokerServices, asked: AskedTopic, *, creates: bool) -> TopicDescription:
    if asked.name is None:
        topic = services.topics.find_id(asked.topic_id)
        if topic is None:
            return TopicDescription(
                error=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=asked.topic_id
            )
        return describe(topic)
    topic = services.topics.find(asked.name)
    if topic is not None:
        return describe(topic)
    if asked.name in INTERNAL_TOPICS or (not creates and is_legal_name(asked.name)):
        return TopicDescription(error=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name=asked.name)
    try:
        return describe(create_topic(services, NewTopic(name=asked.name)))
    except AdminRefused as refusal:
        return TopicDescription(error=refusal.error, name=asked.name)


HANDLER = Handler(
    api_key=ApiKey.METADATA,
    name="Metadata",
    min_version=0,
    max_version=12,
    flexible_from=metadata.FLEXIBLE_FROM,
    answer=answer,
    notes="no authorized operations",
)

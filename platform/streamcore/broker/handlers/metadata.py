"""Metadata (key 3), versions 0 to 13 (KIP-4, KIP-430 operations, KIP-516 topic ids).

Asking for a topic by name creates it, where the settings and the client allow that (the broker's
own are made when they are needed), but so many in one request: the others when they are asked for
again. A request that names an id is answered by its ids alone, as by
Kafka. Answers are kept encoded until the catalogue changes. The error of the whole answer
(version 13) is never needed: one broker is always registered.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from uuid import UUID

from streamcore.broker.handlers.broker_place import BrokerPlace, broker_place
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.metadata_cache import Question
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, NewTopic, create_topic
from streamcore.broker.topics import INTERNAL_TOPICS, Topic, is_legal_name
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import ALL_ON_CLUSTER, ALL_ON_TOPIC, NOT_ASKED
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.metadata import (
    DescribedPartition,
    DescribedTopic,
    MetadataBroker,
    MetadataRequest,
    MetadataResponse,
    MetadataTopic,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID

CREATION_CHOSEN_FROM = 4
ASKED_BY_ID_FROM = 12
# Topics that one request creates: it takes half a millisecond each, and everybody waits.
CREATED_AT_ONCE_MAX: Final = 100
# Topics are described alike again and again: the same count under the same leader.
SHARED_PARTITIONS_MAX = 64


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    question = Question(request.api_version, bytes(body), request.listener)
    generation = services.topics.generation
    known = services.metadata_cache.find(question, generation=generation)
    if known is not None:
        return known
    version = request.api_version
    asked = decode(MetadataRequest, version, body)
    if version < ASKED_BY_ID_FROM and any(map(_asks_by_id, asked.topics or ())):
        return encode(_refused(asked.topics or ()), version)
    topics = tuple(_described(services, asked, version))
    encoded = encode(
        _response(services, broker_place(services, request.listener), asked, topics), version
    )
    if all(topic.error_code == ErrorCode.NONE for topic in topics):
        # Kept only when nothing was created: else the generation has changed.
        services.metadata_cache.keep(question, encoded, generation=services.topics.generation)
    return encoded


def _asks_by_id(topic: MetadataTopic) -> bool:
    return topic.name is None or topic.topic_id != NO_TOPIC_ID


def _refused(asked: Iterable[MetadataTopic]) -> MetadataResponse:
    """Ids stand in the schema since version 10, but may be asked for since 12 only."""
    return MetadataResponse(
        topics=tuple(
            DescribedTopic(
                error_code=ErrorCode.INVALID_REQUEST, name=topic.name or "", topic_id=topic.topic_id
            )
            for topic in asked
        )
    )


def _response(
    services: BrokerServices,
    broker: BrokerPlace,
    asked: MetadataRequest,
    topics: tuple[DescribedTopic, ...],
) -> MetadataResponse:
    return MetadataResponse(
        brokers=(MetadataBroker(node_id=broker.node_id, host=broker.host, port=broker.port),),
        cluster_id=services.settings.cluster_id,
        controller_id=broker.node_id,
        topics=topics,
        cluster_authorized_operations=(
            ALL_ON_CLUSTER if asked.include_cluster_authorized_operations else NOT_ASKED
        ),
    )


def _described(
    services: BrokerServices, asked: MetadataRequest, version: int
) -> Iterator[DescribedTopic]:
    operations = ALL_ON_TOPIC if asked.include_topic_authorized_operations else NOT_ASKED
    if asked.topics is None or (version == 0 and not asked.topics):
        for topic in services.topics.all():
            yield _description(services, topic, operations)
        return
    # Named twice, a topic is described once, as by Kafka: answers stay in proportion.
    ids = dict.fromkeys(t.topic_id for t in asked.topics if t.topic_id != NO_TOPIC_ID)
    if ids:
        for topic_id in ids:
            yield _by_id(services, topic_id, operations)
        return
    chooses = version < CREATION_CHOSEN_FROM or asked.allow_auto_topic_creation
    creates = chooses and services.settings.auto_create_topics
    missing = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    topics_max = len(services.topics) + CREATED_AT_ONCE_MAX
    for name in dict.fromkeys(t.name for t in asked.topics if t.name is not None):
        if creates and len(services.topics) >= topics_max:
            creates, missing = False, ErrorCode.LEADER_NOT_AVAILABLE
        yield _by_name(services, name, operations, creates=creates, missing=missing)


def _by_id(services: BrokerServices, topic_id: UUID, operations: int) -> DescribedTopic:
    topic = services.topics.find_id(topic_id)
    if topic is None:
        return DescribedTopic(error_code=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=topic_id)
    return _description(services, topic, operations)


def _by_name(
    services: BrokerServices, name: str, operations: int, *, creates: bool, missing: ErrorCode
) -> DescribedTopic:
    topic = services.topics.find(name)
    if topic is not None:
        return _description(services, topic, operations)
    if name in INTERNAL_TOPICS:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    elif not creates and is_legal_name(name):
        error = missing
    else:
        try:
            return _description(services, create_topic(services, NewTopic(name=name)), operations)
        except AdminRefused as refusal:
            error = refusal.error
    return DescribedTopic(error_code=error, name=name, is_internal=name in INTERNAL_TOPICS)


def _description(services: BrokerServices, topic: Topic, operations: int) -> DescribedTopic:
    return DescribedTopic(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=_partitions(
            len(topic.replicas), services.settings.node_id, int(topic.leader_epoch)
        ),
        topic_authorized_operations=operations,
    )


@lru_cache(maxsize=SHARED_PARTITIONS_MAX)
def _partitions(count: int, node_id: int, leader_epoch: int) -> tuple[DescribedPartition, ...]:
    return tuple(
        DescribedPartition(
            error_code=ErrorCode.NONE,
            partition_index=index,
            leader_id=node_id,
            leader_epoch=leader_epoch,
            replica_nodes=(node_id,),
            isr_nodes=(node_id,),
        )
        for index in range(count)
    )


HANDLER = Handler(
    api_key=ApiKey.METADATA,
    name="Metadata",
    min_version=0,
    max_version=13,
    flexible_from=MetadataRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""DescribeTopicPartitions (key 75), version 0 (KIP-966): topics in order of name, page by page.

A page holds as many partitions as the client asks, 2000 at most, and names where the next begins.
One broker has no replicas that could be elected, so those lists are empty.
"""

from collections.abc import Iterator

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topics import INTERNAL_TOPICS, Topic, is_legal_name
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import ALL_ON_TOPIC
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    PagedPartition,
    PagedTopic,
)

PARTITIONS_MAX = 2000


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeTopicPartitionsRequest, request.api_version, body)
    response = _refused(asked) if _is_misplaced(asked) else _page(services, asked)
    return encode(response, request.api_version)


def _is_misplaced(asked: DescribeTopicPartitionsRequest) -> bool:
    """Whether the cursor stands before a topic's partitions, or on a topic not asked for."""
    cursor, names = asked.cursor, {topic.name for topic in asked.topics}
    if cursor is None:
        return False
    return cursor.partition_index < 0 or bool(names and cursor.topic_name not in names)


def _refused(asked: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse:
    return DescribeTopicPartitionsResponse(
        topics=tuple(
            PagedTopic(error_code=ErrorCode.INVALID_REQUEST, name=topic.name)
            for topic in asked.topics
        )
    )


def _page(
    services: BrokerServices, asked: DescribeTopicPartitionsRequest
) -> DescribeTopicPartitionsResponse:
    room = min(max(asked.response_partition_limit, 1), PARTITIONS_MAX)
    topics: list[PagedTopic] = []
    for name, first in _places(services, asked):
        if room == 0:
            return _turned(topics, name, first)
        topic = services.topics.find(name)
        if topic is None:
            topics.append(_unknown(name))
            continue
        end = min(len(topic.replicas), first + room)
        topics.append(_described(services, topic, first, end))
        room -= max(end - first, 0)
        if end < len(topic.replicas):
            return _turned(topics, name, end)
    return DescribeTopicPartitionsResponse(topics=tuple(topics))


def _places(
    services: BrokerServices, asked: DescribeTopicPartitionsRequest
) -> Iterator[tuple[str, int]]:
    """Names in order, each with the first partition that is wanted of it."""
    names = {topic.name for topic in asked.topics}
    if not names:
        names = {topic.name for topic in services.topics.all()}
    cursor = asked.cursor
    for name in sorted(names):
        if cursor is None or name > cursor.topic_name:
            yield name, 0
        elif name == cursor.topic_name:
            yield name, cursor.partition_index


def _turned(topics: list[PagedTopic], name: str, first: int) -> DescribeTopicPartitionsResponse:
    cursor = Cursor(topic_name=name, partition_index=first)
    return DescribeTopicPartitionsResponse(topics=tuple(topics), next_cursor=cursor)


def _unknown(name: str) -> PagedTopic:
    is_legal = is_legal_name(name)
    return PagedTopic(
        error_code=(
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if is_legal else ErrorCode.INVALID_TOPIC_EXCEPTION
        ),
        name=name,
        is_internal=name in INTERNAL_TOPICS,
        topic_authorized_operations=ALL_ON_TOPIC,
    )


def _described(services: BrokerServices, topic: Topic, first: int, end: int) -> PagedTopic:
    node_id = services.settings.node_id
    return PagedTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=tuple(
            PagedPartition(
                partition_index=index,
                leader_id=node_id,
                leader_epoch=topic.leader_epoch,
                replica_nodes=(node_id,),
                isr_nodes=(node_id,),
            )
            for index in range(first, end)
        ),
        topic_authorized_operations=ALL_ON_TOPIC,
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_TOPIC_PARTITIONS,
    name="DescribeTopicPartitions",
    min_version=0,
    max_version=0,
    flexible_from=DescribeTopicPartitionsRequest.FLEXIBLE_FROM,
    answer=answer,
)

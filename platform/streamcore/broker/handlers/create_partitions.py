"""CreatePartitions (key 37), versions 0 to 3 (KIP-195).

Assignments by hand have to name this one broker, once for each new partition. A topic that is
named twice is refused.
"""

from collections import Counter

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, grow_topic, known_topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    GrowingTopic,
    GrownTopic,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(CreatePartitionsRequest, request.api_version, body)
    times_named = Counter(topic.name for topic in asked.topics)
    results = []
    for topic in {topic.name: topic for topic in asked.topics}.values():
        error, message = ErrorCode.NONE, None
        try:
            if times_named[topic.name] > 1:
                _refuse_twice(topic.name)
            _grow(services, topic, only_check=asked.validate_only)
        except AdminRefused as refusal:
            error, message = refusal.error, refusal.message
        results.append(GrownTopic(name=topic.name, error_code=error, error_message=message))
    return encode(CreatePartitionsResponse(results=tuple(results)), request.api_version)


def _refuse_twice(name: str) -> None:
    raise AdminRefused(ErrorCode.INVALID_REQUEST, f"topic {name!r} is named more than once")


def _grow(services: BrokerServices, wanted: GrowingTopic, *, only_check: bool) -> None:
    if wanted.assignments is not None:
        node_id = services.settings.node_id
        missing = wanted.count - len(known_topic(services, wanted.name).replicas)
        is_one_each = all(one.broker_ids == (node_id,) for one in wanted.assignments)
        if len(wanted.assignments) != max(missing, 0) or not is_one_each:
            raise AdminRefused(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"each of {missing} new partitions has broker {node_id} as its replica",
            )
    grow_topic(services, wanted.name, wanted.count, only_check=only_check)


HANDLER = Handler(
    api_key=ApiKey.CREATE_PARTITIONS,
    name="CreatePartitions",
    min_version=0,
    max_version=3,
    flexible_from=CreatePartitionsRequest.FLEXIBLE_FROM,
    answer=answer,
)

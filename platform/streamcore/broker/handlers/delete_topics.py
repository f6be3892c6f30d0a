"""DeleteTopics (key 20), versions 1 to 6 (KIP-516: by id from version 6 on).

Offsets that groups have committed there go with a topic; the answer comes when that is in
the log, so that a topic made anew under the name is read from its start. A topic that is named
twice is refused, and stays.
"""

from collections import Counter
from collections.abc import Iterator

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, delete_topic, known_topic
from streamcore.broker.topics import Topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.delete_topics import (
    DeletedTopic,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DoomedTopic,
)
from streamcore.wire.topic_ids import NO_TOPIC_ID

TOPIC_IDS_FROM = 6


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DeleteTopicsRequest, request.api_version, body)
    doomed = asked.topics
    if request.api_version < TOPIC_IDS_FROM:
        doomed = tuple(DoomedTopic(name=name) for name in asked.topic_names)
    responses = tuple(_answers(services, Counter(doomed)))
    reply = PendingReply()

    def on_forgotten() -> None:
        reply.resolve(encode(DeleteTopicsResponse(responses=responses), request.api_version))

    deleted = {one.name for one in responses if one.name and one.error_code == ErrorCode.NONE}
    services.groups.forget_topics(deleted, on_forgotten)
    return reply


def _answers(services: BrokerServices, doomed: Counter[DoomedTopic]) -> Iterator[DeletedTopic]:
    for one, times_named in doomed.items():
        try:
            topic = _find(services, one, times_named)
            delete_topic(services, topic)
        except AdminRefused as refusal:
            yield DeletedTopic(
                name=one.name,
                topic_id=one.topic_id,
                error_code=refusal.error,
                error_message=refusal.message,
            )
        else:
            yield DeletedTopic(name=topic.name, topic_id=topic.topic_id, error_code=ErrorCode.NONE)


def _find(services: BrokerServices, one: DoomedTopic, times_named: int) -> Topic:
    if (one.name is None) == (one.topic_id == NO_TOPIC_ID):
        raise AdminRefused(ErrorCode.INVALID_REQUEST, "a topic is named by its name or by its id")
    if times_named > 1:
        raise AdminRefused(ErrorCode.INVALID_REQUEST, "the topic is named more than once")
    if one.name is not None:
        return known_topic(services, one.name)
    topic = services.topics.find_id(one.topic_id)
    if topic is None:
        raise AdminRefused(ErrorCode.UNKNOWN_TOPIC_ID, f"there is no topic with id {one.topic_id}")
    return topic


HANDLER = Handler(
    api_key=ApiKey.DELETE_TOPICS,
    name="DeleteTopics",
    min_version=1,
    max_version=6,
    flexible_from=DeleteTopicsRequest.FLEXIBLE_FROM,
    answer=answer,
)

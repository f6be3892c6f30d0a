"""DeleteTopics (key 20), versions 1 to 6 (KIP-516: by id from version 6 on).

Offsets that groups have committed there go with a topic; the answer comes when that is in
the log, so that a topic made anew under the name is read from its start.
"""

from uuid import UUID

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, delete_topic, known_topic
from streamcore.broker.topics import Topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.metadata import NO_ID
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 4
MESSAGES_FROM = 5
TOPIC_IDS_FROM = 6


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    reader = WireReader(body, flexible=request.flexible)
    wanted = [_read_topic(reader, version) for _ in range(reader.array_size())]
    writer = WireWriter(flexible=request.flexible)
    writer.int32(0)  # not throttled
    writer.array_size(len(wanted))
    deleted = set()
    for name, topic_id in wanted:
        error, message = ErrorCode.NONE, None
        try:
            topic = _find(services, name, topic_id)
            name, topic_id = topic.name, topic.topic_id
            delete_topic(services, topic)
            deleted.add(topic.name)
        except AdminRefused as refusal:
            error, message = refusal.error, refusal.message
        writer.string(name)
        if version >= TOPIC_IDS_FROM:
            writer.uuid(topic_id)
        writer.int16(error)
        if version >= MESSAGES_FROM:
            writer.string(message)
        writer.end_of_struct()
    writer.end_of_struct()
    reply = PendingReply()

    def on_forgotten() -> None:
        reply.resolve(writer.done())

    services.groups.forget_topics(deleted, on_forgotten)
    return reply


def _read_topic(reader: WireReader, version: int) -> tuple[str | None, UUID]:
    if version < TOPIC_IDS_FROM:
        return reader.string(), NO_ID
    name, topic_id = reader.nullable_string(), reader.uuid()
    reader.skip_tags()
    return name, topic_id


def _find(services: BrokerServices, name: str | None, topic_id: UUID) -> Topic:
    if name is not None:
        return known_topic(services, name)
    topic = services.topics.find_id(topic_id)
    if topic is None:
        raise AdminRefused(ErrorCode.UNKNOWN_TOPIC_ID, f"there is no topic with id {topic_id}")
    return topic


HANDLER = Handler(
    api_key=ApiKey.DELETE_TOPICS,
    name="DeleteTopics",
    min_version=1,
    max_version=6,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
)

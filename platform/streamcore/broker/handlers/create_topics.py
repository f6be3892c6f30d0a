"""CreateTopics (key 19), versions 2 to 7 (KIP-464 defaults, KIP-525 settings in the answer).

Not done: more than one replica.
"""

from collections import Counter

from streamcore.broker.handlers.config_entries import SOURCE_DEFAULT, SOURCE_TOPIC
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, NewTopic, create_topic
from streamcore.broker.topic_configs import config_values
from streamcore.broker.topics import Topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.metadata import NO_ID
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 5
TOPIC_IDS_FROM = 7


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    reader = WireReader(body, flexible=request.flexible)
    wanted = [_read_topic(reader) for _ in range(reader.array_size())]
    reader.int32()  # time-out: nothing here takes long
    only_check = reader.boolean()
    writer = WireWriter(flexible=request.flexible)
    writer.int32(0)  # not throttled
    times_named = Counter(topic.name for topic in wanted)
    writer.array_size(len(times_named))
    for topic in {topic.name: topic for topic in wanted}.values():
        writer.string(topic.name)
        try:
            if times_named[topic.name] > 1:
                _refuse_twice(topic.name)
            created = create_topic(services, topic, only_check=only_check)
        except AdminRefused as refusal:
            _put_refusal(writer, refusal, request.api_version)
        else:
            count = len(created.replicas) or max(topic.partition_count, len(topic.assignments))
            _put_created(writer, services, created, count, request.api_version)
    writer.end_of_struct()
    return writer.done()


def _refuse_twice(name: str) -> None:
    raise AdminRefused(ErrorCode.INVALID_REQUEST, f"topic {name!r} is named more than once")


def _read_topic(reader: WireReader) -> NewTopic:
    name = reader.string()
    partition_count = reader.int32()
    replication_factor = reader.int16()
    assignments = {}
    for _ in range(reader.array_size()):
        partition = reader.int32()
        assignments[partition] = [reader.int32() for _ in range(reader.array_size())]
        reader.skip_tags()
    configs = {}
    for _ in range(reader.array_size()):
        key = reader.string()
        configs[key] = reader.nullable_string()
        reader.skip_tags()
    reader.skip_tags()
    return NewTopic(
        name=name,
        partition_count=partition_count,
        replication_factor=replication_factor,
        assignments=assignments,
        configs=configs,
    )


def _put_refusal(writer: WireWriter, refusal: AdminRefused, version: int) -> None:
    if version >= TOPIC_IDS_FROM:
        writer.uuid(NO_ID)
    writer.int16(refusal.error)
    writer.string(refusal.message)
    if version >= FLEXIBLE_FROM:
        writer.int32(-1)
        writer.int16(-1)
        writer.array_size(None)
    writer.end_of_struct()


def _put_created(
    writer: WireWriter, services: BrokerServices, topic: Topic, count: int, version: int
) -> None:
    if version >= TOPIC_IDS_FROM:
        writer.uuid(topic.topic_id)
    writer.int16(ErrorCode.NONE)
    writer.string(None)
    if version >= FLEXIBLE_FROM:
        writer.int32(count)
        writer.int16(1)
        values = config_values(topic.configs, services.settings)
        writer.array_size(len(values))
        for key, value in values.items():
            writer.string(key)
            writer.string(value)
            writer.boolean(False)  # can be set
            writer.int8(SOURCE_TOPIC if key in topic.configs else SOURCE_DEFAULT)
            writer.boolean(False)  # is no secret
            writer.end_of_struct()
    writer.end_of_struct()


HANDLER = Handler(
    api_key=ApiKey.CREATE_TOPICS,
    name="CreateTopics",
    min_version=2,
    max_version=7,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
    notes="one replica; cleanup.policy=compact is kept but nothing is compacted",
)

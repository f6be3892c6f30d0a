"""DeleteRecords (key 21), versions 0 to 2 (KIP-107): moves log start offsets forward.

Refused where the topic's `cleanup.policy` has no `delete`, as by Kafka.
"""

from collections.abc import Iterable

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, trim_partition
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopic,
    TrimmedPartition,
    TrimmedTopic,
)

NO_OFFSET = -1


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DeleteRecordsRequest, request.api_version, body)
    topics = tuple(
        TrimmedTopic(
            name=topic.name,
            partitions=tuple(_trimmed(services, topic.name, part) for part in _last_named(topic)),
        )
        for topic in asked.topics
    )
    return encode(DeleteRecordsResponse(topics=topics), request.api_version)


def _last_named(topic: DeleteRecordsTopic) -> Iterable[DeleteRecordsPartition]:
    """Of a partition that is named twice the last word counts, as with Kafka."""
    return {part.partition_index: part for part in topic.partitions}.values()


def _trimmed(
    services: BrokerServices, topic: str, asked: DeleteRecordsPartition
) -> TrimmedPartition:
    index, low_watermark, error = asked.partition_index, NO_OFFSET, ErrorCode.NONE
    replica = services.topics.replica(topic, index)
    if replica is None:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    else:
        try:
            low_watermark = trim_partition(services, replica, asked.offset)
        except AdminRefused as refusal:
            error = refusal.error
    return TrimmedPartition(partition_index=index, low_watermark=low_watermark, error_code=error)


HANDLER = Handler(
    api_key=ApiKey.DELETE_RECORDS,
    name="DeleteRecords",
    min_version=0,
    max_version=2,
    flexible_from=DeleteRecordsRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""DeleteRecords (key 21), versions 0 to 2 (KIP-107): moves log start offsets forward."""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, trim_partition
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 2
NO_OFFSET = -1


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    reader = WireReader(body, flexible=request.flexible)
    writer = WireWriter(flexible=request.flexible)
    writer.int32(0)  # not throttled
    topic_count = reader.array_size()
    writer.array_size(topic_count)
    for _ in range(topic_count):
        name = reader.string()
        writer.string(name)
        count = reader.array_size()
        writer.array_size(count)
        for _ in range(count):
            partition, offset = reader.int32(), reader.int64()
            reader.skip_tags()
            low_watermark, error = _trim(services, name, partition, offset)
            writer.int32(partition)
            writer.int64(low_watermark)
            writer.int16(error)
            writer.end_of_struct()
        reader.skip_tags()
        writer.end_of_struct()
    writer.end_of_struct()
    return writer.done()


def _trim(
    services: BrokerServices, name: str, partition: int, offset: int
) -> tuple[int, ErrorCode]:
    replica = services.topics.replica(name, partition)
    if replica is None:
        return NO_OFFSET, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    try:
        return trim_partition(services, replica, offset), ErrorCode.NONE
    except AdminRefused as refusal:
        return NO_OFFSET, refusal.error


HANDLER = Handler(
    api_key=ApiKey.DELETE_RECORDS,
    name="DeleteRecords",
    min_version=0,
    max_version=2,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
)

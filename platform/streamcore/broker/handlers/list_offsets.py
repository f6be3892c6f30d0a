"""ListOffsets (key 2), versions 1 to 7 (KIP-79 by time, KIP-734 newest record).

Not done: the isolation level (without transactions every record is committed).
"""

import logging
from typing import NamedTuple

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica
from streamcore.record.batch import BatchFault
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.storage.log import TimedOffset
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

logger = logging.getLogger(__name__)

FLEXIBLE_FROM = 6
LATEST = -1
EARLIEST = -2
NEWEST_RECORD = -3
NOT_FOUND = -1
NO_EPOCH = -1


class FoundOffset(NamedTuple):
    """One partition's line of the answer."""

    error: ErrorCode
    timestamp: int = NOT_FOUND
    offset: int = NOT_FOUND
    leader_epoch: int = NO_EPOCH


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    reader = WireReader(body, flexible=request.flexible)
    writer = WireWriter(flexible=request.flexible)
    reader.int32()  # replica id: -1 of a client
    if version >= 2:
        reader.int8()  # isolation level
        writer.int32(0)  # not throttled
    topic_count = reader.array_size()
    writer.array_size(topic_count)
    for _ in range(topic_count):
        _answer_topic(services, version, reader, writer)
    writer.end_of_struct()
    return writer.done()


def _answer_topic(
    services: BrokerServices, version: int, reader: WireReader, writer: WireWriter
) -> None:
    name = reader.string()
    writer.string(name)
    count = reader.array_size()
    writer.array_size(count)
    for _ in range(count):
        partition = reader.int32()
        epoch = reader.int32() if version >= 4 else NO_EPOCH
        timestamp = reader.int64()
        reader.skip_tags()
        found = _find(services.topics.replica(name, partition), timestamp, epoch)
        writer.int32(partition)
        writer.int16(found.error)
        writer.int64(found.timestamp)
        writer.int64(found.offset)
        if version >= 4:
            writer.int32(found.leader_epoch)
        writer.end_of_struct()
    reader.skip_tags()
    writer.end_of_struct()


def _find(replica: Replica | None, timestamp: int, epoch: int) -> FoundOffset:
    if replica is None:
        return FoundOffset(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if epoch not in (NO_EPOCH, replica.leader_epoch):
        is_old = epoch < replica.leader_epoch
        return FoundOffset(
            ErrorCode.FENCED_LEADER_EPOCH if is_old else ErrorCode.UNKNOWN_LEADER_EPOCH
        )
    if timestamp == LATEST:
        return _at(replica, replica.high_watermark)
    if timestamp == EARLIEST:
        return _at(replica, replica.start_offset)
    try:
        return _by_time(replica, timestamp)
    except (SegmentCorrupt, StorageFailed, BatchFault) as failure:
        logger.error("time look-up in %s: %s", replica.log.folder, failure)  # noqa: TRY400  # no trace: the fact is in the message
        return FoundOffset(ErrorCode.KAFKA_STORAGE_ERROR)


def _at(replica: Replica, offset: int) -> FoundOffset:
    return FoundOffset(ErrorCode.NONE, NOT_FOUND, offset, replica.leader_epoch)


def _by_time(replica: Replica, timestamp: int) -> FoundOffset:
    found: TimedOffset | None
    if timestamp == NEWEST_RECORD:
        found = replica.log.newest()
    elif timestamp < 0:
        return FoundOffset(ErrorCode.INVALID_REQUEST)
    else:
        found = replica.log.first_at(timestamp)
    if found is None:
        return _at(replica, NOT_FOUND)
    return FoundOffset(ErrorCode.NONE, found.timestamp, found.offset, replica.leader_epoch)


HANDLER = Handler(
    api_key=ApiKey.LIST_OFFSETS,
    name="ListOffsets",
    min_version=1,
    max_version=7,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
)

"""ListOffsets (key 2), versions 1 to 11: by time (KIP-79), newest record (KIP-734), tiers.

All records lie on this broker's disk: its earliest local offset is the log start (KIP-405), and
nothing is tiered (KIP-1005) or waits to be (KIP-1023). A partition that is named twice is refused,
as by Kafka.
"""

import logging
from collections import Counter

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica
from streamcore.record.batch import BatchFault
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.list_offsets import (
    EARLIEST_LOCAL_TIMESTAMP,
    EARLIEST_PENDING_UPLOAD_TIMESTAMP,
    EARLIEST_TIMESTAMP,
    LATEST_TIERED_TIMESTAMP,
    LATEST_TIMESTAMP,
    NEWEST_RECORD_TIMESTAMP,
    ListedOffset,
    ListedTopic,
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
)

logger = logging.getLogger(__name__)

NO_EPOCH = -1
READ_COMMITTED = 1
# The first version in which a timestamp has its meaning.
NAMED_SINCE = {
    LATEST_TIMESTAMP: 1,
    EARLIEST_TIMESTAMP: 1,
    NEWEST_RECORD_TIMESTAMP: 7,
    EARLIEST_LOCAL_TIMESTAMP: 8,
    LATEST_TIERED_TIMESTAMP: 9,
    EARLIEST_PENDING_UPLOAD_TIMESTAMP: 11,
}


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(ListOffsetsRequest, version, body)
    times_named = Counter((t.name, p.partition_index) for t in asked.topics for p in t.partitions)
    read_committed = asked.isolation_level == READ_COMMITTED

    def listed(name: str, partition: ListOffsetsPartition) -> ListedOffset:
        if times_named[name, partition.partition_index] > 1:
            return _refused(partition, ErrorCode.INVALID_REQUEST)
        replica = services.topics.replica(name, partition.partition_index)
        fault = _fault(replica, partition, version)
        if replica is None or fault:
            return _refused(partition, fault)
        end = visible_end(replica, read_committed=read_committed)
        return _find(services, replica, partition, end)

    topics = []
    for topic in asked.topics:
        # Named twice, a partition is answered once.
        partitions = {one.partition_index: listed(topic.name, one) for one in topic.partitions}
        topics.append(ListedTopic(name=topic.name, partitions=tuple(partitions.values())))
    return encode(ListOffsetsResponse(topics=tuple(topics)), version)


def visible_end(replica: Replica, *, read_committed: bool) -> int:
    """Where a reader's view of a partition ends: of committed records, before open transactions."""
    return replica.last_stable_offset if read_committed else replica.high_watermark


def _refused(asked: ListOffsetsPartition, error: ErrorCode) -> ListedOffset:
    return ListedOffset(partition_index=asked.partition_index, error_code=error)


def _none(asked: ListOffsetsPartition) -> ListedOffset:
    return _refused(asked, ErrorCode.NONE)


def _find(
    services: BrokerServices, replica: Replica, asked: ListOffsetsPartition, end: int
) -> ListedOffset:
    if asked.timestamp == LATEST_TIMESTAMP:
        return _listed(asked, replica, end)
    if asked.timestamp in (EARLIEST_TIMESTAMP, EARLIEST_LOCAL_TIMESTAMP):
        return _listed(asked, replica, replica.start_offset)
    if asked.timestamp in (LATEST_TIERED_TIMESTAMP, EARLIEST_PENDING_UPLOAD_TIMESTAMP):
        return _none(asked)
    try:
        return _by_time(replica, asked, end)
    except (SegmentCorrupt, StorageFailed, BatchFault) as failure:
        what = f"time look-up in {replica.log.folder}: {failure}"
        if services.said_once.is_new(what):
            logger.error("%s", what)  # noqa: TRY400  # no trace: the fact is in the message
        return _refused(asked, ErrorCode.KAFKA_STORAGE_ERROR)


def _fault(replica: Replica | None, asked: ListOffsetsPartition, version: int) -> ErrorCode:
    if asked.timestamp < 0 and version < NAMED_SINCE.get(asked.timestamp, version + 1):
        return ErrorCode.UNSUPPORTED_VERSION
    if replica is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    epoch = asked.current_leader_epoch
    if epoch in (NO_EPOCH, replica.leader_epoch):
        return ErrorCode.NONE
    is_old = epoch < replica.leader_epoch
    return ErrorCode.FENCED_LEADER_EPOCH if is_old else ErrorCode.UNKNOWN_LEADER_EPOCH


def _listed(
    asked: ListOffsetsPartition, replica: Replica, offset: int, *, timestamp: int = -1
) -> ListedOffset:
    return ListedOffset(
        partition_index=asked.partition_index,
        error_code=ErrorCode.NONE,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=replica.leader_epoch,
    )


def _by_time(replica: Replica, asked: ListOffsetsPartition, end: int) -> ListedOffset:
    log = replica.log
    is_newest = asked.timestamp == NEWEST_RECORD_TIMESTAMP
    found = log.newest() if is_newest else log.first_at(asked.timestamp)
    if found is None or found.offset >= end:
        return _none(asked)
    return _listed(asked, replica, found.offset, timestamp=found.timestamp)


HANDLER = Handler(
    api_key=ApiKey.LIST_OFFSETS,
    name="ListOffsets",
    min_version=1,
    max_version=11,
    flexible_from=ListOffsetsRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""OffsetForLeaderEpoch (key 23), versions 2 to 4 (KIP-101, KIP-320): where a leader's term ended.

A consumer that comes back finds out so whether what it has read is still in the log. Not done:
followers, which would see offsets beyond the high watermark.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.partition.epochs import NO_EPOCH
from streamcore.record.places import LeaderEpoch
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.offset_for_leader_epoch import (
    EpochEnd,
    EpochEndTopic,
    EpochPartition,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(OffsetForLeaderEpochRequest, request.api_version, body)
    topics = tuple(
        EpochEndTopic(
            topic=topic.topic,
            partitions=tuple(_end(services, topic.topic, one) for one in topic.partitions),
        )
        for topic in asked.topics
    )
    return encode(OffsetForLeaderEpochResponse(topics=topics), request.api_version)


def _end(services: BrokerServices, topic: str, asked: EpochPartition) -> EpochEnd:
    replica = services.topics.replica(topic, asked.partition)
    if replica is None:
        return _refused(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    known = asked.current_leader_epoch
    if known not in (NO_EPOCH, replica.leader_epoch):
        is_old = known < replica.leader_epoch
        return _refused(
            asked, ErrorCode.FENCED_LEADER_EPOCH if is_old else ErrorCode.UNKNOWN_LEADER_EPOCH
        )
    epoch, end = replica.epoch_end(LeaderEpoch(asked.leader_epoch))
    return EpochEnd(partition=asked.partition, leader_epoch=epoch, end_offset=end)


def _refused(asked: EpochPartition, error: ErrorCode) -> EpochEnd:
    return EpochEnd(partition=asked.partition, error_code=error)


HANDLER = Handler(
    api_key=ApiKey.OFFSET_FOR_LEADER_EPOCH,
    name="OffsetForLeaderEpoch",
    min_version=2,
    max_version=4,
    flexible_from=OffsetForLeaderEpochRequest.FLEXIBLE_FROM,
    answer=answer,
)

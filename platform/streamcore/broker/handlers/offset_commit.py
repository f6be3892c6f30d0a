"""OffsetCommit (key 8), versions 2 to 10: topics by id since 10 (KIP-516, KIP-848).

Answered when the offsets are in the log, which is as safe as any acknowledged record is
(`flush.acks`). What version 9 calls a member epoch is a classic group's generation, as in Kafka.
Not done: the retention time of versions 2 to 4 (the broker's own holds, as in Kafka since 2.1).
"""

from collections.abc import Mapping

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.groups.ids import GroupId
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.offset_commit import (
    CommittedPartition,
    CommittedTopic,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitTopic,
)

UNKNOWN_GROUP_NAMED_FROM = 9
TOPIC_IDS_FROM = 10
# Stands for a topic whose id nobody knows; no topic can be called so.
NO_TOPIC = ""


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(OffsetCommitRequest, version, body)
    words = _newer_words(services, asked, version)
    reply = PendingReply()

    def on_answer(response: OffsetCommitResponse) -> None:
        if words:
            pairs = zip(asked.topics, response.topics, strict=True)
            response = OffsetCommitResponse(topics=tuple(_told(*pair, words) for pair in pairs))
        reply.resolve(encode(response, version, about=asked))

    named = _with_names(services, asked) if version >= TOPIC_IDS_FROM else asked
    services.groups.commit(named, on_answer)
    return reply


def _with_names(services: BrokerServices, asked: OffsetCommitRequest) -> OffsetCommitRequest:
    topics = []
    for topic in asked.topics:
        known = services.topics.find_id(topic.topic_id)
        name = NO_TOPIC if known is None else known.name
        topics.append(OffsetCommitTopic(name=name, partitions=topic.partitions))
    return OffsetCommitRequest(
        group_id=asked.group_id,
        generation_id=asked.generation_id,
        member_id=asked.member_id,
        group_instance_id=asked.group_instance_id,
        topics=tuple(topics),
    )


def _newer_words(
    services: BrokerServices, asked: OffsetCommitRequest, version: int
) -> dict[tuple[bool, int], ErrorCode]:
    """Error codes that newer versions have for a fault, by whether the topic is unknown."""
    words = {}
    if version >= TOPIC_IDS_FROM:
        words[True, int(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)] = ErrorCode.UNKNOWN_TOPIC_ID
    is_unknown_group = services.groups.coordinator.find(GroupId(asked.group_id)) is None
    if is_unknown_group and version >= UNKNOWN_GROUP_NAMED_FROM:
        words[False, int(ErrorCode.ILLEGAL_GENERATION)] = ErrorCode.GROUP_ID_NOT_FOUND
    return words


def _told(
    asked: OffsetCommitTopic,
    answered: CommittedTopic,
    words: Mapping[tuple[bool, int], ErrorCode],
) -> CommittedTopic:
    """The answer in the words of the request: topics by their ids, newer error codes."""
    is_unknown = answered.name == NO_TOPIC
    return CommittedTopic(
        name=asked.name,
        topic_id=asked.topic_id,
        partitions=tuple(
            CommittedPartition(
                partition_index=partition.partition_index,
                error_code=words.get((is_unknown, partition.error_code), partition.error_code),
            )
            for partition in answered.partitions
        ),
    )


HANDLER = Handler(
    api_key=ApiKey.OFFSET_COMMIT,
    name="OffsetCommit",
    min_version=2,
    max_version=10,
    flexible_from=OffsetCommitRequest.FLEXIBLE_FROM,
    answer=answer,
)

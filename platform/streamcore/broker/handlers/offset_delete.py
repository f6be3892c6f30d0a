"""OffsetDelete (key 47), version 0 (KIP-496): forget offsets of topics nobody subscribes to.

A consumer group with members keeps the offsets of the topics that they subscribe to;
any other group has to be empty. Answered when that is in the log.
"""

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.groups.ids import GroupId
from streamcore.groups.offsets import TopicPartition
from streamcore.groups.protocols import CONSUMER_PROTOCOL_TYPE, subscriptions
from streamcore.groups.states import GroupState
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.offset_delete import (
    DeletedOffset,
    DeletedOffsetTopic,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(OffsetDeleteRequest, request.api_version, body)
    group = services.groups.coordinator.find(GroupId(asked.group_id))
    if group is None:
        refusal = OffsetDeleteResponse(error_code=ErrorCode.GROUP_ID_NOT_FOUND)
        return encode(refusal, request.api_version, about=asked)
    if group.state is not GroupState.EMPTY and group.protocol_type != CONSUMER_PROTOCOL_TYPE:
        refusal = OffsetDeleteResponse(error_code=ErrorCode.NON_EMPTY_GROUP)
        return encode(refusal, request.api_version, about=asked)
    in_use = subscriptions(group.roster)
    reply = PendingReply()

    def on_answer(write_error: ErrorCode) -> None:
        refusal = OffsetDeleteResponse(error_code=write_error)
        answered = refusal if write_error else _response(services, asked, in_use)
        reply.resolve(encode(answered, request.api_version, about=asked))

    places = {
        TopicPartition(topic.name, partition.partition_index): None
        for topic in asked.topics
        for partition in topic.partitions
        if not _error(services, topic.name, partition.partition_index, in_use)
    }
    services.groups.delete_offsets(asked.group_id, list(places), on_answer)
    return reply


def _response(
    services: BrokerServices, asked: OffsetDeleteRequest, in_use: frozenset[str]
) -> OffsetDeleteResponse:
    return OffsetDeleteResponse(
        topics=tuple(
            DeletedOffsetTopic(
                name=topic.name,
                partitions=tuple(
                    DeletedOffset(
                        partition_index=partition.partition_index,
                        error_code=_error(services, topic.name, partition.partition_index, in_use),
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in asked.topics
        )
    )


def _error(
    services: BrokerServices, topic: str, partition: int, in_use: frozenset[str]
) -> ErrorCode:
    if not 0 <= partition < services.groups.partition_count(topic):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if topic in in_use else ErrorCode.NONE


HANDLER = Handler(
    api_key=ApiKey.OFFSET_DELETE,
    name="OffsetDelete",
    min_version=0,
    max_version=0,
    flexible_from=None,
    answer=answer,
)

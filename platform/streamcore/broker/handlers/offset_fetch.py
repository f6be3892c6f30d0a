"""OffsetFetch (key 9), versions 1 to 10: several groups since 8 (KIP-709), topics by id since 10.

With `require_stable` (KIP-447) a partition is told as unstable while an open transaction has
committed an offset there. A classic group answers whatever member epoch is told (version 9), as
in Kafka. Who asks again for all that a group has committed is answered again, but not for ever.
"""

from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.handlers.repetitions import Repetitions
from streamcore.broker.services import BrokerServices
from streamcore.groups.ids import GroupId
from streamcore.groups.offsets import CommittedOffset, TopicPartition
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.offset_fetch import (
    FetchedGroup,
    FetchedOffset,
    FetchedTopic,
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchTopic,
)

SEVERAL_GROUPS_FROM = 8
TOPIC_IDS_FROM = 10
NOTHING_COMMITTED = -1


class Known(NamedTuple):
    """What a group has committed, and where that may change with the end of a transaction (told
    only who asks for stable offsets)."""

    committed: Mapping[TopicPartition, CommittedOffset]
    unstable: Set[TopicPartition]


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(OffsetFetchRequest, version, body)
    if version < SEVERAL_GROUPS_FROM:
        known = _known(services, asked.group_id, asked)
        topics = tuple(_fetched(services, known, asked.topics, version))
        return encode(OffsetFetchResponse(topics=topics), version, about=asked)
    # What names its partitions bounds its own answer; what asks for all could ask for ever.
    again = Repetitions()
    groups = tuple(
        FetchedGroup(
            group_id=group.group_id,
            topics=tuple(
                _fetched(services, _known(services, group.group_id, asked), group.topics, version)
            ),
        )
        for group in asked.groups
        if group.topics is not None or again.admit(group.group_id)
    )
    return encode(OffsetFetchResponse(groups=groups), version)


def _known(services: BrokerServices, group_id: str, asked: OffsetFetchRequest) -> Known:
    coordinator = services.groups.coordinator
    pending = coordinator.pending.places_of(GroupId(group_id)) if asked.require_stable else set()
    return Known(coordinator.offsets.of_group(GroupId(group_id)), pending)


def _fetched(
    services: BrokerServices,
    known: Known,
    topics: tuple[OffsetFetchTopic, ...] | None,
    version: int,
) -> Iterator[FetchedTopic]:
    for topic in _all_of(services, known) if topics is None else topics:
        name = topic.name
        if version >= TOPIC_IDS_FROM:
            found = services.topics.find_id(topic.topic_id)
            if found is None:
                yield _unknown(topic)
                continue
            name = found.name
        yield FetchedTopic(
            name=name,
            topic_id=topic.topic_id,
            partitions=tuple(
                _offset(known, TopicPartition(name, number)) for number in topic.partition_indexes
            ),
        )


def _all_of(services: BrokerServices, known: Known) -> list[OffsetFetchTopic]:
    """Everything that a group has committed. Offsets go with their topic, so each is known."""
    indexes: dict[str, list[int]] = {}
    for place in (*known.committed, *(known.unstable - known.committed.keys())):
        indexes.setdefault(place.topic, []).append(place.partition)
    topics = []
    for name, partitions in indexes.items():
        topic = services.topics.find(name)
        if topic is not None:
            topics.append(
                OffsetFetchTopic(
                    name=name, topic_id=topic.topic_id, partition_indexes=tuple(partitions)
                )
            )
    return topics


def _unknown(topic: OffsetFetchTopic) -> FetchedTopic:
    return FetchedTopic(
        topic_id=topic.topic_id,
        partitions=tuple(
            FetchedOffset(
                partition_index=index,
                committed_offset=NOTHING_COMMITTED,
                error_code=ErrorCode.UNKNOWN_TOPIC_ID,
            )
            for index in topic.partition_indexes
        ),
    )


def _offset(known: Known, place: TopicPartition) -> FetchedOffset:
    number = place.partition
    if place in known.unstable:
        return FetchedOffset(
            partition_index=number,
            committed_offset=NOTHING_COMMITTED,
            error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT,
        )
    found = known.committed.get(place)
    if found is None:
        return FetchedOffset(partition_index=number, committed_offset=NOTHING_COMMITTED)
    return FetchedOffset(
        partition_index=number,
        committed_offset=found.offset,
        committed_leader_epoch=found.leader_epoch,
        metadata=found.metadata,
    )


HANDLER = Handler(
    api_key=ApiKey.OFFSET_FETCH,
    name="OffsetFetch",
    min_version=1,
    max_version=10,
    flexible_from=OffsetFetchRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""OffsetFetch (key 9), versions 1 to 9: several groups since 8 (KIP-709).

With `require_stable` (KIP-447) an offset that an open transaction has committed is told as
unstable. Not done: the member
epochs of KIP-848.
"""

from collections.abc import Iterable, Mapping, Set

from streamcore.broker.handlers.registry import Handler, Reply, Request
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
NOTHING_COMMITTED = -1


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(OffsetFetchRequest, request.api_version, body)
    is_stable = asked.require_stable
    if request.api_version < SEVERAL_GROUPS_FROM:
        topics = _fetched(services, asked.group_id, asked.topics, is_stable=is_stable)
        return encode(OffsetFetchResponse(topics=topics), request.api_version)
    groups = tuple(
        FetchedGroup(
            group_id=group.group_id,
            topics=_fetched(services, group.group_id, group.topics, is_stable=is_stable),
        )
        for group in asked.groups
    )
    return encode(OffsetFetchResponse(groups=groups), request.api_version)


def _fetched(
    services: BrokerServices,
    group_id: str,
    topics: Iterable[OffsetFetchTopic] | None,
    *,
    is_stable: bool,
) -> tuple[FetchedTopic, ...]:
    coordinator = services.groups.coordinator
    committed = coordinator.offsets.of_group(GroupId(group_id))
    unstable = coordinator.pending.places_of(GroupId(group_id)) if is_stable else set()
    if topics is None:
        wanted: dict[str, list[int]] = {}
        for place in {**committed, **dict.fromkeys(unstable)}:
            wanted.setdefault(place.topic, []).append(place.partition)
        pairs: Iterable[tuple[str, Iterable[int]]] = wanted.items()
    else:
        pairs = [(topic.name, topic.partition_indexes) for topic in topics]
    return tuple(
        FetchedTopic(
            name=name,
            partitions=tuple(
                _offset(committed, TopicPartition(name, number), unstable) for number in indexes
            ),
        )
        for name, indexes in pairs
    )


def _offset(
    committed: Mapping[TopicPartition, CommittedOffset],
    place: TopicPartition,
    unstable: Set[TopicPartition],
) -> FetchedOffset:
    found = committed.get(place)
    if place in unstable:
        return FetchedOffset(
            partition_index=place.partition,
            committed_offset=NOTHING_COMMITTED,
            error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT,
        )
    if found is None:
        return FetchedOffset(partition_index=place.partition, committed_offset=NOTHING_COMMITTED)
    return FetchedOffset(
        partition_index=place.partition,
        committed_offset=found.offset,
        committed_leader_epoch=found.leader_epoch,
        metadata=found.metadata,
    )


HANDLER = Handler(
    api_key=ApiKey.OFFSET_FETCH,
    name="OffsetFetch",
    min_version=1,
    max_version=9,
    flexible_from=OffsetFetchRequest.FLEXIBLE_FROM,
    answer=answer,
)

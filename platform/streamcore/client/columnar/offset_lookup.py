"""Offsets that brokers know: ends of partitions, and places by time."""

from collections.abc import Iterable, Mapping

from streamcore.client.api import LogError, Offset, PartitionId, TopicName
from streamcore.client.columnar.calls import call, refused
from streamcore.client.columnar.cluster import Cluster, Place
from streamcore.client.columnar.connection import Address
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)


async def look_up_offsets(cluster: Cluster, timestamps: Mapping[Place, int]) -> dict[Place, Offset]:
    """Return the first offset not older than each timestamp (or the end that it names).

    -1 where no record is so young. Raises `LogError`; it is retriable while leaders change.
    """
    offsets: dict[Place, Offset] = {}
    for leader, places in _by_leader(cluster, timestamps).items():
        connection = await cluster.control.open(leader)
        answer = await call(
            connection,
            ApiKey.LIST_OFFSETS,
            _request(places, timestamps),
            ListOffsetsResponse,
            deadline_ms=cluster.deadline_ms(),
        )
        for topic in answer.topics:
            for listed in topic.partitions:
                if listed.error_code != ErrorCode.NONE:
                    raise refused(
                        f"offsets of {topic.name}/{listed.partition_index}", listed.error_code
                    )
                place = (TopicName(topic.name), PartitionId(listed.partition_index))
                offsets[place] = Offset(listed.offset)
    return offsets


def _by_leader(cluster: Cluster, places: Iterable[Place]) -> dict[Address, list[Place]]:
    grouped: dict[Address, list[Place]] = {}
    for place in places:
        leader = cluster.leader(place)
        if leader is None:
            raise LogError(f"{place[0]}/{place[1]} has no leader", retriable=True)
        grouped.setdefault(leader, []).append(place)
    return grouped


def _request(places: Iterable[Place], timestamps: Mapping[Place, int]) -> ListOffsetsRequest:
    topics: dict[TopicName, list[ListOffsetsPartition]] = {}
    for place in places:
        topics.setdefault(place[0], []).append(
            ListOffsetsPartition(partition_index=place[1], timestamp=timestamps[place])
        )
    return ListOffsetsRequest(
        topics=tuple(
            ListOffsetsTopic(name=name, partitions=tuple(partitions))
            for name, partitions in topics.items()
        )
    )

"""Topics and their ends, asked of the cluster."""

from collections.abc import Mapping, Sequence

from streamcore.client.api import LogError, Offset, TopicName, TopicSpec
from streamcore.client.columnar.calls import call, error_name, is_retriable
from streamcore.client.columnar.cluster import Cluster, Place
from streamcore.client.columnar.coordinator import GroupCoordinator
from streamcore.client.columnar.offset_lookup import look_up_offsets
from streamcore.client.columnar.retrying import retried
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.create_topics import (
    CreateTopicsRequest,
    CreateTopicsResponse,
    NewTopic,
    TopicConfig,
)
from streamcore.wire.messages.list_offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP


class ColumnarAdmin:
    """Implements `api.LogAdmin`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        await retried(self._cluster, lambda: self._ensure(topics))

    async def _ensure(self, topics: Sequence[TopicSpec]) -> None:
        await self._create_missing(topics)
        for place in self._cluster.places(spec.name for spec in topics):
            if self._cluster.leader(place) is None:
                raise LogError(f"{place[0]}/{place[1]} has no leader yet", retriable=True)

    async def _create_missing(self, topics: Sequence[TopicSpec]) -> None:
        names = [spec.name for spec in topics]
        await self._cluster.refresh(names)
        missing = [spec for spec in topics if self._cluster.topic(spec.name) is None]
        if not missing:
            return
        answer = await call(
            await self._cluster.controller(),
            ApiKey.CREATE_TOPICS,
            CreateTopicsRequest(
                topics=tuple(_new_topic(spec) for spec in missing),
                timeout_ms=self._cluster.settings.request_timeout_ms,
            ),
            CreateTopicsResponse,
            deadline_ms=self._cluster.deadline_ms(),
        )
        for made in answer.topics:
            if made.error_code not in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS):
                why = made.error_message or error_name(made.error_code)
                retriable = is_retriable(made.error_code) or (
                    made.error_code == ErrorCode.NOT_CONTROLLER
                )
                raise LogError(f"making topic {made.name!r}: {why}", retriable=retriable)
        await self._cluster.require_topics(names)

    async def partition_count(self, topic: TopicName) -> int:
        await self._cluster.refresh([topic])
        known = self._cluster.topic(topic)
        if known is None:
            raise LogError(f"topic {topic!r} does not exist", retriable=True)
        return known.partition_count

    async def end_offsets(self, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        return await self._offsets(topics, LATEST_TIMESTAMP)

    async def start_offsets(self, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        return await self._offsets(topics, EARLIEST_TIMESTAMP)

    async def committed(self, group: str, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        await self._cluster.require_topics(topics)
        coordinator = GroupCoordinator(self._cluster, group)
        places = self._cluster.places(topics)
        try:
            return await retried(self._cluster, lambda: coordinator.committed(places))
        finally:
            coordinator.close()

    async def _offsets(self, topics: Sequence[TopicName], timestamp: int) -> Mapping[Place, Offset]:
        async def attempt() -> Mapping[Place, Offset]:
            await self._cluster.refresh(topics)
            await self._cluster.require_topics(topics)
            places = self._cluster.places(topics)
            return await look_up_offsets(self._cluster, dict.fromkeys(places, timestamp))

        return await retried(self._cluster, attempt)


def _new_topic(spec: TopicSpec) -> NewTopic:
    return NewTopic(
        name=spec.name,
        num_partitions=spec.partitions,
        replication_factor=spec.replication_factor,
        configs=tuple(TopicConfig(name=name, value=value) for name, value in spec.configs.items()),
    )

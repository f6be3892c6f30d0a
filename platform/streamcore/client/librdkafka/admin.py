"""Topics and their ends, asked through librdkafka's admin client."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it has no __all__
    AdminClient,
    ClusterMetadata,
    NewTopic,
    OffsetSpec,
)

from groundwork.backoff import Backoff
from groundwork.seams import Clock, Rng
from streamcore.client.api import (
    LogError,
    LogSettings,
    Offset,
    PartitionId,
    TopicName,
    TopicSpec,
)
from streamcore.client.librdkafka.faults import in_thread, log_error
from streamcore.wire.messages.list_offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP

Place = tuple[TopicName, PartitionId]
METADATA_TIMEOUT_S = 2.0  # one attempt; attempts repeat until the caller's deadline


class LibrdkafkaAdmin:
    """Implements `api.LogAdmin`."""

    def __init__(
        self,
        client: AdminClient,
        settings: LogSettings,
        clock: Clock,
        rng: Rng,
        refusals: list[KafkaError],
    ) -> None:
        """`refusals` is where the client's callback leaves why a broker does not let it in."""
        self._client = client
        self._refusals = refusals
        self._settings = settings
        self._clock = clock
        self._rng = rng

    async def describe(self, *, give_up_ms: int) -> ClusterMetadata:
        """Return the cluster's topics. Raises `LogError` when no broker answers in time."""
        backoff = Backoff(self._rng)
        while True:
            self._refusals.clear()
            try:
                return await in_thread(
                    f"no broker answers at {self._settings.bootstrap_servers}",
                    lambda: self._client.list_topics(timeout=METADATA_TIMEOUT_S),
                )
            except LogError:
                self._client.poll(0)  # brings what the broker said
                if self._refusals:
                    raise log_error(self._settings.bootstrap_servers, self._refusals[0]) from None
                retry_ms = self._clock.monotonic_ms() + backoff.next_delay_ms()
                if retry_ms >= give_up_ms:
                    raise
                await self._clock.sleep_until(retry_ms)

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        give_up_ms = self._deadline_ms()
        backoff = Backoff(self._rng)
        await self._create_missing(topics)
        while not await self._all_led(topics):
            retry_ms = self._clock.monotonic_ms() + backoff.next_delay_ms()
            if retry_ms >= give_up_ms:
                raise LogError("topics were made and have no leaders yet", retriable=True)
            await self._clock.sleep_until(retry_ms)

    async def _create_missing(self, topics: Sequence[TopicSpec]) -> None:
        there = (await self.describe(give_up_ms=self._deadline_ms())).topics
        missing = [spec for spec in topics if spec.name not in there]
        if not missing:
            return
        made = self._client.create_topics(
            [
                NewTopic(
                    spec.name,
                    num_partitions=spec.partitions,
                    replication_factor=spec.replication_factor,
                    config=dict(spec.configs),
                )
                for spec in missing
            ]
        )
        for name, outcome in made.items():
            try:
                await asyncio.wrap_future(outcome)
            except KafkaException as failure:
                error = failure.args[0]
                if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise log_error(f"making topic {name!r}", error) from None

    async def _all_led(self, topics: Sequence[TopicSpec]) -> bool:
        there = (await self.describe(give_up_ms=self._deadline_ms())).topics
        return all(
            spec.name in there
            and there[spec.name].partitions
            and all(partition.leader >= 0 for partition in there[spec.name].partitions.values())
            for spec in topics
        )

    async def partition_count(self, topic: TopicName) -> int:
        return len(await self.places([topic]))

    async def places(self, topics: Sequence[TopicName]) -> list[Place]:
        """Return every partition of these topics. Raises `LogError` for a missing one."""
        there = (await self.describe(give_up_ms=self._deadline_ms())).topics
        places: list[Place] = []
        for name in topics:
            if name not in there or not there[name].partitions:
                raise LogError(f"topic {name!r} does not exist", retriable=True)
            places += [(name, PartitionId(index)) for index in sorted(there[name].partitions)]
        return places

    async def end_offsets(self, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        places = await self.places(topics)
        return await self.look_up(dict.fromkeys(places, LATEST_TIMESTAMP))

    async def start_offsets(self, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        places = await self.places(topics)
        return await self.look_up(dict.fromkeys(places, EARLIEST_TIMESTAMP))

    async def look_up(self, wanted: Mapping[Place, int]) -> dict[Place, Offset]:
        """Return the first offset not older than each timestamp (or the end that it names).

        -1 where no record is so young.
        """
        if not wanted:
            return {}
        answers = self._client.list_offsets(
            {TopicPartition(*place): _spec(timestamp) for place, timestamp in wanted.items()}
        )
        found: dict[Place, Offset] = {}
        for partition, outcome in answers.items():
            listed = await _outcome(f"offsets of {partition.topic}/{partition.partition}", outcome)
            place = (TopicName(partition.topic), PartitionId(partition.partition))
            found[place] = Offset(listed.offset)
        return found

    async def committed(self, group: str, topics: Sequence[TopicName]) -> Mapping[Place, Offset]:
        partitions = [TopicPartition(topic, index) for topic, index in await self.places(topics)]
        answers = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, partitions)]
        )
        listed = await _outcome(f"offsets of group {group!r}", answers[group])
        return {
            (TopicName(partition.topic), PartitionId(partition.partition)): Offset(partition.offset)
            for partition in listed.topic_partitions or ()
            if partition.offset >= 0
        }

    def _deadline_ms(self) -> int:
        return self._clock.monotonic_ms() + self._settings.request_timeout_ms


async def _outcome(what: str, outcome: "Future[Any]") -> Any:
    try:
        return await asyncio.wrap_future(outcome)
    except KafkaException as failure:
        raise log_error(what, failure.args[0]) from None


def _spec(timestamp: int) -> OffsetSpec:
    return OffsetSpec(timestamp)  # type: ignore[abstract] # its __new__ chooses the subclass

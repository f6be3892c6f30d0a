"""What is known of the cluster: which brokers there are, and who leads which partition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NewType, TypeVar

from groundwork.backoff import Backoff
from groundwork.seams import Clock, Rng
from streamcore.client.api import LogError, LogSettings, PartitionId, TopicName
from streamcore.client.columnar.calls import call, error_name, is_retriable
from streamcore.client.columnar.connection import Address, BrokerConnection, ConnectionLost
from streamcore.client.columnar.nodes import NodeConnections, parse_addresses
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.metadata import (
    DescribedTopic,
    MetadataRequest,
    MetadataResponse,
    MetadataTopic,
)

NodeId = NewType("NodeId", int)
Place = tuple[TopicName, PartitionId]
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTopic:
    """A topic as last described. A partition without a leader is not in `leaders`."""

    partition_count: int
    leaders: Mapping[int, NodeId]


class Cluster:
    """The view of a cluster that all clients of one `Log` share, and its control connections."""

    def __init__(self, settings: LogSettings, clock: Clock, rng: Rng) -> None:
        self.settings = settings
        self.clock = clock
        self.rng = rng
        self.control = NodeConnections(settings, clock)
        self._bootstrap = parse_addresses(settings.bootstrap_servers)
        self._nodes: dict[NodeId, Address] = {}
        self._controller: NodeId | None = None
        self._topics: dict[TopicName, KnownTopic] = {}

    def deadline_ms(self) -> int:
        """When a request that is sent now must have been answered."""
        return self.clock.monotonic_ms() + self.settings.request_timeout_ms

    async def connect(self) -> None:
        """Return once a broker has answered. Raises `LogError` after `connect_timeout_ms`."""
        give_up_ms = self.clock.monotonic_ms() + self.settings.connect_timeout_ms
        backoff = Backoff(self.rng)
        while True:
            try:
                await self.refresh([])
            except LogError as error:
                if not error.retriable:
                    raise
                retry_ms = self.clock.monotonic_ms() + backoff.next_delay_ms()
                if retry_ms >= give_up_ms:
                    raise LogError(
                        f"{error} (tried for {self.settings.connect_timeout_ms} ms)",
                        retriable=True,
                    ) from None
                await self.clock.sleep_until(retry_ms)
            else:
                return

    def topic(self, name: TopicName) -> KnownTopic | None:
        return self._topics.get(name)

    def leader(self, place: Place) -> Address | None:
        """Return where the leader of a partition listens; None while that is not known."""
        known = self._topics.get(place[0])
        node = known.leaders.get(place[1]) if known else None
        return None if node is None else self._nodes.get(node)

    def address(self, node: NodeId) -> Address | None:
        return self._nodes.get(node)

    async def refresh(self, topics: Iterable[TopicName]) -> None:
        """Ask any broker how these topics are led. Topics that do not exist are forgotten.

        Raises `LogError` when no broker answers.
        """
        wanted = sorted(set(topics))
        answer = await self.ask_any(
            ApiKey.METADATA,
            MetadataRequest(topics=tuple(MetadataTopic(name=name) for name in wanted)),
            MetadataResponse,
        )
        self._nodes = {
            NodeId(broker.node_id): Address(f"{broker.host}:{broker.port}")
            for broker in answer.brokers
        }
        self._controller = NodeId(answer.controller_id)
        for described in answer.topics:
            self._describe(described)

    def _describe(self, described: DescribedTopic) -> None:
        assert described.name is not None, "topics are asked for by name"
        name = TopicName(described.name)
        if described.error_code == ErrorCode.NONE:
            self._topics[name] = KnownTopic(
                partition_count=len(described.partitions),
                leaders={
                    partition.partition_index: NodeId(partition.leader_id)
                    for partition in described.partitions
                    if partition.leader_id >= 0
                },
            )
        elif described.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            self._topics.pop(name, None)
        elif not is_retriable(described.error_code):
            raise LogError(f"topic {name!r}: {error_name(described.error_code)}", retriable=False)

    async def ask_any(self, key: ApiKey, request: Message, answer: type[Answer]) -> Answer:
        """Ask the first broker that answers, those that we are connected to before the others."""
        failure: LogError | None = None
        for address in self._addresses():
            try:
                connection = await self.control.open(address)
                return await call(connection, key, request, answer, deadline_ms=self.deadline_ms())
            except (ConnectionLost, TimeoutError) as error:
                failure = error if isinstance(error, LogError) else ConnectionLost(str(address))
        assert failure is not None, "there is at least one bootstrap server"
        raise failure

    async def controller(self) -> BrokerConnection:
        """Return a connection to the broker that makes topics."""
        address = None if self._controller is None else self._nodes.get(self._controller)
        return await self.control.open(address or self._addresses()[0])

    def _addresses(self) -> list[Address]:
        known = list(dict.fromkeys([*self._nodes.values(), *self._bootstrap]))
        return sorted(known, key=lambda address: self.control.live(address) is None)

    async def require_topics(self, topics: Iterable[TopicName]) -> None:
        """Raises `LogError` naming a topic that does not exist."""
        wanted = list(topics)
        if not all(name in self._topics for name in wanted):
            await self.refresh(wanted)
        for name in wanted:
            if name not in self._topics:
                raise LogError(f"topic {name!r} does not exist", retriable=True)

    def places(self, topics: Iterable[TopicName]) -> list[Place]:
        """Return every partition of these topics, which must be known."""
        return [
            (name, PartitionId(index))
            for name in topics
            for index in range(self._topics[name].partition_count)
        ]

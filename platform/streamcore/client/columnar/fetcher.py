"""The fetches of one consumer: at most one a broker is under way or waits to be taken.

That bounds memory: beside the answer that the caller works on there is one more a broker.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streamcore.client.api import Offset, Subscription
from streamcore.client.columnar.cluster import Cluster, Place
from streamcore.client.columnar.connection import Address, BrokerConnection
from streamcore.client.columnar.fetch_codec import FetchLimits, encode_fetch
from streamcore.client.columnar.nodes import NodeConnections
from streamcore.client.columnar.versions import FETCH_VERSION
from streamcore.wire.api_keys import ApiKey

PARTITION_BYTES_MIN = 1 << 20  # a batch of the usual largest size fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The body of a Fetch answer, and from which offsets it was asked."""

    leader: Address
    asked: Mapping[Place, Offset]
    body: memoryview


class Fetcher:
    """Sends fetches and keeps their answers until they are taken. `wake` is called for each."""

    def __init__(self, cluster: Cluster, subscription: Subscription, wake: Callable[[], None]):
        self.connections = NodeConnections(cluster.settings, cluster.clock)
        self.has_lost_one = False  # a connection went: who leads may have changed
        self._cluster = cluster
        self._subscription = subscription
        self._wake = wake
        self._busy: set[Address] = set()
        self._answers: list[Answer] = []  # bounded: one a broker

    def fetch(self, wanted: Mapping[Address, Mapping[Place, Offset]]) -> bool:
        """Ask each leader that has nothing under way. Returns whether all can be reached."""
        all_live = True
        for leader, offsets in wanted.items():
            if leader in self._busy:
                continue
            connection = self.connections.live(leader)
            if connection is None:
                all_live = False
            else:
                self._ask(connection, offsets)
        return all_live

    def take_answers(self) -> list[Answer]:
        """Return what has arrived; its brokers may be asked again."""
        answers, self._answers = self._answers, []
        self._busy -= {answer.leader for answer in answers}
        return answers

    def close(self) -> None:
        self.connections.close()

    def _ask(self, connection: BrokerConnection, offsets: Mapping[Place, Offset]) -> None:
        wanted = self._subscription
        limits = FetchLimits(
            wait_ms_max=wanted.wait_ms_max,
            bytes_min=wanted.bytes_min,
            bytes_max=wanted.bytes_max,
            partition_bytes_max=max(PARTITION_BYTES_MIN, wanted.bytes_max // len(offsets)),
        )
        leader = connection.address
        self._busy.add(leader)
        connection.ask(
            ApiKey.FETCH,
            FETCH_VERSION,
            (encode_fetch(offsets, limits),),
            flexible=False,
            deadline_ms=self._cluster.deadline_ms() + wanted.wait_ms_max,
            on_answer=lambda body: self._on_answer(leader, offsets, body),
            on_lost=lambda _: self._on_lost(leader),
        )

    def _on_answer(
        self, leader: Address, offsets: Mapping[Place, Offset], body: memoryview
    ) -> None:
        self._answers.append(Answer(leader=leader, asked=offsets, body=body))
        self._wake()

    def _on_lost(self, leader: Address) -> None:
        self._busy.discard(leader)
        self.has_lost_one = True
        self._wake()

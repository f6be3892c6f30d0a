"""Where one-partition produce requests go, by the bytes before their records.

A client's requests for a partition differ in their records alone: what the bytes before
them mean is worked out once. Kept until the catalogue changes.
"""

from dataclasses import dataclass

from streamcore.broker.topics import Topic, TopicCatalogue
from streamcore.partition.replica import Replica
from streamcore.wire import produce

# One entry for each client's settings, partition and version.
ROUTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ProduceRoute:
    """A partition that takes records, and how such a request is answered."""

    acks: int
    topic_key: bytes
    partition: int
    replica: Replica
    reply_head: bytes
    reply_tail: bytes


class ProduceRoutes:
    """Routes by prefix. The oldest goes when it is full."""

    def __init__(self, topics: TopicCatalogue) -> None:
        self._topics = topics
        self._routes: dict[tuple[int, bytes], ProduceRoute] = {}
        self._generation = -1

    def find(self, prefix: bytes, version: int) -> ProduceRoute | None:
        """None where the request takes the general way: it is not plain, or will be refused."""
        if self._topics.generation != self._generation:
            self._routes.clear()
            self._generation = self._topics.generation
        return self._routes.get((version, prefix)) or self._learnt(prefix, version)

    def _learnt(self, prefix: bytes, version: int) -> ProduceRoute | None:
        meaning = produce.read_prefix(prefix, version)
        if meaning is None or meaning.acks not in produce.ACKS:
            return None
        topic = self._topics.find_key(meaning.topic_key, by_id=version >= produce.TOPIC_IDS_FROM)
        replica = _replica(topic, meaning.partition)
        if replica is None:
            return None
        head, tail = produce.reply_around_numbers(meaning, version)
        route = ProduceRoute(
            acks=meaning.acks,
            topic_key=meaning.topic_key,
            partition=meaning.partition,
            replica=replica,
            reply_head=head,
            reply_tail=tail,
        )
        if len(self._routes) >= ROUTES_MAX:
            self._routes.pop(next(iter(self._routes)))
        self._routes[version, prefix] = route
        return route


def _replica(topic: Topic | None, partition: int) -> Replica | None:
    return None if topic is None or topic.is_internal else topic.replica(partition)

"""The log's topics: rates from their ends, lag from the offsets that groups commit."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from rideflow.contracts.operations import TopicLine
from streamcore.client.api import Offset, PartitionId, TopicName

Place = tuple[TopicName, PartitionId]
Ends = Mapping[Place, Offset]

RATE_OVER_MS: Final = 5_000


class TopicBook:
    """Ends of the last seconds. Bounded: some five of them."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, Ends]] = deque()
        self._committed: dict[str, Ends] = {}

    def take_ends(self, at_ms: int, ends: Ends) -> None:
        """`at_ms` is monotonic."""
        self._ends.append((at_ms, ends))
        while len(self._ends) > 2 and self._ends[1][0] <= at_ms - RATE_OVER_MS:
            self._ends.popleft()

    def take_committed(self, group: str, offsets: Ends) -> None:
        self._committed[group] = offsets

    def records(self, topic: str) -> int:
        """Records ever appended to a topic."""
        return sum(self._by_partition(topic))

    def rate(self, topic: str) -> float:
        """Records appended a second, over the last seconds."""
        if len(self._ends) < 2:
            return 0.0
        (first_ms, first), (last_ms, last) = self._ends[0], self._ends[-1]
        grown = sum(last[place] - first.get(place, 0) for place in last if place[0] == topic)
        return max(0.0, 1000 * grown / max(1, last_ms - first_ms))

    def lines(self, gauges: Mapping[str, Mapping[str, float]]) -> list[TopicLine]:
        """One line a topic. `gauges`: reader -> {topic: lag}, as readers say it themselves."""
        return [self._line(topic, gauges) for topic in self._topics()]

    def _line(self, topic: str, gauges: Mapping[str, Mapping[str, float]]) -> TopicLine:
        ends = self._by_partition(topic)
        lag = {reader: int(lags[topic]) for reader, lags in gauges.items() if topic in lags}
        for group, committed in self._committed.items():
            behind = self._behind(topic, committed)
            if behind is not None:
                # What a reader says itself is newer than what its group last committed.
                lag.setdefault(group, behind)
        return TopicLine(
            topic=topic,
            partitions=len(ends),
            records_per_second=round(self.rate(topic), 1),
            end_offsets=ends,
            lag_records=lag,
        )

    def _behind(self, topic: str, committed: Ends) -> int | None:
        """None where the group reads nothing of the topic."""
        newest = self._ends[-1][1]
        places = [place for place in committed if place[0] == topic and place in newest]
        if not places:
            return None
        # A commit may be newer than the ends that we asked for before it.
        return sum(max(0, newest[place] - committed[place]) for place in places)

    def _topics(self) -> list[TopicName]:
        return sorted({place[0] for place in self._ends[-1][1]}) if self._ends else []

    def _by_partition(self, topic: str) -> list[int]:
        if not self._ends:
            return []
        newest = self._ends[-1][1]
        return [int(newest[place]) for place in sorted(newest) if place[0] == topic]

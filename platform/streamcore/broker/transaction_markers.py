"""Tells partitions how a transaction has ended, by a control batch in each."""

from collections.abc import Callable, Iterable

from groundwork.seams import Clock
from streamcore.broker.append_round import AppendRound
from streamcore.broker.group_service import GroupService
from streamcore.broker.topics import TopicCatalogue
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.partition.replica import Placement
from streamcore.record.control import Marker, MarkerType, encode_marker
from streamcore.transactions.transaction import Place, ProducerIdentity
from streamcore.wire.error_codes import ErrorCode

# One broker coordinates all transactions, and has never another before it.
COORDINATOR_EPOCH = 0

OnMarked = Callable[[frozenset[Place]], None]
"""Told the partitions that have no marker yet, because their disk refused it."""


class TransactionMarkers:
    """Writes markers. A partition that does not exist any more needs none."""

    def __init__(
        self, *, clock: Clock, topics: TopicCatalogue, appends: AppendRound, groups: GroupService
    ) -> None:
        self._clock = clock
        self._topics = topics
        self._appends = appends
        self._groups = groups

    def write(
        self,
        identity: ProducerIdentity,
        places: Iterable[Place],
        *,
        is_commit: bool,
        on_marked: OnMarked,
    ) -> None:
        """End the transaction of a producer in `places`; `on_marked` is called once."""
        marker = Marker(MarkerType.COMMIT if is_commit else MarkerType.ABORT, COORDINATOR_EPOCH)
        batch = encode_marker(
            marker,
            producer_id=identity.producer_id,
            producer_epoch=identity.epoch,
            timestamp_ms=self._clock.now_ms(),
        )
        staged: dict[Place, Placement] = {}
        for place in sorted(places):
            replica = self._topics.replica(place.topic, place.partition)
            if replica is not None:
                staged[place] = self._appends.stage_own(replica, batch)

        def on_kept(is_kept: bool) -> None:
            unmarked = frozenset(
                place
                for place, placement in staged.items()
                if not is_kept or placement.error is not ErrorCode.NONE
            )
            for place in staged.keys() - unmarked:
                if place.topic == OFFSETS_TOPIC:
                    self._groups.end_transaction(
                        identity.producer_id, place.partition, is_commit=is_commit
                    )
            on_marked(unmarked)

        self._appends.when_kept(on_kept)

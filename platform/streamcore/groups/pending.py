"""Offsets that were committed inside transactions which are still open (KIP-98, KIP-447).

They count when their transaction's marker says so, and are forgotten when it was aborted.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streamcore.groups.ids import GroupId
from streamcore.groups.offsets import CommittedOffset, TopicPartition


class TransactionPart(NamedTuple):
    """What one producer's transaction has in one partition of `__consumer_offsets`."""

    producer_id: int
    partition: int


Offsets = dict[TopicPartition, CommittedOffset]


class PendingOffsets:
    """Bounded by the open transactions and by what exists, as committed offsets are."""

    def __init__(self) -> None:
        self._parts: dict[TransactionPart, dict[GroupId, Offsets]] = {}

    def put(
        self,
        part: TransactionPart,
        group_id: GroupId,
        offsets: Mapping[TopicPartition, CommittedOffset],
    ) -> None:
        self._parts.setdefault(part, {}).setdefault(group_id, {}).update(offsets)

    def take(self, part: TransactionPart) -> Mapping[GroupId, Offsets]:
        """The transaction has ended there: hand out what waited for that."""
        return self._parts.pop(part, {})

    def group_ids(self) -> set[GroupId]:
        return {group_id for groups in self._parts.values() for group_id in groups}

    def places_of(self, group_id: GroupId) -> set[TopicPartition]:
        """Return the partitions for which it is not yet known what is committed."""
        return {place for groups in self._parts.values() for place in groups.get(group_id, ())}

    def forget(self, group_id: GroupId, place: TopicPartition) -> None:
        """The offset was deleted: no marker brings it back."""
        for groups in self._parts.values():
            groups.get(group_id, {}).pop(place, None)

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
    """Counted and bounded as committed offsets are."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self._parts: dict[TransactionPart, dict[GroupId, Offsets]] = {}
        # The same by group: whoever asks about many groups is not to go through all transactions
        # for each of them.
        self._groups: dict[GroupId, dict[TransactionPart, Offsets]] = {}

    def put(
        self,
        part: TransactionPart,
        group_id: GroupId,
        offsets: Mapping[TopicPartition, CommittedOffset],
    ) -> None:
        kept = self._parts.setdefault(part, {}).setdefault(group_id, {})
        for place, committed in offsets.items():
            before = kept.get(place)
            self.held_bytes += committed.bytes_held() - (before.bytes_held() if before else 0)
            kept[place] = committed
        self._groups.setdefault(group_id, {})[part] = kept

    def take(self, part: TransactionPart) -> Mapping[GroupId, Offsets]:
        """The transaction has ended there: hand out what waited for that."""
        ended = self._parts.pop(part, {})
        for group_id, kept in ended.items():
            self.held_bytes -= sum(offset.bytes_held() for offset in kept.values())
            of_group = self._groups[group_id]
            del of_group[part]
            if not of_group:
                del self._groups[group_id]
        return ended

    def group_ids(self) -> set[GroupId]:
        return set(self._groups)

    def places_of(self, group_id: GroupId) -> set[TopicPartition]:
        """Return the partitions for which it is not yet known what is committed."""
        return {place for kept in self._groups.get(group_id, {}).values() for place in kept}

    def forget(self, group_id: GroupId, place: TopicPartition) -> None:
        """The offset was deleted: no marker brings it back."""
        for kept in self._groups.get(group_id, {}).values():
            removed = kept.pop(place, None)
            self.held_bytes -= removed.bytes_held() if removed else 0

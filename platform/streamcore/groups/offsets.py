"""Committed offsets of all groups: where each will read next, partition by partition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from streamcore.groups.ids import GroupId
from streamcore.record.places import LeaderEpoch, Offset

NOT_IN_LOG = Offset(-1)
# What a committed offset, and a group that has one, takes beside its texts, about.
OVERHEAD_BYTES: Final = 400


class TopicPartition(NamedTuple):
    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedOffset:
    """A promise about everything before `offset`. `metadata` is the client's own text.

    Of two for one partition that one counts which stands later in the log, at `log_offset`.
    """

    offset: Offset
    leader_epoch: LeaderEpoch
    metadata: str
    commit_ms: int
    log_offset: Offset = NOT_IN_LOG

    def bytes_held(self) -> int:
        """What it takes to remember this."""
        return OVERHEAD_BYTES + len(self.metadata)


class OffsetTable:
    """Holds what it is given, and counts it: whoever plans commits refuses what is too much."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self._groups: dict[GroupId, dict[TopicPartition, CommittedOffset]] = {}

    def __contains__(self, group_id: GroupId) -> bool:
        return group_id in self._groups

    def group_ids(self) -> Iterator[GroupId]:
        return iter(list(self._groups))

    def of_group(self, group_id: GroupId) -> Mapping[TopicPartition, CommittedOffset]:
        return self._groups.get(group_id, {})

    def put(self, group_id: GroupId, place: TopicPartition, committed: CommittedOffset) -> None:
        """Commit an offset, unless a later one is known: what comes out of a transaction was
        written before its end."""
        of_group = self._groups.get(group_id)
        if of_group is None:
            of_group = self._groups[group_id] = {}
            self.held_bytes += OVERHEAD_BYTES + len(group_id)
        known = of_group.get(place)
        if known is None or known.log_offset <= committed.log_offset:
            self.held_bytes += committed.bytes_held() - (known.bytes_held() if known else 0)
            of_group[place] = committed

    def remove(self, group_id: GroupId, place: TopicPartition) -> None:
        """Forget one committed offset; the group's entry goes with its last one."""
        offsets = self._groups.get(group_id)
        if offsets is None:
            return
        removed = offsets.pop(place, None)
        self.held_bytes -= removed.bytes_held() if removed else 0
        if not offsets:
            del self._groups[group_id]
            self.held_bytes -= OVERHEAD_BYTES + len(group_id)

    def expired(
        self, group_id: GroupId, *, empty_since_ms: int, now_ms: int, retention_ms: int
    ) -> list[TopicPartition]:
        """What an empty group no longer keeps: nobody committed it, or was a member, for as
        long as `retention_ms` (KIP-211). Times are unix ms."""
        return [
            place
            for place, committed in self.of_group(group_id).items()
            if now_ms - max(committed.commit_ms, empty_since_ms) >= retention_ms
        ]

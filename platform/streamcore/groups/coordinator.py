"""All groups of a broker and their committed offsets. Decides; writes and sends nothing.

Two clocks come in: `now_ms` is monotonic and ends waits, `unix_ms` stands in the log.
What has to be written is handed out as log entries; `restore` takes them back at start.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from groundwork.seams import Rng
from streamcore.groups.answers import Answer, refused_join
from streamcore.groups.commits import CommitPlan, PartitionCount, plan_commit
from streamcore.groups.group import Group
from streamcore.groups.ids import Generation, GroupId, MemberId, Ticket
from streamcore.groups.log_records import (
    GroupKey,
    GroupValue,
    LogEntry,
    OffsetKey,
    OffsetValue,
    committed_from,
    tombstones,
)
from streamcore.groups.member import JoinContext, protocols_bytes
from streamcore.groups.offsets import NOT_IN_LOG, CommittedOffset, OffsetTable, TopicPartition
from streamcore.groups.pending import PendingOffsets, TransactionPart
from streamcore.groups.roster import Holding
from streamcore.groups.settings import GroupSettings
from streamcore.groups.snapshots import resume, snapshot
from streamcore.groups.states import GroupState
from streamcore.record.places import Offset
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.heartbeat import HeartbeatRequest
from streamcore.wire.messages.join_group import JoinGroupRequest
from streamcore.wire.messages.leave_group import LeaveGroupRequest, LeavingMember
from streamcore.wire.messages.offset_commit import OffsetCommitRequest
from streamcore.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

MEMBER_ID_BYTES = 16
# Of what a client is called, which may be as long as a text can be, and then the id longer.
MEMBER_ID_PREFIX_MAX = 255


class GroupCoordinator:
    """Groups by id. A group lives while it has members or committed offsets."""

    def __init__(self, settings: GroupSettings, rng: Rng) -> None:
        self.offsets = OffsetTable()
        self.pending = PendingOffsets()
        self._settings = settings
        self._rng = rng
        self._groups: dict[GroupId, Group] = {}
        self._members = Holding()
        self._values: dict[GroupId, GroupValue] = {}  # groups as the log has them
        self._written_rests: dict[GroupId, int] = {}

    # Membership

    def join(self, request: JoinGroupRequest, context: JoinContext, now_ms: int) -> list[Answer]:
        fault = self._join_fault(request)
        if fault:
            return [(context.ticket, refused_join(fault, request))]
        group = self._groups.get(GroupId(request.group_id))
        if group is None:
            group = self._groups[GroupId(request.group_id)] = self._new_group(request.group_id)
        return group.join(request, context, now_ms)

    def sync(self, request: SyncGroupRequest, ticket: Ticket, now_ms: int) -> list[Answer]:
        group = self._groups.get(GroupId(request.group_id))
        if group is None:
            return [(ticket, SyncGroupResponse(error_code=_no_group_fault(request.group_id)))]
        if not self._has_room(group, sum(len(one.assignment) for one in request.assignments)):
            # Kafka's word for an assignment that its log does not take.
            return [(ticket, SyncGroupResponse(error_code=ErrorCode.UNKNOWN_SERVER_ERROR))]
        return group.sync(request, ticket, now_ms)

    def heartbeat(self, request: HeartbeatRequest, now_ms: int) -> ErrorCode:
        group = self._groups.get(GroupId(request.group_id))
        if group is None:
            return _no_group_fault(request.group_id)
        return group.heartbeat(request, now_ms)

    def leave(
        self, request: LeaveGroupRequest, leaving: Sequence[LeavingMember], now_ms: int
    ) -> tuple[list[ErrorCode], list[Answer]]:
        group = self._groups.get(GroupId(request.group_id))
        if group is None:
            return [ErrorCode.UNKNOWN_MEMBER_ID] * len(leaving), []
        return group.leave(leaving, now_ms)

    def abandon(self, group_id: GroupId, ticket: Ticket, now_ms: int) -> list[Answer]:
        group = self._groups.get(group_id)
        return [] if group is None else group.abandon(ticket, now_ms)

    def tick(self, now_ms: int) -> list[Answer]:
        """Do in every group what time alone decides."""
        return [answer for group in self._groups.values() for answer in group.tick(now_ms)]

    # Offsets

    def plan_commit(
        self,
        request: OffsetCommitRequest,
        *,
        partition_count: PartitionCount,
        now_ms: int,
        unix_ms: int,
        is_transactional: bool = False,
    ) -> CommitPlan:
        """Decide what of a commit to write. It counts when `commit` says that it is written."""
        if is_transactional and _is_from_nobody(request):
            # Clients before KIP-447 do not say who they are when they commit in transactions.
            is_known = self.find(GroupId(request.group_id)) is not None
            fault = ErrorCode.NONE if is_known else self._new_group_fault()
        else:
            fault = self._commit_fault(request, now_ms)
        return plan_commit(
            request,
            fault=fault,
            partition_count=partition_count,
            metadata_bytes_max=self._settings.offset_metadata_bytes_max,
            commit_ms=unix_ms,
            known={} if is_transactional else self.offsets.of_group(GroupId(request.group_id)),
            room_bytes=self._settings.offsets_bytes_max
            - self.offsets.held_bytes
            - self.pending.held_bytes,
        )

    def commit(self, group_id: GroupId, offsets: Mapping[TopicPartition, CommittedOffset]) -> None:
        """The planned offsets are in the log: from now on they are what is committed."""
        for place, committed in offsets.items():
            self.offsets.put(group_id, place, committed)

    def end_transaction(self, part: TransactionPart, *, is_commit: bool) -> None:
        """A marker is in the log: what the transaction committed counts now, or never."""
        for group_id, offsets in self.pending.take(part).items():
            if is_commit:
                self.commit(group_id, offsets)

    def _commit_fault(self, request: OffsetCommitRequest, now_ms: int) -> ErrorCode:
        group = self.find(GroupId(request.group_id))
        generation = Generation(request.generation_id)
        if group is not None:
            instance = request.group_instance_id
            return group.commit_fault(request.member_id, instance, generation, now_ms)
        if generation >= 0:
            return ErrorCode.ILLEGAL_GENERATION
        return self._new_group_fault()

    def _new_group_fault(self) -> ErrorCode:
        if len(self.group_ids()) >= self._settings.groups_max:
            return ErrorCode.GROUP_MAX_SIZE_REACHED
        return ErrorCode.NONE

    # Inspection and deletion

    def group_ids(self) -> set[GroupId]:
        return {*self._groups, *self.offsets.group_ids()}

    def find(self, group_id: GroupId) -> Group | None:
        """Return a group; one that has committed offsets alone is an empty one."""
        group = self._groups.get(group_id)
        if group is None and group_id in self.offsets:
            return self._new_group(group_id)
        return group

    def plan_deletion(self, group_id: GroupId) -> tuple[ErrorCode, list[LogEntry]]:
        """Return the tombstones of an empty group. It is gone when `forget` is told of them."""
        group = self.find(group_id)
        if group is None:
            return ErrorCode.GROUP_ID_NOT_FOUND, []
        if group.state is not GroupState.EMPTY:
            return ErrorCode.NON_EMPTY_GROUP, []
        places = self._places_of(group_id)
        return ErrorCode.NONE, [*tombstones(group_id, places), (GroupKey(group=group_id), None)]

    def expired(self, *, unix_ms: int, partition_count: PartitionCount) -> list[LogEntry]:
        """Return the tombstones of what is kept no longer: offsets past their retention, those
        of partitions that do not exist, and groups with nothing left."""
        entries = self.offsets_of(lambda place: place.partition >= partition_count(place.topic))
        gone = {key for key, _ in entries}
        for group_id in self.group_ids():
            group = self._groups.get(group_id)
            if group is not None and not _is_forgettable(group):
                continue
            pending = self.pending.places_of(group_id)
            expired = [
                place
                for place in self.offsets.expired(
                    group_id,
                    empty_since_ms=self._empty_since_ms(group_id),
                    now_ms=unix_ms,
                    retention_ms=self._settings.offsets_retention_ms,
                )
                if place not in pending
            ]
            of_group = [each for each in tombstones(group_id, expired) if each[0] not in gone]
            entries += of_group
            gone.update(key for key, _ in of_group)
            left = tombstones(group_id, self.offsets.of_group(group_id))
            if group is not None and not pending and all(key in gone for key, _ in left):
                entries.append((GroupKey(group=group_id), None))
        return entries

    def offsets_of(self, is_meant: Callable[[TopicPartition], bool]) -> list[LogEntry]:
        """Return the tombstones of all groups' offsets in the partitions that are meant."""
        return [
            entry
            for group_id in {*self.offsets.group_ids(), *self.pending.group_ids()}
            for entry in tombstones(group_id, filter(is_meant, self._places_of(group_id)))
        ]

    def _places_of(self, group_id: GroupId) -> set[TopicPartition]:
        return {*self.offsets.of_group(group_id), *self.pending.places_of(group_id)}

    def forget(self, entries: Iterable[LogEntry]) -> None:
        """These tombstones are in the log: what they name is gone.

        But a group that somebody has joined meanwhile lives; it is written when it comes to rest.
        """
        for key, value in entries:
            assert value is None, "a tombstone"
            group_id = GroupId(key.group)
            if isinstance(key, OffsetKey):
                place = TopicPartition(key.topic, key.partition)
                self.offsets.remove(group_id, place)
                self.pending.forget(group_id, place)
                continue
            group = self._groups.get(group_id)
            if group is None or _is_forgettable(group):
                self._drop_group(group_id)
                if group is not None:
                    group.forget()

    # The log

    def changed_groups(self, *, unix_ms: int) -> list[LogEntry]:
        """Return the groups that came to rest since the last call, as entries to write."""
        entries: list[LogEntry] = []
        for group_id, group in self._groups.items():
            is_at_rest = group.state in (GroupState.STABLE, GroupState.EMPTY)
            if is_at_rest and group.rest_count != self._written_rests.get(group_id, 0):
                self._written_rests[group_id] = group.rest_count
                value = snapshot(group, state_timestamp_ms=unix_ms)
                self._values[group_id] = value
                entries.append((GroupKey(group=group_id), value))
        return entries

    def restore(
        self,
        entry: LogEntry,
        *,
        now_ms: int,
        log_offset: Offset = NOT_IN_LOG,
        part: TransactionPart | None = None,
    ) -> None:
        """Take an entry of the log as true. Later entries of a key replace earlier ones.

        `part`: it was written in a transaction that is still open.
        """
        match entry:
            case (OffsetKey() as key, OffsetValue() as value):
                place = TopicPartition(key.topic, key.partition)
                committed = committed_from(value, log_offset)
                if part is None:
                    self.offsets.put(GroupId(key.group), place, committed)
                else:
                    self.pending.put(part, GroupId(key.group), {place: committed})
            case (OffsetKey() as key, None):
                place = TopicPartition(key.topic, key.partition)
                self.offsets.remove(GroupId(key.group), place)
            case (GroupKey() as key, GroupValue() as value):
                self._restore_group(GroupId(key.group), value, now_ms)
            case (GroupKey() as key, None):
                self._drop_group(GroupId(key.group))
            case _:
                raise AssertionError("key and value are of one kind")

    def _restore_group(self, group_id: GroupId, value: GroupValue, now_ms: int) -> None:
        self._release(group_id)
        group = self._new_group(group_id)
        resume(group, value, now_ms=now_ms)
        self._groups[group_id] = group
        self._written_rests.pop(group_id, None)
        self._values[group_id] = value

    def _empty_since_ms(self, group_id: GroupId) -> int:
        value = self._values.get(group_id)
        return 0 if value is None or value.members else value.state_timestamp

    def _drop_group(self, group_id: GroupId) -> None:
        self._release(group_id)
        self._written_rests.pop(group_id, None)
        self._values.pop(group_id, None)

    def _release(self, group_id: GroupId) -> None:
        group = self._groups.pop(group_id, None)
        if group is not None:
            group.roster.release()

    # Making groups

    def _new_group(self, group_id: str) -> Group:
        return Group(
            GroupId(group_id),
            new_member_id=self._new_member_id,
            members_max=self._settings.members_max,
            initial_delay_ms=self._settings.initial_delay_ms,
            everybody=self._members,
        )

    def _new_member_id(self, prefix: str) -> MemberId:
        prefix = prefix[:MEMBER_ID_PREFIX_MAX]
        return MemberId(f"{prefix}-{self._rng.randbytes(MEMBER_ID_BYTES).hex()}")

    def _has_room(self, group: Group | None, more_bytes: int) -> bool:
        """Whether members may tell, or be told, so much more. Less they always may."""
        of_group = 0 if group is None else group.roster.held_bytes
        return more_bytes <= 0 or (
            of_group + more_bytes <= self._settings.group_bytes_max
            and self._members.held_bytes + more_bytes <= self._settings.groups_bytes_max
        )

    def _join_fault(self, request: JoinGroupRequest) -> ErrorCode:
        settings = self._settings
        group_id = GroupId(request.group_id)
        if not group_id:
            return ErrorCode.INVALID_GROUP_ID
        timeout_ms = request.session_timeout_ms
        if not settings.session_timeout_ms_min <= timeout_ms <= settings.session_timeout_ms_max:
            return ErrorCode.INVALID_SESSION_TIMEOUT
        size = protocols_bytes(request.protocols)
        if size > settings.member_metadata_bytes_max:
            return ErrorCode.INVALID_REQUEST
        group = self._groups.get(group_id)
        member = None if group is None else group.roster.get(MemberId(request.member_id))
        if not self._has_room(group, size if member is None else size - member.bytes_held()):
            return ErrorCode.GROUP_MAX_SIZE_REACHED
        if group is not None:
            return ErrorCode.NONE
        if request.member_id:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if len(self._groups) >= settings.groups_max:
            return ErrorCode.GROUP_MAX_SIZE_REACHED
        return ErrorCode.NONE


def _is_from_nobody(request: OffsetCommitRequest) -> bool:
    return request.generation_id < 0 and not request.member_id and request.group_instance_id is None


def _no_group_fault(group_id: str) -> ErrorCode:
    """What is wrong with a claim to be a member of a group that does not exist."""
    return ErrorCode.UNKNOWN_MEMBER_ID if group_id else ErrorCode.INVALID_GROUP_ID


def _is_forgettable(group: Group) -> bool:
    return group.state is GroupState.EMPTY and group.is_vacant

"""Who is in a group: members in order of arrival, static ones also by their instance."""

from collections.abc import Iterator

from streamcore.groups.ids import InstanceId, MemberId, Ticket
from streamcore.groups.member import OVERHEAD_BYTES, Member
from streamcore.wire.error_codes import ErrorCode


class Holding:
    """The bytes that members, and ids given out, take of all groups together: who would make them
    more than may be is refused."""

    def __init__(self) -> None:
        self.held_bytes = 0


class Roster:
    """Members, the ids given out to those who have yet to come back with one, and the leader."""

    def __init__(self, everybody: Holding) -> None:
        self._everybody = everybody
        self._bytes: dict[MemberId, int] = {}
        self.held_bytes = 0
        self._members: dict[MemberId, Member] = {}
        self._static: dict[InstanceId, MemberId] = {}
        self._pending_deadlines: dict[MemberId, int] = {}
        self.leader: MemberId | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members.values()))

    def __contains__(self, member_id: MemberId) -> bool:
        return member_id in self._members

    @property
    def places_taken(self) -> int:
        return len(self._members) + len(self._pending_deadlines)

    @property
    def has_pending(self) -> bool:
        return bool(self._pending_deadlines)

    @property
    def rebalance_timeout_ms(self) -> int:
        return max((member.rebalance_timeout_ms for member in self), default=0)

    def get(self, member_id: MemberId) -> Member | None:
        return self._members.get(member_id)

    def static(self, instance_id: InstanceId) -> Member | None:
        member_id = self._static.get(instance_id)
        return None if member_id is None else self._members[member_id]

    def waiting_in(self, ticket: Ticket) -> Member | None:
        return next((m for m in self if ticket in (m.parked_join, m.parked_sync)), None)

    def add(self, member: Member) -> None:
        """Take in a member, in the place of an older one of the same instance (KIP-345)."""
        self._pending_deadlines.pop(member.member_id, None)
        if member.instance_id is not None:
            self._static[member.instance_id] = member.member_id
        self._members[member.member_id] = member
        self.weigh(member)

    def weigh(self, member: Member) -> None:
        """Note what a member takes now: it tells, or is told, something else."""
        self._hold(member.member_id, member.bytes_held())

    def _hold(self, member_id: MemberId, size: int) -> None:
        more = size - self._bytes.pop(member_id, 0)
        if size:
            self._bytes[member_id] = size
        self.held_bytes += more
        self._everybody.held_bytes += more

    def release(self) -> None:
        """The group is no more: nobody in it is remembered."""
        for member_id in list(self._bytes):
            self._hold(member_id, 0)

    def remove(self, member: Member) -> None:
        del self._members[member.member_id]
        self._hold(member.member_id, 0)
        instance = member.instance_id
        if instance is not None and self._static.get(instance) == member.member_id:
            del self._static[instance]
        if self.leader == member.member_id:
            self.leader = None

    def elect(self) -> bool:
        """Keep the leader if it has joined, else make one who has joined the leader.

        False when nobody has joined.
        """
        leader = None if self.leader is None else self._members.get(self.leader)
        if leader is None or leader.parked_join is None:
            leader = next((member for member in self if member.parked_join is not None), None)
        if leader is None:
            return False
        self.leader = leader.member_id
        return True

    def expect(self, member_id: MemberId, *, deadline_ms: int) -> None:
        """An id was given out; its owner has to come back with it in time."""
        self._pending_deadlines[member_id] = deadline_ms
        self._hold(member_id, OVERHEAD_BYTES + len(member_id))

    def is_expected(self, member_id: MemberId) -> bool:
        return member_id in self._pending_deadlines

    def forget_expected(self, member_id: MemberId) -> bool:
        if self._pending_deadlines.pop(member_id, None) is None:
            return False
        self._hold(member_id, 0)
        return True

    def lapse_expected(self, now_ms: int) -> bool:
        """Forget ids whose owners did not come back. True when there were any."""
        lapsed = [m for m, deadline in self._pending_deadlines.items() if now_ms >= deadline]
        for member_id in lapsed:
            self.forget_expected(member_id)
        return bool(lapsed)

    def fault(self, member_id: MemberId, instance_id: InstanceId | None) -> ErrorCode:
        """Say what is wrong with someone who claims to be a member; NONE if nothing."""
        if instance_id is not None:
            known = self._static.get(instance_id)
            if known is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if known != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        return ErrorCode.NONE if member_id in self else ErrorCode.UNKNOWN_MEMBER_ID

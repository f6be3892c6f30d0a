"""Who syncs, shows that it lives, leaves and hangs up in a modelled group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.models.group_facts import (
    COMPLETING,
    DEAD,
    PREPARING,
    STABLE,
    GroupFacts,
    Member,
)
from tests.support.models.group_joining import GroupJoining

SEVERAL_LEAVE_FROM, INSTANCES_LIVE_FROM = 3, 3  # of LeaveGroup; of Heartbeat and SyncGroup
NAMED_FROM = 5  # of SyncGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who somebody says it is."""

    member_id: str
    generation: int = -1
    instance: str | None = None

    def said_in(self, version: int, *, instances_from: int) -> "Claim":
        """As much of it as can be said in a version."""
        return self if version >= instances_from else replace(self, instance=None)


class GroupMembers(GroupJoining):
    """The world, and who is in its groups."""

    def sync(
        self,
        group: GroupFacts,
        claim: Claim,
        version: int,
        *,
        plan: Mapping[str, bytes],
        protocol: str | None,
        protocol_type: str | None = "consumer",
    ) -> None:
        """Ask for an assignment; the leader hands in everybody's."""
        claim = claim.said_in(version, instances_from=INSTANCES_LIVE_FROM)
        if version < NAMED_FROM:
            protocol = protocol_type = None
        error = self._sync_fault(group, claim, version, protocol, protocol_type)
        asked = self.broker.post(
            ApiKey.SYNC_GROUP,
            version,
            group_id=group.name,
            generation_id=claim.generation,
            member_id=claim.member_id,
            group_instance_id=claim.instance,
            protocol_type=protocol_type,
            protocol_name=protocol,
            assignments=[{"member_id": m, "assignment": data} for m, data in plan.items()],
        )
        self.broker.settle()
        if error != NONE:
            assert code(asked.answer) == error, f"a sync was told {code(asked.answer)}, not {error}"
            self.look(group, may_change=False)
            return
        member, current = group.members[claim.member_id], group.current
        assert current is not None
        self.supersede(member)
        member.syncing = asked
        is_assigning = group.state == COMPLETING and current.leader == claim.member_id
        if is_assigning:
            current.given = dict(plan)
        self.look(group, may_change=is_assigning)
        assert group.state == STABLE or not is_assigning, "assigned, and not stable"

    def _sync_fault(
        self,
        group: GroupFacts,
        claim: Claim,
        version: int,
        protocol: str | None,
        protocol_type: str | None,
    ) -> str:
        if version >= NAMED_FROM and None in (protocol, protocol_type):
            return "inconsistent_group_protocol"
        error = group.fault(claim.member_id, claim.instance, claim.generation)
        if error != NONE:
            return error
        agreed = None if group.current is None else group.current.protocol
        if protocol not in (None, agreed) or protocol_type not in (None, group.protocol_type):
            return "inconsistent_group_protocol"
        return "rebalance_in_progress" if group.state == PREPARING else NONE

    def heartbeat(self, group: GroupFacts, claim: Claim, version: int) -> None:
        claim = claim.said_in(version, instances_from=INSTANCES_LIVE_FROM)
        error = group.fault(claim.member_id, claim.instance, claim.generation)
        if error == NONE:
            group.members[claim.member_id].prolong(self.now_ms)
            error = "rebalance_in_progress" if group.state == PREPARING else NONE
        answer = self.broker.ask(
            ApiKey.HEARTBEAT,
            version,
            group_id=group.name,
            generation_id=claim.generation,
            member_id=claim.member_id,
            group_instance_id=claim.instance,
        )
        assert code(answer) == error, f"a heartbeat was told {code(answer)}, not {error}"
        self.look(group, may_change=False)

    def leave(
        self, group: GroupFacts, version: int, leaving: Sequence[tuple[str, str | None]]
    ) -> None:
        """Let some go; below version 3 the first of them."""
        if version < SEVERAL_LEAVE_FROM:
            leaving = [(leaving[0][0], None)]
        left: dict[str, Member] = {}
        had_expected = bool(group.expected)
        errors = [self._left(group, *each, left) for each in leaving]
        answer = self.broker.ask(
            ApiKey.LEAVE_GROUP,
            version,
            group_id=group.name,
            member_id=leaving[0][0],
            members=[{"member_id": m, "group_instance_id": i} for m, i in leaving],
        )
        is_one = version < SEVERAL_LEAVE_FROM
        told = [code(answer)] if is_one else [code(each) for each in answer.members]
        assert told == errors, f"who left was told {told}, not {errors}"
        state, generation = group.state, group.generation
        may_change = bool(left) or (had_expected and not group.expected)
        waiting = [asked for m in left.values() for asked in (m.joining, m.syncing) if asked]
        assert all(asked.is_answered for asked in waiting), "left, and still waiting"
        self.look(group, may_change=may_change, left=left)
        if left and state != DEAD:
            assert group.state == PREPARING or group.generation > generation, "left, and no news"

    def _left(
        self, group: GroupFacts, member_id: str, instance: str | None, left: dict[str, Member]
    ) -> str:
        if group.expected.pop(member_id, None) is not None:
            group.gone.append(member_id)
            return NONE
        if instance is not None and not member_id:
            member_id = group.static(instance) or member_id
        error = group.identity_fault(member_id, instance)
        if error == NONE:
            left[member_id] = group.members.pop(member_id)
            group.gone.append(member_id)
        return error

    def hang_up(self, group: GroupFacts, member_id: str) -> None:
        """The connection of a member that waits is gone."""
        member = group.members[member_id]
        asked = member.joining or member.syncing
        assert asked is not None
        self.broker.loop.call(asked.hang_up)
        self.broker.settle()
        member.joining = member.syncing = None
        member.prolong(self.now_ms)
        is_nobody = not member.knows_its_id and member.instance is None
        if is_nobody:  # it was never told its id, so nobody could ever speak for it
            del group.members[member_id]
            group.gone.append(member_id)
        self.look(group, may_change=is_nobody)

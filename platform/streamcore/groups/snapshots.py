"""A group's members as an entry of the log, and back: so that consumers read on after the
broker was restarted, without a rebalance."""

from streamcore.groups.group import Group
from streamcore.groups.ids import Generation, InstanceId, MemberId
from streamcore.groups.log_records import GroupValue, GroupValueMember
from streamcore.groups.member import Member
from streamcore.groups.states import GroupState
from streamcore.wire.messages.join_group import JoinGroupProtocol


def snapshot(group: Group, *, state_timestamp_ms: int) -> GroupValue:
    """Describe a stable or empty group; between these there is nothing worth keeping."""
    assert group.state in (GroupState.STABLE, GroupState.EMPTY)
    return GroupValue(
        protocol_type=group.protocol_type,
        generation=group.generation,
        protocol_name=group.protocol_name,
        leader=group.roster.leader,
        state_timestamp=state_timestamp_ms,
        members=tuple(_described(member, group.protocol_name or "") for member in group.roster),
    )


def _described(member: Member, protocol_name: str) -> GroupValueMember:
    return GroupValueMember(
        member_id=member.member_id,
        group_instance_id=member.instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        session_timeout_ms=member.session_timeout_ms,
        subscription=member.metadata(protocol_name),
        assignment=member.assignment,
    )


def resume(group: Group, value: GroupValue, *, now_ms: int) -> None:
    """Bring a new group to what `value` tells. Members get a whole session to show up in.

    Only the chosen protocol is known of them: it is what they can agree on until they
    join again.
    """
    group.protocol_type = value.protocol_type
    group.generation = Generation(value.generation)
    if not value.members or value.protocol_name is None:
        return
    group.protocol_name = value.protocol_name
    for described in value.members:
        group.roster.add(_member(described, value.protocol_name, now_ms))
    group.roster.leader = None if value.leader is None else MemberId(value.leader)
    group.state = GroupState.STABLE


def _member(described: GroupValueMember, protocol_name: str, now_ms: int) -> Member:
    instance = described.group_instance_id
    return Member(
        member_id=MemberId(described.member_id),
        instance_id=None if instance is None else InstanceId(instance),
        client_id=described.client_id,
        client_host=described.client_host,
        session_timeout_ms=described.session_timeout_ms,
        rebalance_timeout_ms=described.rebalance_timeout_ms,
        protocols=(JoinGroupProtocol(name=protocol_name, metadata=described.subscription),),
        session_deadline_ms=now_ms + described.session_timeout_ms,
        assignment=described.assignment,
    )

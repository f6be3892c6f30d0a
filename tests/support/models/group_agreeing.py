"""Members that do as they are told, all together."""

from tests.support.models.group_facts import COMPLETING, STABLE, GroupFacts, Protocols
from tests.support.models.group_joining import Joining
from tests.support.models.group_members import Claim
from tests.support.models.group_offsets import GroupOffsets


def come_in(
    world: GroupOffsets,
    group: GroupFacts,
    version: int,
    protocols: Protocols,
    instance: str | None = None,
) -> None:
    """Join as a client does: ask for an id, and come back with it."""
    joining = Joining(version=version, member_id="", instance=instance, protocols=protocols)
    world.join(group, joining)
    come_back(world, group, version, protocols)


def come_back(world: GroupOffsets, group: GroupFacts, version: int, protocols: Protocols) -> None:
    """Everybody who was given an id comes back with it."""
    for member_id in list(group.expected):
        joining = Joining(version=version, member_id=member_id, instance=None, protocols=protocols)
        world.join(group, joining)


def claim_of(group: GroupFacts, member_id: str, *, delta: int = 0) -> Claim:
    """Who a member rightly says it is, in a generation that is perhaps another one."""
    instance = group.members[member_id].instance
    return Claim(member_id=member_id, generation=group.generation + delta, instance=instance)


def again(
    group: GroupFacts, member_id: str, version: int, protocols: Protocols | None = None
) -> Joining:
    member = group.members[member_id]
    return Joining(
        version=max(version, 5) if member.instance else version,
        member_id=member_id,
        instance=member.instance,
        protocols=protocols or member.protocols,
        protocol_type=group.protocol_type,
    )


def all_join(world: GroupOffsets, group: GroupFacts, version: int) -> None:
    for member_id, member in list(group.members.items()):
        if member.joining is None and member_id in group.members and group.state != STABLE:
            world.join(group, again(group, member_id, version))


def all_sync(world: GroupOffsets, group: GroupFacts, version: int) -> None:
    """The leader gives all but one something, if it is time for that."""
    current = group.current
    if group.state != COMPLETING or current is None:
        return
    plan = {member_id: member_id[-3:].encode() for member_id in sorted(current.members)[1:]}
    for member_id in list(group.members):
        world.sync(
            group,
            claim_of(group, member_id),
            version,
            plan=plan if current.leader == member_id else {},
            protocol=current.protocol,
            protocol_type=group.protocol_type,
        )


def all_live(world: GroupOffsets, group: GroupFacts, version: int) -> None:
    for member_id in list(group.members):
        world.heartbeat(group, claim_of(group, member_id), version)

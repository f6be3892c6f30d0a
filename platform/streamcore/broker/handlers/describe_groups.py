"""DescribeGroups (key 15), versions 0 to 5. A group nobody knows is `Dead`, as in Kafka.

Not done: authorised operations; there is no authorisation.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.groups.group import Group
from streamcore.groups.ids import GroupId
from streamcore.groups.member import Member
from streamcore.groups.states import GroupState
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.describe_groups import (
    DescribedGroup,
    DescribedMember,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeGroupsRequest, request.api_version, body)
    groups = tuple(_described(services, GroupId(group_id)) for group_id in asked.groups)
    return encode(DescribeGroupsResponse(groups=groups), request.api_version)


def _described(services: BrokerServices, group_id: GroupId) -> DescribedGroup:
    group = services.groups.coordinator.find(group_id)
    if group is None:
        return DescribedGroup(group_id=group_id, group_state=GroupState.DEAD)
    return DescribedGroup(
        group_id=group_id,
        group_state=group.state,
        protocol_type=group.protocol_type,
        protocol_data=_chosen_protocol(group),
        members=tuple(_member(member, _chosen_protocol(group)) for member in group.roster),
    )


def _chosen_protocol(group: Group) -> str:
    """Between two generations there is none."""
    return group.protocol_name or "" if group.state is GroupState.STABLE else ""


def _member(member: Member, protocol_name: str) -> DescribedMember:
    return DescribedMember(
        member_id=member.member_id,
        group_instance_id=member.instance_id,
        client_id=member.client_id,
        client_host=f"/{member.client_host}",
        member_metadata=member.metadata(protocol_name),
        member_assignment=member.assignment if protocol_name else b"",
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_GROUPS,
    name="DescribeGroups",
    min_version=0,
    max_version=5,
    flexible_from=DescribeGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
    notes="no authorised operations",
)

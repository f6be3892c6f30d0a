"""DescribeGroups (key 15), versions 0 to 6 (KIP-430 operations, KIP-1043 unknown groups).

A group that nobody knows is `Dead`; since version 6 that is an error with a message. A group that
is named again is described again, but not for ever: answers stay in proportion to what there is.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.handlers.repetitions import Repetitions
from streamcore.broker.services import BrokerServices
from streamcore.groups.group import Group
from streamcore.groups.ids import GroupId
from streamcore.groups.member import Member
from streamcore.groups.states import GroupState
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import ALL_ON_GROUP, NOT_ASKED
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_groups import (
    DescribedGroup,
    DescribedMember,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)

UNKNOWN_IS_ERROR_FROM = 6


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(DescribeGroupsRequest, version, body)
    operations = ALL_ON_GROUP if asked.include_authorized_operations else NOT_ASKED
    again = Repetitions()
    groups = tuple(
        _described(services, GroupId(group_id), operations, version)
        for group_id in asked.groups
        if again.admit(group_id)
    )
    return encode(DescribeGroupsResponse(groups=groups), version)


def _described(
    services: BrokerServices, group_id: GroupId, operations: int, version: int
) -> DescribedGroup:
    group = services.groups.coordinator.find(group_id)
    if group is None and version >= UNKNOWN_IS_ERROR_FROM:
        return DescribedGroup(
            error_code=ErrorCode.GROUP_ID_NOT_FOUND,
            error_message=f"Group {group_id} not found.",
            group_id=group_id,
            group_state=GroupState.DEAD,
        )
    if group is None:
        return DescribedGroup(
            group_id=group_id, group_state=GroupState.DEAD, authorized_operations=operations
        )
    return DescribedGroup(
        group_id=group_id,
        group_state=group.state,
        protocol_type=group.protocol_type,
        protocol_data=_chosen_protocol(group),
        members=tuple(_member(member, _chosen_protocol(group)) for member in group.roster),
        authorized_operations=operations,
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
    max_version=6,
    flexible_from=DescribeGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
)

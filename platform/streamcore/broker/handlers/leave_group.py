"""LeaveGroup (key 13), versions 0 to 5: one member, or several since 3 (KIP-345)."""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    LeavingMember,
    LeftMember,
)

SEVERAL_MEMBERS_FROM = 3


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    leave = decode(LeaveGroupRequest, request.api_version, body)
    if not leave.group_id:
        refusal = LeaveGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID)
        return encode(refusal, request.api_version, about=leave)
    if request.api_version < SEVERAL_MEMBERS_FROM:
        (error,) = services.groups.leave(leave, [LeavingMember(member_id=leave.member_id)])
        return encode(LeaveGroupResponse(error_code=error), request.api_version, about=leave)
    errors = services.groups.leave(leave, leave.members)
    left = tuple(
        LeftMember(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            error_code=error,
        )
        for member, error in zip(leave.members, errors, strict=True)
    )
    response = LeaveGroupResponse(error_code=ErrorCode.NONE, members=left)
    return encode(response, request.api_version, about=leave)


HANDLER = Handler(
    api_key=ApiKey.LEAVE_GROUP,
    name="LeaveGroup",
    min_version=0,
    max_version=5,
    flexible_from=LeaveGroupRequest.FLEXIBLE_FROM,
    answer=answer,
)

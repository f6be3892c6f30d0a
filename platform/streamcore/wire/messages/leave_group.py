"""LeaveGroup (key 13): members leave a group. Versions 0-5; several members since 3."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class LeavingMember(Part):
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=3)] = None
    reason: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None


class LeaveGroupRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    group_id: Annotated[str, STRING]
    member_id: Annotated[str, STRING, Versions(until=2)] = ""
    members: Annotated[tuple[LeavingMember, ...], array(LeavingMember), Versions(since=3)] = ()


class LeftMember(Part):
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING] = None
    error_code: Annotated[int, ERROR_CODE] = 0


class LeaveGroupResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    members: Annotated[tuple[LeftMember, ...], array(LeftMember), Versions(since=3)] = ()

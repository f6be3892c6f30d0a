"""JoinGroup (key 11): a member enters a group, or enters its next generation. Versions 0-9."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    BYTES,
    ERROR_CODE,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Versions,
    array,
    nullable_string,
)


class JoinGroupProtocol(Part):
    name: Annotated[str, STRING]
    metadata: Annotated[bytes, BYTES]


class JoinGroupRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 6
    group_id: Annotated[str, STRING]
    session_timeout_ms: Annotated[int, INT32]
    rebalance_timeout_ms: Annotated[int, INT32, Versions(since=1)] = -1
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    protocol_type: Annotated[str, STRING]
    protocols: Annotated[tuple[JoinGroupProtocol, ...], array(JoinGroupProtocol)]
    reason: Annotated[str | None, NULLABLE_STRING, Versions(since=8)] = None


class JoinGroupMember(Part):
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    metadata: Annotated[bytes, BYTES]


class JoinGroupResponse(Message):
    """`members` is told to the leader alone. Refused, one is told no protocol."""

    FLEXIBLE_FROM: ClassVar[int] = 6
    throttle_time_ms: Annotated[int, INT32, Versions(since=2)] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    generation_id: Annotated[int, INT32] = -1
    protocol_type: Annotated[str | None, NULLABLE_STRING, Versions(since=7)] = None
    protocol_name: Annotated[str | None, nullable_string(since=7, empty_before=True)] = None
    leader: Annotated[str, STRING] = ""
    skip_assignment: Annotated[bool, BOOL, Versions(since=9)] = False
    member_id: Annotated[str, STRING] = ""
    members: Annotated[tuple[JoinGroupMember, ...], array(JoinGroupMember)] = ()

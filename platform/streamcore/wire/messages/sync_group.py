"""SyncGroup (key 14): the leader hands in the assignment, all members take theirs. Versions 0-5."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BYTES,
    ERROR_CODE,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class MemberAssignment(Part):
    member_id: Annotated[str, STRING]
    assignment: Annotated[bytes, BYTES]


class SyncGroupRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    group_id: Annotated[str, STRING]
    generation_id: Annotated[int, INT32]
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=3)] = None
    protocol_type: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    protocol_name: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    assignments: Annotated[tuple[MemberAssignment, ...], array(MemberAssignment)] = ()


class SyncGroupResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    protocol_type: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    protocol_name: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    assignment: Annotated[bytes, BYTES] = b""

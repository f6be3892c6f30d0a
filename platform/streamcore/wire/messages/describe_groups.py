"""DescribeGroups (key 15): state and members of groups. Versions 0-6."""

from typing import Annotated, ClassVar

from streamcore.wire.authorized_operations import NOT_ASKED
from streamcore.wire.cold import (
    BOOL,
    BYTES,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class DescribeGroupsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 5
    groups: Annotated[tuple[str, ...], array(STRING)]
    include_authorized_operations: Annotated[bool, BOOL, Versions(since=3)] = False


class DescribedMember(Part):
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=4)] = None
    client_id: Annotated[str, STRING]
    client_host: Annotated[str, STRING]
    member_metadata: Annotated[bytes, BYTES]
    member_assignment: Annotated[bytes, BYTES]


class DescribedGroup(Part):
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE, Versions(since=6)] = None
    group_id: Annotated[str, STRING]
    group_state: Annotated[str, STRING] = ""
    protocol_type: Annotated[str, STRING] = ""
    protocol_data: Annotated[str, STRING] = ""
    members: Annotated[tuple[DescribedMember, ...], array(DescribedMember)] = ()
    authorized_operations: Annotated[int, INT32, Versions(since=3)] = NOT_ASKED


class DescribeGroupsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 5
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    groups: Annotated[tuple[DescribedGroup, ...], array(DescribedGroup)] = ()

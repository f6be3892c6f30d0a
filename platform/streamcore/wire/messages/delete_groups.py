"""DeleteGroups (key 42): forget groups that have no members. Versions 0-3."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT32,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class DeleteGroupsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    groups_names: Annotated[tuple[str, ...], array(STRING)]


class DeletedGroup(Part):
    group_id: Annotated[str, STRING]
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE, Versions(since=3)] = None


class DeleteGroupsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    results: Annotated[tuple[DeletedGroup, ...], array(DeletedGroup)] = ()

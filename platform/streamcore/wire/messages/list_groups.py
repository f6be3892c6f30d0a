"""ListGroups (key 16): the groups of this broker. Versions 0-5.

By state since 4 (KIP-518), by type since 5 (KIP-848).
"""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class ListGroupsRequest(Message):
    """A filter that is empty lets every group through."""

    FLEXIBLE_FROM: ClassVar[int] = 3
    states_filter: Annotated[tuple[str, ...], array(STRING), Versions(since=4)] = ()
    types_filter: Annotated[tuple[str, ...], array(STRING), Versions(since=5)] = ()


class ListedGroup(Part):
    group_id: Annotated[str, STRING]
    protocol_type: Annotated[str, STRING]
    group_state: Annotated[str, STRING, Versions(since=4)] = ""
    group_type: Annotated[str, STRING, Versions(since=5)] = ""


class ListGroupsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    groups: Annotated[tuple[ListedGroup, ...], array(ListedGroup)] = ()

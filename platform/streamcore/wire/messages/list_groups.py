"""ListGroups (key 16): the groups of this broker. Versions 0-4; by state since 4 (KIP-518)."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import INT16, INT32, STRING, Message, Part, Versions, array


class ListGroupsRequest(Message):
    """`states_filter` empty: groups in any state."""

    FLEXIBLE_FROM: ClassVar[int] = 3
    states_filter: Annotated[tuple[str, ...], array(STRING), Versions(since=4)] = ()


class ListedGroup(Part):
    group_id: Annotated[str, STRING]
    protocol_type: Annotated[str, STRING]
    group_state: Annotated[str, STRING, Versions(since=4)] = ""


class ListGroupsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    error_code: Annotated[int, INT16] = 0
    groups: Annotated[tuple[ListedGroup, ...], array(ListedGroup)] = ()

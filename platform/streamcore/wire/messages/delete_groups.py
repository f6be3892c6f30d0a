"""DeleteGroups (key 42): forget groups that have no members. Versions 0-2."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from streamcore.wire.cold import INT16, INT32, STRING, Message, array


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGroupsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    groups_names: Annotated[tuple[str, ...], array(STRING)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedGroup:
    group_id: Annotated[str, STRING]
    error_code: Annotated[int, INT16]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGroupsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    results: Annotated[tuple[DeletedGroup, ...], array(DeletedGroup)] = ()

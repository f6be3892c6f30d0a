"""FindCoordinator (key 10): which broker runs a group, or a transactional id. Versions 0-6.

Several keys since 4; share groups since 6 (KIP-932).
"""

from typing import Annotated, ClassVar, Final

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT32,
    STRING,
    Message,
    Part,
    Versions,
    array,
)

GROUP_KEY_TYPE: Final = 0
TRANSACTION_KEY_TYPE: Final = 1


class FindCoordinatorRequest(Message):
    """`key_type` says what the keys are."""

    FLEXIBLE_FROM: ClassVar[int] = 3
    key: Annotated[str, STRING, Versions(until=3)] = ""
    key_type: Annotated[int, INT8, Versions(since=1)] = 0
    coordinator_keys: Annotated[tuple[str, ...], array(STRING), Versions(since=4)] = ()


class Coordinator(Part):
    key: Annotated[str, STRING]
    node_id: Annotated[int, INT32]
    host: Annotated[str, STRING]
    port: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE] = None


class FindCoordinatorResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    error_code: Annotated[int, ERROR_CODE, Versions(until=3)] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE, Versions(since=1, until=3)] = None
    node_id: Annotated[int, INT32, Versions(until=3)] = -1
    host: Annotated[str, STRING, Versions(until=3)] = ""
    port: Annotated[int, INT32, Versions(until=3)] = -1
    coordinators: Annotated[tuple[Coordinator, ...], array(Coordinator), Versions(since=4)] = ()

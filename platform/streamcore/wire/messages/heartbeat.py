"""Heartbeat (key 12): a member says that it lives, and hears of a rebalance. Versions 0-4."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Versions,
)


class HeartbeatRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    group_id: Annotated[str, STRING]
    generation_id: Annotated[int, INT32]
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING, Versions(since=3)] = None


class HeartbeatResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    error_code: Annotated[int, ERROR_CODE] = 0

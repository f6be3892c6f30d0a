"""EndTxn (key 26): commit or abort. Versions 0-5; since 5 the epoch moves on (KIP-890)."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    INT16,
    INT32,
    INT64,
    STRING,
    Message,
    Versions,
)


class EndTxnRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    transactional_id: Annotated[str, STRING]
    producer_id: Annotated[int, INT64]
    producer_epoch: Annotated[int, INT16]
    committed: Annotated[bool, BOOL]


class EndTxnResponse(Message):
    """Who the producer is in its next transaction."""

    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE]
    producer_id: Annotated[int, INT64, Versions(since=5)] = -1
    producer_epoch: Annotated[int, INT16, Versions(since=5)] = -1

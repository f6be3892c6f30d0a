"""AddOffsetsToTxn (key 25): a transaction is about to commit a group's offsets. Versions 0-4."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT16,
    INT32,
    INT64,
    STRING,
    Message,
)


class AddOffsetsToTxnRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    transactional_id: Annotated[str, STRING]
    producer_id: Annotated[int, INT64]
    producer_epoch: Annotated[int, INT16]
    group_id: Annotated[str, STRING]


class AddOffsetsToTxnResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE]

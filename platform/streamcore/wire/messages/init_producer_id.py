"""InitProducerId (key 22): an identity for exactly-once. Versions 0-5.

Since version 3 a producer that goes on after an error says who it is (KIP-360).
"""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT16,
    INT32,
    INT64,
    NULLABLE_STRING,
    Message,
    Versions,
)


class InitProducerIdRequest(Message):
    """`producer_id` and `producer_epoch`: to go on with an identity that one has (KIP-360)."""

    FLEXIBLE_FROM: ClassVar[int] = 2
    transactional_id: Annotated[str | None, NULLABLE_STRING] = None
    transaction_timeout_ms: Annotated[int, INT32] = 0
    producer_id: Annotated[int, INT64, Versions(since=3)] = -1
    producer_epoch: Annotated[int, INT16, Versions(since=3)] = -1


class InitProducerIdResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE]
    producer_id: Annotated[int, INT64]
    producer_epoch: Annotated[int, INT16]

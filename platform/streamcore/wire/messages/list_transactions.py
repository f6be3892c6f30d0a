"""ListTransactions (key 66): transactional ids by state, producer, age and name. Versions 0-2."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT32,
    INT64,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class ListTransactionsRequest(Message):
    """No filter, a negative duration or no pattern lets all pass."""

    FLEXIBLE_FROM: ClassVar[int] = 0
    state_filters: Annotated[tuple[str, ...], array(STRING)] = ()
    producer_id_filters: Annotated[tuple[int, ...], array(INT64)] = ()
    duration_filter: Annotated[int, INT64, Versions(since=1)] = -1
    transactional_id_pattern: Annotated[str | None, NULLABLE_STRING, Versions(since=2)] = None


class ListedTransaction(Part):
    transactional_id: Annotated[str, STRING]
    producer_id: Annotated[int, INT64]
    transaction_state: Annotated[str, STRING]


class ListTransactionsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    unknown_state_filters: Annotated[tuple[str, ...], array(STRING)] = ()
    transaction_states: Annotated[tuple[ListedTransaction, ...], array(ListedTransaction)] = ()

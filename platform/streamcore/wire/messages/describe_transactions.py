"""DescribeTransactions (key 65): transactional ids in detail. Version 0."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT16,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    array,
)


class DescribeTransactionsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    transactional_ids: Annotated[tuple[str, ...], array(STRING)]


class TransactionTopic(Part):
    topic: Annotated[str, STRING]
    partitions: Annotated[tuple[int, ...], array(INT32)]


class DescribedTransaction(Part):
    error_code: Annotated[int, ERROR_CODE] = 0
    transactional_id: Annotated[str, STRING]
    transaction_state: Annotated[str, STRING] = ""
    transaction_timeout_ms: Annotated[int, INT32] = 0
    transaction_start_time_ms: Annotated[int, INT64] = 0
    producer_id: Annotated[int, INT64] = 0
    producer_epoch: Annotated[int, INT16] = 0
    topics: Annotated[tuple[TransactionTopic, ...], array(TransactionTopic)] = ()


class DescribeTransactionsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    transaction_states: Annotated[tuple[DescribedTransaction, ...], array(DescribedTransaction)]

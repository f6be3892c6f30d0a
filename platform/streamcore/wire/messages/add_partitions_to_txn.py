"""AddPartitionsToTxn (key 24): a transaction is about to write somewhere. Versions 0-5.

Versions 4 and 5 are for brokers: several transactions in one request, or only a question.
"""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    INT16,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class TransactionTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[int, ...], array(INT32)]


class AddedTransaction(Part):
    """`verify_only`: whether the partitions are part of the transaction, adding none."""

    transactional_id: Annotated[str, STRING]
    producer_id: Annotated[int, INT64]
    producer_epoch: Annotated[int, INT16]
    verify_only: Annotated[bool, BOOL] = False
    topics: Annotated[tuple[TransactionTopic, ...], array(TransactionTopic)]


class AddPartitionsToTxnRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    transactions: Annotated[
        tuple[AddedTransaction, ...], array(AddedTransaction), Versions(since=4)
    ] = ()
    transactional_id: Annotated[str, STRING, Versions(until=3)] = ""
    producer_id: Annotated[int, INT64, Versions(until=3)] = -1
    producer_epoch: Annotated[int, INT16, Versions(until=3)] = -1
    topics: Annotated[tuple[TransactionTopic, ...], array(TransactionTopic), Versions(until=3)] = ()


class AddedPartition(Part):
    partition_index: Annotated[int, INT32]
    partition_error_code: Annotated[int, ERROR_CODE]


class AddedTopic(Part):
    name: Annotated[str, STRING]
    results_by_partition: Annotated[tuple[AddedPartition, ...], array(AddedPartition)]


class AddedResult(Part):
    transactional_id: Annotated[str, STRING]
    topic_results: Annotated[tuple[AddedTopic, ...], array(AddedTopic)]


class AddPartitionsToTxnResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE, Versions(since=4)] = 0
    results_by_transaction: Annotated[
        tuple[AddedResult, ...], array(AddedResult), Versions(since=4)
    ] = ()
    results_by_topic: Annotated[tuple[AddedTopic, ...], array(AddedTopic), Versions(until=3)] = ()

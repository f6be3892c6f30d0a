"""DescribeTransactions (key 65), version 0 (KIP-664): transactional ids in detail.

An id that is named again is described again, but not for ever: answers stay in proportion to what
there is.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.handlers.repetitions import Repetitions
from streamcore.broker.services import BrokerServices
from streamcore.transactions.transaction import Transaction, TransactionalId
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_transactions import (
    DescribedTransaction,
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    TransactionTopic,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeTransactionsRequest, request.api_version, body)
    again = Repetitions()
    described = tuple(
        _described(services, name) for name in asked.transactional_ids if again.admit(name)
    )
    return encode(DescribeTransactionsResponse(transaction_states=described), request.api_version)


def _described(services: BrokerServices, transactional_id: str) -> DescribedTransaction:
    if not transactional_id:
        return DescribedTransaction(
            transactional_id=transactional_id, error_code=ErrorCode.INVALID_REQUEST
        )
    transaction = services.transactions.coordinator.find(TransactionalId(transactional_id))
    if transaction is None:
        return DescribedTransaction(
            transactional_id=transactional_id, error_code=ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
        )
    return DescribedTransaction(
        transactional_id=transactional_id,
        transaction_state=transaction.state.title,
        transaction_timeout_ms=transaction.timeout_ms,
        transaction_start_time_ms=transaction.started_ms,
        producer_id=transaction.producer_id,
        producer_epoch=transaction.epoch,
        topics=_topics(transaction),
    )


def _topics(transaction: Transaction) -> tuple[TransactionTopic, ...]:
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(transaction.places):
        by_topic.setdefault(topic, []).append(partition)
    return tuple(
        TransactionTopic(topic=topic, partitions=tuple(partitions))
        for topic, partitions in by_topic.items()
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_TRANSACTIONS,
    name="DescribeTransactions",
    min_version=0,
    max_version=0,
    flexible_from=DescribeTransactionsRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""ListTransactions (key 66), versions 0 to 2 (KIP-664, KIP-994 by age, KIP-1152 by pattern):
transactional ids by state, producer, age and name.

Not done: patterns with features that Python's regular expressions have and RE2 has not are
taken as Python reads them.
"""

import re

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.transactions.states import TransactionState
from streamcore.transactions.transaction import Transaction
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.list_transactions import (
    ListedTransaction,
    ListTransactionsRequest,
    ListTransactionsResponse,
)

STATES = {state.title: state for state in TransactionState}


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(ListTransactionsRequest, request.api_version, body)
    unknown = tuple(name for name in asked.state_filters if name not in STATES)
    try:
        pattern = re.compile(asked.transactional_id_pattern or "")
    except re.error:
        response = ListTransactionsResponse(error_code=ErrorCode.INVALID_REGULAR_EXPRESSION)
        return encode(response, request.api_version)
    now_ms = services.clock.now_ms()
    listed = tuple(
        ListedTransaction(
            transactional_id=transaction.transactional_id,
            producer_id=transaction.producer_id,
            transaction_state=transaction.state.title,
        )
        for transaction in services.transactions.coordinator.all()
        if _is_wanted(transaction, asked, now_ms)
        and (not pattern.pattern or pattern.fullmatch(transaction.transactional_id))
    )
    response = ListTransactionsResponse(unknown_state_filters=unknown, transaction_states=listed)
    return encode(response, request.api_version)


def _is_wanted(transaction: Transaction, asked: ListTransactionsRequest, now_ms: int) -> bool:
    if asked.state_filters and transaction.state.title not in asked.state_filters:
        return False
    if asked.producer_id_filters and transaction.producer_id not in asked.producer_id_filters:
        return False
    if asked.duration_filter < 0:
        return True
    return transaction.started_ms >= 0 and now_ms - transaction.started_ms > asked.duration_filter


HANDLER = Handler(
    api_key=ApiKey.LIST_TRANSACTIONS,
    name="ListTransactions",
    min_version=0,
    max_version=2,
    flexible_from=ListTransactionsRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""ListTransactions (key 66), versions 0 to 2 (KIP-664, KIP-994 by age, KIP-1152 by pattern):
transactional ids by state, producer, age and name."""

from collections.abc import Callable
from typing import Final

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

# Of one pattern; the library keeps the last 128.
PATTERN_BYTES_MAX: Final = 1 << 20
STATES = {state.title: state for state in TransactionState}


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(ListTransactionsRequest, request.api_version, body)
    unknown = tuple(name for name in asked.state_filters if name not in STATES)
    matches = _matcher(asked.transactional_id_pattern)
    if matches is None:
        response = ListTransactionsResponse(error_code=ErrorCode.INVALID_REGULAR_EXPRESSION)
        return encode(response, request.api_version)
    is_wanted = _filter(asked, now_ms=services.clock.now_ms())
    listed = tuple(
        ListedTransaction(
            transactional_id=transaction.transactional_id,
            producer_id=transaction.producer_id,
            transaction_state=transaction.state.title,
        )
        for transaction in services.transactions.coordinator.all()
        if is_wanted(transaction) and matches(transaction.transactional_id)
    )
    response = ListTransactionsResponse(unknown_state_filters=unknown, transaction_states=listed)
    return encode(response, request.api_version)


def _matcher(pattern: str | None) -> Callable[[str], bool] | None:
    """Return what tells whether an id is of the pattern; None for a pattern that is none.

    With RE2, as Kafka's: no pattern of a client's can keep the broker busy.
    """
    if not pattern:
        return lambda _: True
    # Imported here: nobody asks for this in ordinary operation.
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_BYTES_MAX
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        return None
    return lambda name: compiled.fullmatch(name) is not None


def _filter(asked: ListTransactionsRequest, *, now_ms: int) -> Callable[[Transaction], bool]:
    states = frozenset(asked.state_filters or STATES)
    producer_ids = frozenset(asked.producer_id_filters)

    def is_wanted(transaction: Transaction) -> bool:
        if transaction.state.title not in states:
            return False
        if producer_ids and transaction.producer_id not in producer_ids:
            return False
        age_ms = now_ms - transaction.started_ms if transaction.started_ms >= 0 else -1
        return asked.duration_filter < 0 or age_ms > asked.duration_filter

    return is_wanted


HANDLER = Handler(
    api_key=ApiKey.LIST_TRANSACTIONS,
    name="ListTransactions",
    min_version=0,
    max_version=2,
    flexible_from=ListTransactionsRequest.FLEXIBLE_FROM,
    answer=answer,
)

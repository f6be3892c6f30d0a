"""What becomes of a transaction when a producer asks for something, or time passes.

Pure: each function takes a transaction and returns the one that replaces it, once that is
in the log, or raises `Refused`. Sources: KIP-98, KIP-360 (continuing after an error),
KIP-890 (a new epoch with every end), and Kafka's transaction coordinator.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from streamcore.transactions.states import TransactionEvent, TransactionState, advance
from streamcore.transactions.transaction import (
    BUMPS_EPOCH_FROM,
    EPOCH_LAST,
    NO_EPOCH,
    NO_PRODUCER_ID,
    NO_TIME,
    Place,
    ProducerIdentity,
    Transaction,
)
from streamcore.wire.error_codes import ErrorCode

NewProducerId = Callable[[], int]
"""Takes an unused producer id. Raises `OSError` where none can be had."""


class Refused(Exception):
    """Nothing changes; the producer is told why."""

    def __init__(self, error: ErrorCode) -> None:
        super().__init__(error.name)
        self.error = error


def initialised(
    transaction: Transaction,
    *,
    expected: ProducerIdentity | None,
    timeout_ms: int,
    new_producer_id: NewProducerId,
    now_ms: int,
) -> Transaction:
    """A producer begins under this id, or goes on as `expected` after an error.

    What the one before it has open is aborted first: the answer is then a transaction in
    `PREPARE_ABORT`, and the producer has to ask again.
    """
    _check_may_continue(transaction, expected)
    if transaction.is_prepared:
        raise Refused(ErrorCode.CONCURRENT_TRANSACTIONS)
    if transaction.state is TransactionState.ONGOING:
        aborted = fenced(transaction, now_ms=now_ms)
        # A producer that goes on asks again as who it is: it must not be taken for an older one.
        return replace(aborted, last_epoch=NO_EPOCH if expected is None else transaction.epoch)
    identity, last_epoch = _next_identity(transaction, expected, new_producer_id)
    is_same_producer = identity.producer_id == transaction.producer_id
    return replace(
        transaction,
        state=advance(transaction.state, TransactionEvent.INITIALISED),
        producer_id=identity.producer_id,
        epoch=identity.epoch,
        last_epoch=last_epoch,
        previous_producer_id=(
            transaction.previous_producer_id if is_same_producer else transaction.producer_id
        ),
        timeout_ms=timeout_ms,
        places=frozenset(),
        started_ms=NO_TIME,
        updated_ms=now_ms,
    )


def _check_may_continue(transaction: Transaction, expected: ProducerIdentity | None) -> None:
    if expected is None or transaction.epoch == NO_EPOCH:
        return
    if expected.producer_id == transaction.producer_id:
        if expected.epoch in (transaction.epoch, transaction.last_epoch):
            return
    elif expected == (transaction.previous_producer_id, EPOCH_LAST):
        return  # it has not heard that its epochs were used up
    raise Refused(ErrorCode.PRODUCER_FENCED)


def _next_identity(
    transaction: Transaction, expected: ProducerIdentity | None, new_producer_id: NewProducerId
) -> tuple[ProducerIdentity, int]:
    """Return whom the producer is from now on, and the epoch that it came with."""
    if expected is not None and transaction.epoch != NO_EPOCH:
        if expected != transaction.identity:
            return transaction.identity, transaction.last_epoch  # it asks again
        last_epoch = transaction.epoch
    else:
        last_epoch = NO_EPOCH
    if transaction.is_exhausted:
        return ProducerIdentity(new_producer_id(), 0), last_epoch
    return ProducerIdentity(transaction.producer_id, transaction.epoch + 1), last_epoch


def with_places(transaction: Transaction, places: Iterable[Place], *, now_ms: int) -> Transaction:
    """The transaction is about to write there. The same object if it is known already."""
    if transaction.is_prepared:
        raise Refused(ErrorCode.CONCURRENT_TRANSACTIONS)
    is_ongoing = transaction.state is TransactionState.ONGOING
    added = frozenset(places) - (transaction.places if is_ongoing else frozenset())
    if is_ongoing and not added:
        return transaction
    return replace(
        transaction,
        state=advance(transaction.state, TransactionEvent.PARTITION_ADDED),
        places=transaction.places | added if is_ongoing else added,
        started_ms=transaction.started_ms if is_ongoing else now_ms,
        updated_ms=now_ms,
    )


def ended(
    transaction: Transaction,
    *,
    is_commit: bool,
    client_version: int,
    new_producer_id: NewProducerId,
    now_ms: int,
) -> Transaction:
    """The producer, in the epoch in force, wants its transaction committed or aborted.

    The same object where that is what has happened already.
    """
    bumps_epoch = client_version >= BUMPS_EPOCH_FROM
    if transaction.is_prepared:
        is_next_or_same = bumps_epoch or transaction.is_commit == is_commit
        raise Refused(
            ErrorCode.CONCURRENT_TRANSACTIONS if is_next_or_same else ErrorCode.INVALID_TXN_STATE
        )
    if transaction.state is not TransactionState.ONGOING:
        is_complete = transaction.state is not TransactionState.EMPTY
        if is_complete and transaction.is_commit == is_commit and not bumps_epoch:
            return transaction
        if is_commit or not bumps_epoch:
            raise Refused(ErrorCode.INVALID_TXN_STATE)
    event = TransactionEvent.COMMIT_DECIDED if is_commit else TransactionEvent.ABORT_DECIDED
    decided = replace(
        transaction,
        state=advance(transaction.state, event),
        started_ms=transaction.started_ms if transaction.places else now_ms,
        updated_ms=now_ms,
        client_version=client_version,
    )
    if not bumps_epoch:
        return decided
    return replace(
        decided,
        epoch=transaction.epoch + 1,
        last_epoch=transaction.epoch,
        next_producer_id=new_producer_id() if transaction.is_exhausted else NO_PRODUCER_ID,
    )


def is_retry_of_end(transaction: Transaction, asking: ProducerIdentity) -> bool:
    """Whether a producer asks again for an end that has moved it to its next epoch (KIP-890)."""
    has_ended = transaction.state not in (TransactionState.EMPTY, TransactionState.ONGOING)
    if not has_ended or transaction.client_version < BUMPS_EPOCH_FROM:
        return False
    if asking.producer_id == transaction.producer_id:
        return asking.epoch == transaction.epoch - 1
    return asking == (transaction.previous_producer_id, EPOCH_LAST) and transaction.epoch == 0


def fenced(transaction: Transaction, *, now_ms: int) -> Transaction:
    """Abort an ongoing transaction against its producer's will: its epoch is over."""
    return replace(
        transaction,
        state=advance(transaction.state, TransactionEvent.ABORT_DECIDED),
        epoch=transaction.epoch + 1,
        last_epoch=NO_EPOCH,
        updated_ms=now_ms,
    )


def completed(transaction: Transaction, *, now_ms: int) -> Transaction:
    """Every partition has its marker."""
    producer_id, epoch = transaction.next_identity
    has_moved = producer_id != transaction.producer_id
    return replace(
        transaction,
        state=advance(transaction.state, TransactionEvent.MARKERS_WRITTEN),
        producer_id=producer_id,
        epoch=epoch,
        last_epoch=NO_EPOCH if has_moved else transaction.last_epoch,
        previous_producer_id=(
            transaction.producer_id if has_moved else transaction.previous_producer_id
        ),
        next_producer_id=NO_PRODUCER_ID,
        places=frozenset(),
        updated_ms=now_ms,
    )

"""All transactional ids of a broker. Decides; writes and sends nothing.

Whoever calls writes each `Change` to the log of transactions, then says `applied` or
`undone`. Meanwhile the id is taken: others are told CONCURRENT_TRANSACTIONS. Only added
partitions count before that is written, for the records that come with them: should
writing fail, the transaction merely ends in a partition too many.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from streamcore.transactions import decisions
from streamcore.transactions.decisions import Refused
from streamcore.transactions.settings import TransactionSettings
from streamcore.transactions.states import TransactionState
from streamcore.transactions.transaction import (
    Place,
    ProducerIdentity,
    Transaction,
    TransactionalId,
)
from streamcore.wire.error_codes import ErrorCode


class Change(NamedTuple):
    """A transaction as it will be when this is in the log. None: the id is forgotten."""

    transactional_id: TransactionalId
    after: Transaction | None


class InitRequest(NamedTuple):
    """A producer that begins, or goes on as `expected` (KIP-360)."""

    transactional_id: TransactionalId
    timeout_ms: int
    expected: ProducerIdentity | None


class EndRequest(NamedTuple):
    """A producer that ends its transaction. `client_version` is its transaction.version."""

    transactional_id: TransactionalId
    identity: ProducerIdentity
    is_commit: bool
    client_version: int


class TransactionCoordinator:
    """Transactions by id. Raises `Refused` where nothing changes."""

    def __init__(
        self, settings: TransactionSettings, *, new_producer_id: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._new_producer_id = new_producer_id
        self._transactions: dict[TransactionalId, Transaction] = {}
        self._places_held = 0  # of all transactions together
        self._under_way: set[TransactionalId] = set()
        # Partitions that are not yet in the log: who adds them again has them written again.
        self._unwritten: dict[TransactionalId, set[Place]] = {}

    # What is known

    def all(self) -> Iterable[Transaction]:
        return self._transactions.values()

    def find(self, transactional_id: TransactionalId) -> Transaction | None:
        return self._transactions.get(transactional_id)

    def restore(self, transaction: Transaction) -> None:
        """Take what the log says last of an id as true."""
        self._keep(transaction.transactional_id, transaction)

    # What producers ask for

    def init_producer(self, request: InitRequest, *, now_ms: int) -> Change:
        """Begin, or go on. A change to PREPARE_ABORT has the producer ask again."""
        if not request.transactional_id:
            raise Refused(ErrorCode.INVALID_REQUEST)
        if not 0 < request.timeout_ms <= self._settings.timeout_ms_max:
            raise Refused(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
        transaction = self._transactions.get(request.transactional_id)
        if transaction is None:
            transaction = self._new(request, now_ms)
        self._refuse_under_way(request.transactional_id)
        after = decisions.initialised(
            transaction,
            expected=request.expected,
            timeout_ms=request.timeout_ms,
            new_producer_id=self._new_producer_id,
            now_ms=now_ms,
        )
        return self._begun(after)

    def _new(self, request: InitRequest, now_ms: int) -> Transaction:
        if len(self._transactions) >= self._settings.ids_max:
            raise Refused(ErrorCode.POLICY_VIOLATION)
        return Transaction(
            transactional_id=request.transactional_id,
            producer_id=self._new_producer_id(),
            timeout_ms=request.timeout_ms,
            updated_ms=now_ms,
        )

    def add_places(
        self,
        transactional_id: TransactionalId,
        identity: ProducerIdentity,
        places: Iterable[Place],
        *,
        now_ms: int,
        are_written_to: bool = False,
    ) -> Transaction | None:
        """Let a producer write to `places`; return what to write down, if anything is new.

        Whoever writes that down says `places_written`. With `are_written_to` they have records
        already, which have to end with the transaction: no bound keeps them out.
        """
        transaction = self._own(transactional_id, identity)
        places = frozenset(places)
        after = decisions.with_places(transaction, places, now_ms=now_ms)
        more = len(after.places) - len(transaction.places)
        if more > self._settings.places_max - self._places_held and not are_written_to:
            raise Refused(ErrorCode.POLICY_VIOLATION)
        unwritten = self._unwritten.setdefault(transactional_id, set())
        unwritten |= after.places - transaction.places
        self._keep(transactional_id, after)
        if unwritten & places or after is not transaction:
            return after
        return None

    def places_written(self, transaction: Transaction) -> None:
        """The partitions of a transaction are in the log with it."""
        unwritten = self._unwritten.get(transaction.transactional_id, set())
        unwritten -= transaction.places
        if not unwritten:
            self._unwritten.pop(transaction.transactional_id, None)

    def check_place(
        self, transactional_id: TransactionalId, identity: ProducerIdentity, place: Place
    ) -> None:
        """Whether a producer may write to `place`, which it has to have added before."""
        transaction = self._own(transactional_id, identity)
        if transaction.is_prepared:
            raise Refused(ErrorCode.CONCURRENT_TRANSACTIONS)
        if transaction.state is not TransactionState.ONGOING or place not in transaction.places:
            raise Refused(ErrorCode.INVALID_TXN_STATE)

    def end(self, request: EndRequest, *, now_ms: int) -> Change | None:
        """Decide how a transaction ends. None where it has ended so already."""
        transaction = self._known(request.transactional_id, request.identity.producer_id)
        if decisions.is_retry_of_end(transaction, request.identity):
            _check_retry(transaction, request)
            return None
        self._check_identity(transaction, request.identity)
        after = decisions.ended(
            transaction,
            is_commit=request.is_commit,
            client_version=request.client_version,
            new_producer_id=self._new_producer_id,
            now_ms=now_ms,
        )
        return None if after is transaction else self._begun(after)

    # What time and the markers bring

    def timed_out(self, *, now_ms: int) -> list[Change]:
        """Abort what is open for longer than its producer allowed."""
        return [
            self._begun(decisions.fenced(transaction, now_ms=now_ms))
            for transaction in list(self._transactions.values())
            if transaction.has_timed_out(now_ms)
            and transaction.transactional_id not in self._under_way
        ]

    def expired(self, *, now_ms: int) -> list[Change]:
        """Forget ids that nobody has used for long, and that have nothing open."""
        return [
            self._begun_forgetting(transaction.transactional_id)
            for transaction in list(self._transactions.values())
            if not transaction.is_prepared
            and transaction.state is not TransactionState.ONGOING
            and transaction.transactional_id not in self._under_way
            and now_ms - transaction.updated_ms >= self._settings.id_expiration_ms
        ]

    def complete(self, transactional_id: TransactionalId, *, now_ms: int) -> Change:
        """Every partition of a prepared transaction has its marker."""
        self._refuse_under_way(transactional_id)
        after = decisions.completed(self._transactions[transactional_id], now_ms=now_ms)
        return self._begun(after)

    # What became of changes

    def applied(self, change: Change) -> None:
        """The change is in the log."""
        self._under_way.discard(change.transactional_id)
        self._unwritten.pop(change.transactional_id, None)
        self._keep(change.transactional_id, change.after)

    def undone(self, change: Change) -> None:
        """The change could not be written: all is as before."""
        self._under_way.discard(change.transactional_id)

    def _keep(self, transactional_id: TransactionalId, after: Transaction | None) -> None:
        before = self._transactions.get(transactional_id)
        if after is not None:
            self._transactions[transactional_id] = after
        elif before is not None:
            del self._transactions[transactional_id]
        self._places_held += _place_count(after) - _place_count(before)

    # Checks

    def _begun(self, after: Transaction) -> Change:
        self._under_way.add(after.transactional_id)
        return Change(after.transactional_id, after)

    def _begun_forgetting(self, transactional_id: TransactionalId) -> Change:
        self._under_way.add(transactional_id)
        return Change(transactional_id, None)

    def _refuse_under_way(self, transactional_id: TransactionalId) -> None:
        if transactional_id in self._under_way:
            raise Refused(ErrorCode.CONCURRENT_TRANSACTIONS)

    def _own(self, transactional_id: TransactionalId, identity: ProducerIdentity) -> Transaction:
        transaction = self._known(transactional_id, identity.producer_id)
        self._check_identity(transaction, identity)
        return transaction

    def _known(self, transactional_id: TransactionalId, producer_id: int) -> Transaction:
        if not transactional_id:
            raise Refused(ErrorCode.INVALID_REQUEST)
        transaction = self._transactions.get(transactional_id)
        if transaction is None:
            raise Refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        if producer_id not in (transaction.producer_id, transaction.previous_producer_id):
            raise Refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        return transaction

    def _check_identity(self, transaction: Transaction, identity: ProducerIdentity) -> None:
        if identity.producer_id != transaction.producer_id:
            raise Refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        if identity.epoch != transaction.epoch:
            raise Refused(ErrorCode.PRODUCER_FENCED)
        self._refuse_under_way(transaction.transactional_id)


def _place_count(transaction: Transaction | None) -> int:
    return 0 if transaction is None else len(transaction.places)


def _check_retry(transaction: Transaction, request: EndRequest) -> None:
    """The end that a producer asks for again was decided: as it says, or else `Refused`."""
    if transaction.is_commit != request.is_commit:
        raise Refused(ErrorCode.INVALID_TXN_STATE)
    if transaction.is_prepared:
        raise Refused(ErrorCode.CONCURRENT_TRANSACTIONS)

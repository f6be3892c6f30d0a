"""Appends of a transactional producer: only what belongs to its open transaction."""

from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Placement, Replica
from streamcore.record.batch import CONTROL_BIT, HEADER_SIZE, TRANSACTIONAL_BIT, read_header
from streamcore.transactions.decisions import Refused
from streamcore.transactions.transaction import Place, ProducerIdentity, TransactionalId
from streamcore.wire.error_codes import ErrorCode

# Since this version of Produce a partition joins the transaction by being written to (KIP-890).
JOINS_FROM = 12


class TransactionalAppends:
    """Stages the batches of one request under a transactional id."""

    def __init__(
        self, services: BrokerServices, transactional_id: TransactionalId, version: int
    ) -> None:
        self._services = services
        self._transactional_id = transactional_id
        self._joins = version >= JOINS_FROM

    def stage(self, replica: Replica, batch: memoryview) -> Placement:
        """Give a batch its place, if its transaction is open and covers the partition."""
        if len(batch) < HEADER_SIZE:
            return self._services.appends.stage(replica, batch)  # says what is wrong with it
        header = read_header(batch)
        if not header.attributes & TRANSACTIONAL_BIT:
            return self._services.appends.stage(replica, batch)
        identity = ProducerIdentity(header.producer_id, header.producer_epoch)
        place = Place(*replica.key)
        return (
            self._joined(replica, batch, identity, place)
            if self._joins
            else self._checked(replica, batch, identity, place)
        )

    def _checked(
        self, replica: Replica, batch: memoryview, identity: ProducerIdentity, place: Place
    ) -> Placement:
        try:
            self._services.transactions.coordinator.check_place(
                self._transactional_id, identity, place
            )
        except Refused as refusal:
            return _refusal(refusal.error, joins=False)
        return self._services.appends.stage(replica, batch, refused_bits=CONTROL_BIT)

    def _joined(
        self, replica: Replica, batch: memoryview, identity: ProducerIdentity, place: Place
    ) -> Placement:
        """That the partition is part of the transaction is written before the batch is; should
        writing it fail, the batch is refused, whatever became of it."""
        placement: Placement | None = None
        refused: ErrorCode = ErrorCode.NONE

        def on_answer(error: ErrorCode) -> None:
            nonlocal refused
            refused = error
            if placement is not None and error:
                placement.error = ErrorCode.KAFKA_STORAGE_ERROR

        self._services.transactions.add_places(self._transactional_id, identity, [place], on_answer)
        if refused:
            return _refusal(refused, joins=True)
        placement = self._services.appends.stage(replica, batch, refused_bits=CONTROL_BIT)
        return placement


def _refusal(error: ErrorCode, *, joins: bool) -> Placement:
    """In the words that a producer of the version understands (KIP-890)."""
    if error is ErrorCode.PRODUCER_FENCED:
        error = ErrorCode.INVALID_PRODUCER_EPOCH
    elif error is ErrorCode.INVALID_TXN_STATE and joins:
        error = ErrorCode.TRANSACTION_ABORTABLE
    elif error is ErrorCode.CONCURRENT_TRANSACTIONS and not joins:
        error = ErrorCode.NOT_ENOUGH_REPLICAS  # retriable, and known to all
    return Placement(error=error, reason="not part of an open transaction of its producer")

"""The transaction coordinator's shell: writes what was decided, then the markers, then that
every partition has its marker; keeps time.

The order is what makes an end atomic: once the decision is in the log it is carried out,
after however many crashes. What a crash leaves open in a partition without its transaction
knowing of it was never acknowledged, and is aborted.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from groundwork.seams import Clock
from streamcore.broker.topics import TopicCatalogue
from streamcore.broker.transaction_log import TransactionLog
from streamcore.broker.transaction_markers import TransactionMarkers
from streamcore.transactions.coordinator import (
    Change,
    EndRequest,
    InitRequest,
    TransactionCoordinator,
)
from streamcore.transactions.decisions import Refused
from streamcore.transactions.states import TransactionState
from streamcore.transactions.transaction import (
    Place,
    ProducerIdentity,
    Transaction,
    TransactionalId,
)
from streamcore.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)

NOBODY: Final = ProducerIdentity(-1, -1)

OnError = Callable[[ErrorCode], None]
OnIdentity = Callable[[ErrorCode, ProducerIdentity], None]


def ids_or_refusal(take: Callable[[], int]) -> Callable[[], int]:
    """Give out producer ids; a disk that lets none be reserved is a reason to refuse a request."""

    def take_one() -> int:
        try:
            return take()
        except OSError as failure:
            logger.error("no producer id: %s", failure)  # noqa: TRY400  # no trace: the disk's words say it all
            raise Refused(ErrorCode.COORDINATOR_NOT_AVAILABLE) from None

    return take_one


class TransactionService:
    """One broker's transactions. Call `load` before the first request, and keep `run` running."""

    def __init__(
        self,
        coordinator: TransactionCoordinator,
        log: TransactionLog,
        markers: TransactionMarkers,
        *,
        clock: Clock,
        topics: TopicCatalogue,
        interval_ms: int,
    ) -> None:
        self.coordinator = coordinator
        self._log = log
        self._markers = markers
        self._clock = clock
        self._topics = topics
        self._interval_ms = interval_ms
        # Ends that are decided and not yet everywhere: which partitions still have no marker.
        self._unfinished: dict[TransactionalId, frozenset[Place]] = {}

    def load(self) -> None:
        """Read the log, go on with what was decided, settle what is open."""
        for transaction in self._log.read():
            self.coordinator.restore(transaction)
            if transaction.is_prepared:
                self._unfinished[transaction.transactional_id] = transaction.places
        self._settle_open()
        self.finish()

    async def run(self) -> None:
        """Keep time: abort what takes too long, forget what nobody uses, retry what failed."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic_ms() + self._interval_ms)
            self.keep_time()

    def keep_time(self) -> None:
        now_ms = self._clock.now_ms()
        for change in self.coordinator.timed_out(now_ms=now_ms):
            logger.info("transaction of %r has timed out: it is aborted", change.transactional_id)
            self._decide(change, _nobody_waits)
        for change in self.coordinator.expired(now_ms=now_ms):
            self._write(change, _nobody_waits)
        self.finish()

    # Requests

    def init_producer(self, request: InitRequest, on_answer: OnIdentity) -> None:
        """Give a producer its identity, or have it ask again while an older one is fenced."""
        try:
            change = self.coordinator.init_producer(request, now_ms=self._clock.now_ms())
        except Refused as refusal:
            on_answer(refusal.error, NOBODY)
            return
        after = change.after
        assert after is not None, "only time forgets an id"

        def on_written(error: ErrorCode) -> None:
            if error is ErrorCode.NONE and after.is_prepared:
                error = ErrorCode.CONCURRENT_TRANSACTIONS
            on_answer(error, NOBODY if error else after.identity)

        self._decide(change, on_written)

    def add_places(
        self,
        transactional_id: TransactionalId,
        identity: ProducerIdentity,
        places: Iterable[Place],
        on_answer: OnError,
        *,
        are_written_to: bool = False,
    ) -> None:
        """Let a producer write to partitions; the answer comes when that is written down.

        Refusals come at once, and so does the answer where there is nothing to write.
        """
        try:
            transaction = self.coordinator.add_places(
                transactional_id,
                identity,
                places,
                now_ms=self._clock.now_ms(),
                are_written_to=are_written_to,
            )
        except Refused as refusal:
            on_answer(refusal.error)
            return
        if transaction is None:
            on_answer(ErrorCode.NONE)
            return
        added = transaction

        def on_written(is_written: bool) -> None:
            if is_written:
                self.coordinator.places_written(added)
            on_answer(_write_error(is_written))

        self._log.append(Change(transactional_id, added), on_written)

    def end(self, request: EndRequest, on_answer: OnIdentity) -> None:
        """Commit or abort. Once that is decided it is carried out, whatever becomes of it first."""
        try:
            change = self.coordinator.end(request, now_ms=self._clock.now_ms())
        except Refused as refusal:
            on_answer(refusal.error, NOBODY)
            return
        if change is None:
            known = self.coordinator.find(request.transactional_id)
            assert known is not None, "it has just been ended, or had been"
            on_answer(ErrorCode.NONE, known.identity)
            return
        after = change.after
        assert after is not None, "only time forgets an id"
        self._decide(
            change, lambda error: on_answer(error, NOBODY if error else after.next_identity)
        )

    # Carrying out

    def _decide(self, change: Change, on_answer: OnError) -> None:
        """Write a change, and carry it out where it ends a transaction."""
        after = change.after

        def on_written(error: ErrorCode) -> None:
            if error or after is None or not after.is_prepared:
                on_answer(error)
            else:
                self._mark(after, after.places, lambda: on_answer(ErrorCode.NONE))

        self._write(change, on_written)

    def _write(self, change: Change, on_answer: OnError) -> None:
        def on_written(is_written: bool) -> None:
            if is_written:
                self.coordinator.applied(change)
            else:
                self.coordinator.undone(change)
            on_answer(_write_error(is_written))

        self._log.append(change, on_written)

    def _mark(
        self, transaction: Transaction, places: frozenset[Place], on_done: Callable[[], None]
    ) -> None:
        """Write the markers, then that they are written; what fails is tried again later."""
        transactional_id = transaction.transactional_id

        def on_marked(unmarked: frozenset[Place]) -> None:
            if unmarked:
                self._unfinished[transactional_id] = unmarked
                on_done()
                return
            change = self.coordinator.complete(transactional_id, now_ms=self._clock.now_ms())
            self._write(change, on_completed)

        def on_completed(error: ErrorCode) -> None:
            if error:
                self._unfinished[transactional_id] = frozenset()
            on_done()

        self._markers.write(
            transaction.identity, places, is_commit=transaction.is_commit, on_marked=on_marked
        )

    def finish(self) -> None:
        """Go on with the ends that a crash or a disk has interrupted."""
        unfinished, self._unfinished = self._unfinished, {}
        for transactional_id, places in unfinished.items():
            transaction = self.coordinator.find(transactional_id)
            assert transaction is not None, "a prepared transaction is not forgotten"
            self._mark(transaction, places, _nothing)

    def _settle_open(self) -> None:
        """Find what is open in partitions and not in the transaction that it should be in.

        A crash came between the records and the note that they are part of it. They were
        not acknowledged: their producer may send them again while its transaction is open,
        so then they belong to it; else they are aborted.
        """
        by_producer = {each.producer_id: each for each in self.coordinator.all()}
        for replica in self._topics.replicas():
            for producer_id in list(replica.producers.open_transactions):
                place = Place(*replica.key)
                identity = ProducerIdentity(
                    producer_id, replica.producers.states[producer_id].epoch
                )
                transaction = by_producer.get(producer_id)
                if transaction is None or not transaction.is_open_in(place):
                    self._settle(transaction, identity, place)

    def _settle(
        self, transaction: Transaction | None, identity: ProducerIdentity, place: Place
    ) -> None:
        if (
            transaction is not None
            and transaction.state is TransactionState.ONGOING
            and transaction.identity == identity
        ):
            transactional_id = transaction.transactional_id
            self.add_places(transactional_id, identity, [place], _nobody_waits, are_written_to=True)
            return
        logger.warning(
            "%s-%d: records of producer %d that are in no transaction are aborted",
            *place,
            identity.producer_id,
        )
        self._markers.write(identity, [place], is_commit=False, on_marked=_nobody_asks)


def _write_error(is_written: bool) -> ErrorCode:
    """Told of `COORDINATOR_NOT_AVAILABLE`, clients look for the coordinator and ask again."""
    return ErrorCode.NONE if is_written else ErrorCode.COORDINATOR_NOT_AVAILABLE


def _nobody_waits(error: ErrorCode) -> None:
    """Time decided, not a producer; what could not be written is decided again."""


def _nobody_asks(unmarked: frozenset[Place]) -> None:
    """A partition whose disk refused the marker is settled at the next start."""


def _nothing() -> None:
    """Nobody waits for the end of what was interrupted."""

"""One transactional id: who produces under it, and what its transaction touches."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, NewType

from streamcore.transactions.states import TransactionState

TransactionalId = NewType("TransactionalId", str)

NO_PRODUCER_ID: Final = -1
NO_EPOCH: Final = -1
NO_TIME: Final = -1
# The last epoch that a producer is given; the one above it is kept for fencing it.
EPOCH_LAST: Final = (1 << 15) - 2
# Since this transaction.version the epoch moves with the end of every transaction (KIP-890).
BUMPS_EPOCH_FROM: Final = 2


class ProducerIdentity(NamedTuple):
    """A producer id in one of its epochs: the newest one alone may write."""

    producer_id: int
    epoch: int


class Place(NamedTuple):
    """A partition that a transaction has written to."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """All that is remembered under a transactional id. Times are unix ms.

    `last_epoch` is the epoch before, where the producer itself asked for the newer one: it
    may not have heard the answer. `next_producer_id` takes over when the epochs of
    `producer_id` are used up.
    """

    transactional_id: TransactionalId
    producer_id: int
    epoch: int = NO_EPOCH
    last_epoch: int = NO_EPOCH
    previous_producer_id: int = NO_PRODUCER_ID
    next_producer_id: int = NO_PRODUCER_ID
    timeout_ms: int
    state: TransactionState = TransactionState.EMPTY
    places: frozenset[Place] = field(default_factory=frozenset)
    started_ms: int = NO_TIME
    updated_ms: int
    client_version: int = 0

    @property
    def identity(self) -> ProducerIdentity:
        return ProducerIdentity(self.producer_id, self.epoch)

    @property
    def next_identity(self) -> ProducerIdentity:
        """Whom the producer will be, once the transaction has ended."""
        if self.next_producer_id != NO_PRODUCER_ID:
            return ProducerIdentity(self.next_producer_id, 0)
        return self.identity

    @property
    def is_exhausted(self) -> bool:
        return self.epoch >= EPOCH_LAST

    @property
    def is_prepared(self) -> bool:
        """Whether its end is decided, and not every partition knows."""
        return self.state in (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)

    @property
    def is_commit(self) -> bool:
        return self.state in (TransactionState.PREPARE_COMMIT, TransactionState.COMPLETE_COMMIT)

    def is_open_in(self, place: Place) -> bool:
        """Whether the partition will be told how the transaction ends."""
        is_open = self.is_prepared or self.state is TransactionState.ONGOING
        return is_open and place in self.places

    def has_timed_out(self, now_ms: int) -> bool:
        return self.state is TransactionState.ONGOING and now_ms - self.started_ms > self.timeout_ms

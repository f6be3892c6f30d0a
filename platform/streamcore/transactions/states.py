"""The life of a transactional id, as one table (KIP-98, KIP-890)."""

from enum import IntEnum, StrEnum


class TransactionState(IntEnum):
    """Numbered as in the log of transactions (org.apache.kafka...TransactionState)."""

    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5
    DEAD = 6

    @property
    def title(self) -> str:
        """In Kafka's spelling, as ListTransactions and DescribeTransactions send it."""
        return self.name.title().replace("_", "")


class TransactionEvent(StrEnum):
    INITIALISED = "initialised"  # a producer came, with a new epoch: older ones are fenced
    PARTITION_ADDED = "partition_added"
    COMMIT_DECIDED = "commit_decided"
    ABORT_DECIDED = "abort_decided"  # by the producer, or by time
    MARKERS_WRITTEN = "markers_written"  # every partition knows
    EXPIRED = "expired"  # nobody used the id for long


EMPTY, ONGOING = TransactionState.EMPTY, TransactionState.ONGOING
PREPARE_COMMIT, PREPARE_ABORT = TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT
COMPLETE_COMMIT, COMPLETE_ABORT = TransactionState.COMPLETE_COMMIT, TransactionState.COMPLETE_ABORT

TRANSACTION_TRANSITIONS: dict[tuple[TransactionState, TransactionEvent], TransactionState] = {
    (EMPTY, TransactionEvent.INITIALISED): EMPTY,
    (EMPTY, TransactionEvent.PARTITION_ADDED): ONGOING,
    # Nothing is open, but a producer whose epoch moves with each end wants it to (KIP-890).
    (EMPTY, TransactionEvent.ABORT_DECIDED): PREPARE_ABORT,
    (EMPTY, TransactionEvent.EXPIRED): TransactionState.DEAD,
    (ONGOING, TransactionEvent.PARTITION_ADDED): ONGOING,
    (ONGOING, TransactionEvent.COMMIT_DECIDED): PREPARE_COMMIT,
    (ONGOING, TransactionEvent.ABORT_DECIDED): PREPARE_ABORT,
    (PREPARE_COMMIT, TransactionEvent.MARKERS_WRITTEN): COMPLETE_COMMIT,
    (PREPARE_ABORT, TransactionEvent.MARKERS_WRITTEN): COMPLETE_ABORT,
    (COMPLETE_COMMIT, TransactionEvent.INITIALISED): EMPTY,
    (COMPLETE_COMMIT, TransactionEvent.PARTITION_ADDED): ONGOING,
    (COMPLETE_COMMIT, TransactionEvent.ABORT_DECIDED): PREPARE_ABORT,
    (COMPLETE_COMMIT, TransactionEvent.EXPIRED): TransactionState.DEAD,
    (COMPLETE_ABORT, TransactionEvent.INITIALISED): EMPTY,
    (COMPLETE_ABORT, TransactionEvent.PARTITION_ADDED): ONGOING,
    (COMPLETE_ABORT, TransactionEvent.ABORT_DECIDED): PREPARE_ABORT,
    (COMPLETE_ABORT, TransactionEvent.EXPIRED): TransactionState.DEAD,
}


class IllegalTransactionTransition(Exception):
    """The event cannot happen to a transaction in this state."""


def advance(state: TransactionState, event: TransactionEvent) -> TransactionState:
    try:
        return TRANSACTION_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransactionTransition(f"{event} while {state.title}") from None

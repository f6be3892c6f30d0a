"""What producers may do under a transactional id, and whom a newer one fences."""

from contextlib import AbstractContextManager

import pytest

from streamcore.transactions.coordinator import EndRequest, InitRequest, TransactionCoordinator
from streamcore.transactions.decisions import Refused
from streamcore.transactions.settings import TransactionSettings
from streamcore.transactions.states import TransactionState
from streamcore.transactions.transaction import (
    EPOCH_LAST,
    Place,
    ProducerIdentity,
    Transaction,
    TransactionalId,
)
from streamcore.wire.error_codes import ErrorCode

ID = TransactionalId("tx")
HERE, THERE = Place("t", 0), Place("t", 1)
OLD, NEW = 0, 2  # transaction.version of clients: the epoch stays, or moves with every end


class Scene:
    """A coordinator whose changes are written at once, unless a test holds them."""

    def __init__(self, *, places_max: int = 100) -> None:
        self.now_ms = 1_000
        self._next_producer_id = 100
        self.coordinator = TransactionCoordinator(
            TransactionSettings(
                timeout_ms_max=60_000, id_expiration_ms=500_000, ids_max=2, places_max=places_max
            ),
            new_producer_id=self._new_producer_id,
        )

    def _new_producer_id(self) -> int:
        self._next_producer_id += 1
        return self._next_producer_id

    @property
    def transaction(self) -> Transaction:
        found = self.coordinator.find(ID)
        assert found is not None
        return found

    def init(
        self,
        expected: ProducerIdentity | None = None,
        *,
        timeout_ms: int = 10_000,
        transactional_id: str = ID,
    ) -> ProducerIdentity:
        request = InitRequest(TransactionalId(transactional_id), timeout_ms, expected)
        change = self.coordinator.init_producer(request, now_ms=self.now_ms)
        self.coordinator.applied(change)
        assert change.after is not None
        return change.after.identity

    def add(self, identity: ProducerIdentity, *places: Place) -> bool:
        """Whether there was something to write down."""
        added = self.coordinator.add_places(ID, identity, places, now_ms=self.now_ms)
        if added is not None:
            self.coordinator.places_written(added)
        return added is not None

    def end(
        self, identity: ProducerIdentity, *, commit: bool, version: int = OLD
    ) -> ProducerIdentity:
        """End, have the markers written; return who the producer is next."""
        request = EndRequest(ID, identity, commit, version)
        change = self.coordinator.end(request, now_ms=self.now_ms)
        if change is None:
            return self.transaction.identity
        self.coordinator.applied(change)
        assert change.after is not None
        self.complete()
        return change.after.next_identity

    def complete(self) -> None:
        self.coordinator.applied(self.coordinator.complete(ID, now_ms=self.now_ms))

    def at_epoch(self, epoch: int, state: TransactionState = TransactionState.EMPTY) -> None:
        """Have the id's producer in an epoch that takes long to reach."""
        self.coordinator.restore(
            Transaction(
                transactional_id=ID,
                producer_id=7,
                epoch=epoch,
                timeout_ms=10_000,
                state=state,
                started_ms=self.now_ms if state is TransactionState.ONGOING else -1,
                updated_ms=self.now_ms,
            )
        )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refusal(error: ErrorCode) -> AbstractContextManager[object]:
    return pytest.raises(Refused, match=f"^{error.name}$")


def test_a_new_producer_fences_the_one_before(scene: Scene) -> None:
    first = scene.init()
    second = scene.init()
    assert second == (first.producer_id, first.epoch + 1)
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.add(first, HERE)
    assert scene.add(second, HERE)


@pytest.mark.parametrize("commit", [True, False])
def test_a_transaction_begins_with_its_first_partition_and_ends_as_asked(
    scene: Scene, commit: bool
) -> None:
    producer = scene.init()
    assert scene.add(producer, HERE)
    assert not scene.add(producer, HERE), "nothing new to write"
    assert scene.add(producer, HERE, THERE)
    assert scene.transaction.places == {HERE, THERE}
    assert scene.end(producer, commit=commit) == producer
    ended = TransactionState.COMPLETE_COMMIT if commit else TransactionState.COMPLETE_ABORT
    assert (scene.transaction.state, scene.transaction.places) == (ended, frozenset())


def test_ending_again_is_answered_alike_and_ending_otherwise_is_refused(scene: Scene) -> None:
    producer = scene.init()
    scene.add(producer, HERE)
    scene.end(producer, commit=True)
    assert scene.end(producer, commit=True) == producer
    with refusal(ErrorCode.INVALID_TXN_STATE):
        scene.end(producer, commit=False)


def test_what_never_began_cannot_end(scene: Scene) -> None:
    producer = scene.init()
    for commit in (True, False):
        with refusal(ErrorCode.INVALID_TXN_STATE):
            scene.end(producer, commit=commit)


def test_the_epoch_moves_with_each_end_where_the_client_knows_that(scene: Scene) -> None:
    first = scene.init()
    scene.add(first, HERE)
    second = scene.end(first, commit=True, version=NEW)
    assert second == (first.producer_id, first.epoch + 1)
    assert scene.end(first, commit=True, version=NEW) == second, "asked again"
    with refusal(ErrorCode.INVALID_TXN_STATE):
        scene.end(first, commit=False, version=NEW)
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.add(first, HERE)
    scene.add(second, HERE)
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.end(first, commit=True, version=NEW)


def test_nothing_can_be_aborted_to_move_the_epoch_but_not_committed(scene: Scene) -> None:
    first = scene.init()
    with refusal(ErrorCode.INVALID_TXN_STATE):
        scene.end(first, commit=True, version=NEW)
    second = scene.end(first, commit=False, version=NEW)
    assert second.epoch == first.epoch + 1
    assert scene.transaction.state is TransactionState.COMPLETE_ABORT


def test_used_up_epochs_end_in_a_new_producer_id(scene: Scene) -> None:
    scene.at_epoch(EPOCH_LAST, TransactionState.ONGOING)
    last = ProducerIdentity(7, EPOCH_LAST)
    moved = scene.end(last, commit=True, version=NEW)
    assert moved == (101, 0)
    assert scene.transaction.identity == moved
    assert scene.end(last, commit=True, version=NEW) == moved, "asked again"
    assert scene.add(moved, HERE)


def test_a_producer_that_begins_when_epochs_are_used_up_gets_a_new_id(scene: Scene) -> None:
    scene.at_epoch(EPOCH_LAST)
    assert scene.init() == (101, 0)
    assert scene.transaction.previous_producer_id == 7


def test_a_producer_goes_on_after_an_error_and_may_ask_twice(scene: Scene) -> None:
    first = scene.init()
    second = scene.init(first)
    assert second == (first.producer_id, first.epoch + 1)
    assert scene.init(first) == second, "it has not heard the answer"
    third = scene.init(second)
    assert third.epoch == second.epoch + 1
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.init(first)
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.init(ProducerIdentity(55, 0))


def test_a_producer_goes_on_past_used_up_epochs_and_may_ask_twice(scene: Scene) -> None:
    scene.at_epoch(EPOCH_LAST)
    last = ProducerIdentity(7, EPOCH_LAST)
    assert scene.init(last) == (101, 0)
    assert scene.init(last) == (101, 0)


def test_what_the_one_before_has_open_is_aborted_first(scene: Scene) -> None:
    first = scene.init()
    scene.add(first, HERE)
    fenced = scene.init()
    assert scene.transaction.state is TransactionState.PREPARE_ABORT
    assert fenced.epoch == first.epoch + 1, "nobody is told this epoch"
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.init()
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.end(first, commit=True)
    scene.complete()
    assert scene.init().epoch == first.epoch + 2


def test_a_producer_that_goes_on_in_an_open_transaction_is_not_fenced_by_its_own_abort(
    scene: Scene,
) -> None:
    first = scene.init()
    scene.add(first, HERE)
    scene.init(first)
    scene.complete()
    assert scene.init(first) == (first.producer_id, first.epoch + 1)


def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(
    scene: Scene,
) -> None:
    producer = scene.init(timeout_ms=5_000)
    scene.add(producer, HERE)
    scene.now_ms += 5_000
    assert scene.coordinator.timed_out(now_ms=scene.now_ms) == []
    scene.now_ms += 1
    (change,) = scene.coordinator.timed_out(now_ms=scene.now_ms)
    assert scene.coordinator.timed_out(now_ms=scene.now_ms) == [], "under way already"
    scene.coordinator.applied(change)
    scene.complete()
    assert scene.transaction.state is TransactionState.COMPLETE_ABORT
    with refusal(ErrorCode.PRODUCER_FENCED):
        scene.end(producer, commit=True)


def test_while_a_change_is_written_the_id_is_taken(scene: Scene) -> None:
    producer = scene.init()
    scene.add(producer, HERE)
    request = EndRequest(ID, producer, True, OLD)
    change = scene.coordinator.end(request, now_ms=scene.now_ms)
    assert change is not None
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.end(producer, commit=True)
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.add(producer, THERE)
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.init()
    scene.coordinator.undone(change)
    assert scene.transaction.state is TransactionState.ONGOING
    assert scene.end(producer, commit=False) == producer, "the disk refused the other decision"


@pytest.mark.parametrize("version", [OLD, NEW])
def test_while_markers_are_written_the_producer_is_asked_for_patience(
    scene: Scene, version: int
) -> None:
    producer = scene.init()
    scene.add(producer, HERE)
    change = scene.coordinator.end(EndRequest(ID, producer, True, version), now_ms=scene.now_ms)
    assert change is not None
    scene.coordinator.applied(change)
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.end(producer, commit=True, version=version)
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.add(scene.transaction.next_identity, HERE)
    with refusal(ErrorCode.CONCURRENT_TRANSACTIONS):
        scene.coordinator.check_place(ID, scene.transaction.identity, HERE)


def test_partitions_that_could_not_be_written_down_are_written_when_they_come_again(
    scene: Scene,
) -> None:
    producer = scene.init()
    assert scene.coordinator.add_places(ID, producer, [HERE], now_ms=0) is not None
    assert scene.transaction.places == {HERE}, "it counts already"
    assert scene.add(producer, HERE), "the first try was not written"
    assert not scene.add(producer, HERE)


def test_only_partitions_that_were_added_may_be_written_to(scene: Scene) -> None:
    producer = scene.init()
    scene.add(producer, HERE)
    scene.coordinator.check_place(ID, producer, HERE)
    with refusal(ErrorCode.INVALID_TXN_STATE):
        scene.coordinator.check_place(ID, producer, THERE)
    scene.end(producer, commit=True)
    with refusal(ErrorCode.INVALID_TXN_STATE):
        scene.coordinator.check_place(ID, producer, HERE)


@pytest.mark.parametrize(
    ("transactional_id", "timeout_ms", "error"),
    [
        ("", 10, ErrorCode.INVALID_REQUEST),
        (ID, 0, ErrorCode.INVALID_TRANSACTION_TIMEOUT),
        (ID, 60_001, ErrorCode.INVALID_TRANSACTION_TIMEOUT),
    ],
)
def test_ids_and_time_outs_are_checked(
    scene: Scene, transactional_id: str, timeout_ms: int, error: ErrorCode
) -> None:
    with refusal(error):
        scene.init(transactional_id=transactional_id, timeout_ms=timeout_ms)


def test_unknown_ids_and_producers_are_told_so(scene: Scene) -> None:
    with refusal(ErrorCode.INVALID_PRODUCER_ID_MAPPING):
        scene.add(ProducerIdentity(1, 0), HERE)
    producer = scene.init()
    with refusal(ErrorCode.INVALID_PRODUCER_ID_MAPPING):
        scene.add(ProducerIdentity(producer.producer_id + 1, producer.epoch), HERE)


def test_partitions_of_all_transactions_are_bounded_together_until_they_end() -> None:
    scene = Scene(places_max=3)
    scene.coordinator.restore(
        Transaction(
            transactional_id=TransactionalId("other"),
            producer_id=7,
            epoch=0,
            timeout_ms=10_000,
            state=TransactionState.ONGOING,
            started_ms=scene.now_ms,
            updated_ms=scene.now_ms,
            places=frozenset({HERE}),
        )
    )
    producer = scene.init()
    assert scene.add(producer, HERE, THERE)
    assert not scene.add(producer, HERE), "it is there already"
    with refusal(ErrorCode.POLICY_VIOLATION):
        scene.add(producer, Place("u", 0))
    assert scene.transaction.places == {HERE, THERE}
    scene.end(producer, commit=True)
    assert scene.add(producer, Place("u", 0), Place("u", 1))
    with refusal(ErrorCode.POLICY_VIOLATION):
        scene.add(producer, HERE)


def test_no_bound_keeps_a_partition_out_that_has_records_already() -> None:
    scene = Scene(places_max=0)
    producer = scene.init()
    added = scene.coordinator.add_places(
        ID, producer, [HERE], now_ms=scene.now_ms, are_written_to=True
    )
    assert added is not None
    assert added.places == {HERE}


def test_ids_are_bounded_and_forgotten_when_nobody_uses_them(scene: Scene) -> None:
    scene.init(transactional_id="one")
    producer = scene.init()
    scene.add(producer, HERE)
    with refusal(ErrorCode.POLICY_VIOLATION):
        scene.init(transactional_id="three")
    scene.now_ms += 500_000
    (change,) = scene.coordinator.expired(now_ms=scene.now_ms)
    assert (change.transactional_id, change.after) == ("one", None), "the other has something open"
    scene.coordinator.applied(change)
    assert scene.coordinator.find(TransactionalId("one")) is None
    assert scene.init(transactional_id="three")

"""Crash the disk under open transactions: what is open and what was aborted is known again.

One seed is one life of a partition that several transactional producers write to. The
oracle reads all batches of the recovered log, with none of its indexes or checkpoints.
"""

import random
from collections.abc import Callable

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.partition.history import PartitionHistory
from streamcore.partition.replica import PartitionKey, PartitionLimits, Replica
from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT, BatchHeader, read_header
from streamcore.record.control import Marker, MarkerType, decode_marker, encode_marker
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.log import LogLimits
from streamcore.storage.recovery import LogCheckpoint, open_log
from streamcore.storage.tail_cache import TailCache
from streamcore.wire.error_codes import ErrorCode
from tests.support.simulated_broker import batch_of, writable

pytestmark = pytest.mark.simulation

LIMITS = PartitionLimits(
    message_bytes_max=1 << 20,
    log=LogLimits(segment_bytes=700, segment_ms=1 << 40, retention_ms=-1, retention_bytes=-1),
)
PRODUCERS = (3, 14, 15)


class Life:
    """A partition on a disk that forgets, and producers that go on after every crash."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.disk = SimulatedDirectory()
        self.term = 0
        self.checkpoint: tuple[LogCheckpoint, list[list[int]], list[list[int]]] | None = None
        self.replica = self.opened()

    def opened(self) -> Replica:
        history = PartitionHistory(producers_max=10)
        if self.checkpoint:
            history.restore(producers=self.checkpoint[1], epochs=self.checkpoint[2])
        log, _ = open_log(
            self.disk,
            "t/0",
            checkpoint=self.checkpoint[0] if self.checkpoint else None,
            now_ms=0,
            reader=history,
        )
        self.term += self.rng.randint(1, 2)
        self.opened_at = log.next_offset
        return Replica(
            PartitionKey("t", 0),
            log,
            history=history,
            tail=TailCache(bytes_max=300).partition(),
            leader_epoch=LeaderEpoch(self.term),
            limits=LIMITS,
        )

    def write(self) -> None:
        producer_id = self.rng.choice(PRODUCERS)
        state = self.replica.producers.states.get(producer_id)
        batch = batch_of(
            *[b"v"] * self.rng.randint(1, 3),
            producer_id=producer_id,
            producer_epoch=0,
            base_sequence=0 if state is None else state.last_sequence + 1,
            attributes=TRANSACTIONAL_BIT,
        )
        placement = self.replica.stage(writable(batch), refused_bits=CONTROL_BIT)
        assert placement.error is ErrorCode.NONE

    def end(self) -> None:
        marker = encode_marker(
            Marker(self.rng.choice(list(MarkerType)), 0),
            producer_id=self.rng.choice(PRODUCERS),
            producer_epoch=0,
            timestamp_ms=7,
        )
        self.replica.stage_own(writable(marker))

    def sync(self) -> None:
        unsynced = self.replica.log.take_unsynced(index_growth_bytes=200)
        for file in unsynced.files:
            file.fsync()
        for folder in unsynced.folders:
            self.disk.sync_names(folder)
        for path, content in unsynced.indexes:
            self.disk.write_atomically(path, content)

    def check_point(self) -> None:
        active = self.replica.log.active
        self.sync()
        self.checkpoint = (
            LogCheckpoint(
                start_offset=self.replica.start_offset,
                segment_base=active.base_offset,
                position=active.size,
            ),
            self.replica.producers.snapshot(),
            self.replica.history.epochs.rows(),
        )

    def crash(self) -> None:
        self.disk.crash(self.rng)
        self.replica = self.opened()
        self.check()

    def check(self) -> None:
        replica = self.replica
        is_open, aborted, epochs = _found_in(replica)
        assert dict(replica.producers.open_transactions) == is_open, "other transactions are open"
        assert list(replica.producers.open_transactions) == list(is_open), "in another order"
        stable = min(is_open.values(), default=replica.high_watermark)
        assert replica.last_stable_offset == stable
        known = replica.log.aborted_between(Offset(0), replica.high_watermark)
        assert known == aborted, "other transactions were aborted"
        if not epochs or epochs[-1][0] < self.term:
            epochs.append([self.term, self.opened_at])
        assert replica.history.epochs.rows() == epochs, "other epochs"


def _found_in(
    replica: Replica,
) -> tuple[dict[int, int], list[AbortedTransaction], list[list[int]]]:
    is_open: dict[int, int] = {}
    aborted: list[AbortedTransaction] = []
    epochs: list[list[int]] = []
    for header, batch in _batches(replica):
        if not epochs or header.leader_epoch > epochs[-1][0]:
            epochs.append([header.leader_epoch, header.base_offset])
        if not header.attributes & CONTROL_BIT:
            is_open.setdefault(header.producer_id, header.base_offset)
            continue
        start = is_open.pop(header.producer_id, None)
        marker = decode_marker(batch)
        assert marker is not None
        if start is not None and marker.type is MarkerType.ABORT:
            aborted.append(AbortedTransaction(header.producer_id, start, header.base_offset))
    return is_open, aborted, epochs


def _batches(replica: Replica) -> list[tuple[BatchHeader, bytes]]:
    data = b"".join(segment.file.read_at(0, segment.size) for segment in replica.log.segments)
    found, position = [], 0
    while position < len(data):
        header = read_header(data, position)
        found.append((header, data[position : position + header.size]))
        position += header.size
    return found


def live(seed: int, *, spoil: Callable[[Life], None] | None = None) -> None:
    life = Life(random.Random(seed))
    for _ in range(life.rng.randint(10, 60)):
        chance = life.rng.random()
        if chance < 0.7:
            for _ in range(life.rng.randint(1, 4)):
                life.rng.choice((life.write, life.write, life.end))()
            life.replica.commit(now_ms=0)
            life.check()
        elif chance < 0.9:
            life.rng.choice((life.sync, life.check_point))()
        else:
            life.crash()
    if spoil:
        spoil(life)
    life.crash()


@pytest.mark.parametrize("seed", range(200))
def test_open_and_aborted_transactions_survive_any_crash(seed: int) -> None:
    live(seed)


def _abort_one_and_check_point(life: Life) -> None:
    life.write()
    ((producer_id, *_),) = [life.replica.producers.open_transactions]
    marker = encode_marker(
        Marker(MarkerType.ABORT, 0), producer_id=producer_id, producer_epoch=0, timestamp_ms=7
    )
    life.replica.stage_own(writable(marker))
    life.replica.commit(now_ms=0)
    life.check_point()


def _forget_that_one_is_open(life: Life) -> None:
    life.write()
    life.replica.commit(now_ms=0)
    life.check_point()
    assert life.checkpoint is not None
    for row in life.checkpoint[1]:
        row[4] = -1


def _lose_what_was_aborted(life: Life) -> None:
    _abort_one_and_check_point(life)
    for name in life.disk.names("t/0"):
        if name.endswith(".txnindex"):
            life.disk.remove(f"t/0/{name}")
    life.disk.sync_names("t/0")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_forget_that_one_is_open, "other transactions are open"),
        (_lose_what_was_aborted, "other transactions were aborted"),
    ],
)
def test_each_checker_sees_the_fault_that_it_is_for(
    spoil: Callable[[Life], None], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        live(3, spoil=spoil)


def test_a_damaged_list_of_aborted_transactions_is_made_again() -> None:
    def spoil(life: Life) -> None:
        _abort_one_and_check_point(life)
        for name in life.disk.names("t/0"):
            if name.endswith(".txnindex"):
                life.disk.write_atomically(f"t/0/{name}", b"damaged")

    live(3, spoil=spoil)

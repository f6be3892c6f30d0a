"""Crash the disk at random moments: what was synced survives, in order, and each checker can fail.

One seed is one life of a partition: appends, syncs, checkpoints, retention, crashes,
recoveries. The model is the list of values by offset.
"""

import random
from collections.abc import Callable

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.partition.history import PartitionHistory
from streamcore.partition.replica import PartitionKey, PartitionLimits, Replica
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.record.records import read_records
from streamcore.storage.log import LogLimits, Unsynced
from streamcore.storage.recovery import LogCheckpoint, RecoveryReport, open_log
from streamcore.storage.tail_cache import TailCache
from streamcore.wire.error_codes import ErrorCode
from tests.support.simulated_broker import batch_of, writable

pytestmark = pytest.mark.simulation

LIMITS = PartitionLimits(
    message_bytes_max=1 << 20,
    log=LogLimits(segment_bytes=3000, segment_ms=1 << 40, retention_ms=-1, retention_bytes=9000),
)
PRODUCER = 42


class Life:
    """A partition on a disk that forgets, and what must be true of it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.disk = SimulatedDirectory()
        self.written: list[bytes] = []
        self.synced_count = 0
        self.synced_start = 0
        self.sequence = 0
        self.checkpoint: tuple[LogCheckpoint, list[list[int]]] | None = None
        self.report = RecoveryReport()
        self.replica = self.opened()

    def opened(self) -> Replica:
        history = PartitionHistory(producers_max=10)
        if self.checkpoint:
            history.restore(producers=self.checkpoint[1], epochs=[])
        log, self.report = open_log(
            self.disk,
            "t/0",
            checkpoint=self.checkpoint[0] if self.checkpoint else None,
            now_ms=0,
            reader=history,
        )
        return Replica(
            PartitionKey("t", 0),
            log,
            history=history,
            tail=TailCache(bytes_max=2000).partition(),
            leader_epoch=LeaderEpoch(0),
            limits=LIMITS,
        )

    def append(self) -> None:
        for _ in range(self.rng.randint(1, 3)):
            values = [b"%d" % len(self.written) + self.rng.randbytes(self.rng.randint(0, 300))]
            if self.rng.random() < 0.5:
                values.append(b"second")
            batch = batch_of(
                *values, producer_id=PRODUCER, producer_epoch=0, base_sequence=self.sequence
            )
            placement = self.replica.stage(writable(batch))
            assert placement.error is ErrorCode.NONE
            assert placement.base_offset == len(self.written)
            self.written += values
            self.sequence += len(values)
        self.replica.commit(now_ms=0)

    def sync(self) -> None:
        _sync(self.disk, self.replica.log.take_unsynced(index_growth_bytes=500))
        self.synced_count = len(self.written)

    def check_point(self) -> None:
        active = self.replica.log.active
        self.checkpoint = (
            LogCheckpoint(
                start_offset=self.replica.start_offset,
                segment_base=active.base_offset,
                position=active.size,
            ),
            self.replica.producers.snapshot(),
        )

    def drop_old(self) -> None:
        self.replica.log.remove_files(self.replica.drop_expired(now_ms=0))

    def crash(self) -> None:
        self.disk.crash(self.rng)
        self.replica = self.opened()
        self.check()
        self.written = self.written[: self.replica.high_watermark]
        self.synced_count = min(self.synced_count, len(self.written))
        self.sequence = len(self.written)

    def check(self) -> None:
        end = self.replica.high_watermark
        assert end >= self.synced_count, "synced records are gone"
        for path in self.report.corrupt_files:
            # A segment may outlive the torn end of the one before it; it was not synced.
            base = int(path.rsplit("/", 1)[1].split(".", 1)[0])
            assert base >= self.synced_count, "what was synced is set aside"
        offset = self.replica.start_offset
        while offset < end:
            fetched = self.replica.fetch(offset, bytes_max=1000)
            assert fetched.error is ErrorCode.NONE
            for batch in _batches(b"".join(fetched.pieces)):
                for record in read_records(batch):
                    if record.offset >= offset:
                        assert record.offset == offset, "offsets are dense"
                        assert record.value == self.written[offset], "another value"
                        offset = Offset(offset + 1)
        states = self.replica.producers.snapshot()
        if end:
            assert states[0][-2] == end - 1, "the producer's last sequence is not the log's last"


def _sync(disk: SimulatedDirectory, unsynced: Unsynced) -> None:
    for file in unsynced.files:
        file.fsync()
    for folder in unsynced.folders:
        disk.sync_names(folder)
    for path, index in unsynced.indexes:
        disk.write_atomically(path, index)


def _batches(data: bytes) -> list[bytes]:
    batches = []
    while data:
        size = int.from_bytes(data[8:12]) + 12
        batches.append(data[:size])
        data = data[size:]
    return batches


def live(seed: int, *, spoil: Callable[[Life], None] | None = None) -> None:
    life = Life(random.Random(seed))
    for _ in range(life.rng.randint(5, 40)):
        chance = life.rng.random()
        if chance < 0.6:
            life.append()
        elif chance < 0.8:
            life.sync()
            if life.rng.random() < 0.5:
                life.check_point()
        elif chance < 0.9:
            life.drop_old()
        else:
            life.crash()
    life.append()
    life.sync()
    if spoil:
        spoil(life)
    life.crash()


@pytest.mark.parametrize("seed", range(200))
def test_synced_records_survive_any_crash(seed: int) -> None:
    live(seed)


def _lose_a_synced_byte(life: Life) -> None:
    active = life.replica.log.active
    life.disk.file(active.path).truncate(active.size - 1)


def _change_a_value(life: Life) -> None:
    life.written[-1] = b"something else"


def _forget_a_producer(life: Life) -> None:
    life.check_point()
    assert life.checkpoint is not None
    life.checkpoint[1][0][-2] -= 1


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_lose_a_synced_byte, "synced records are gone"),
        (_change_a_value, "another value"),
        (_forget_a_producer, "the producer's last sequence"),
    ],
)
def test_each_checker_sees_the_fault_that_it_is_for(
    spoil: Callable[[Life], None], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        live(3, spoil=spoil)

"""The power goes at every single change of the disk while a log is cleaned, or recovered.

Whatever is left, the log that is opened again says the same as the writes up to its end: a
table that a reader of committed records makes from it has every last value, and no deleted or
aborted one comes back.
"""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import PowerLost, SimulatedDirectory
from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica
from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT, read_header
from streamcore.record.control import Marker, MarkerType, encode_marker
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_batch, read_records
from tests.support.compaction_scene import batches_in
from tests.support.simulated_broker import assembled, writable

pytestmark = pytest.mark.simulation

ABORT, COMMIT = MarkerType.ABORT, MarkerType.COMMIT
KEYS = 9
PRODUCERS = (3, 14)
SEEDS = 12
# Each loses power at every twelfth change, and all together at every one: as `make test` has it.
# Otherwise it is every second one.
STRIDE = SEEDS if os.environ.get("HAILSTREAM_WRITE_POINTS") == "1" else 2 * SEEDS
SETTINGS: dict[str, Any] = {
    "log_cleaner_delete_retention_ms": 0,
    "log_cleaner_min_cleanable_ratio": 0.1,
    "log_cleaner_dedupe_buffer_size": 1,  # six keys: rounds end in the middle of segments
    "segment_bytes": 700,
    "tail_cache_bytes": 0,
}


@dataclass(frozen=True, slots=True)
class Write:
    """A record as it was written, and whose transaction it is part of."""

    key: bytes
    value: bytes | None
    producer_id: int | None


@dataclass(frozen=True, slots=True)
class End:
    """The marker that ends a producer's transaction."""

    producer_id: int
    kind: MarkerType


class Life:
    """A compacted partition on a disk that may stop, and all that was written to it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disk = SimulatedDirectory()
        self.clock = VirtualClock()
        self.writes: list[Write | End] = []  # at each offset
        self.synced_count = 0
        self.services = self.assembled()
        self.services.topics.create("t", partition_count=1, configs={"cleanup.policy": "compact"})

    def assembled(self) -> BrokerServices:
        return assembled(self.disk, clock=self.clock, **SETTINGS)

    @property
    def replica(self) -> Replica:
        (replica,) = self.services.topics.replicas()
        return replica

    def write(self, batches: int) -> None:
        for _ in range(batches):
            chance = self.rng.random()
            if chance < 0.6:
                self._append(None)
            elif chance < 0.8:
                self._append(self.rng.choice(PRODUCERS))
            else:
                self._end(self.rng.choice(PRODUCERS), self.rng.choice(list(MarkerType)))

    def _append(self, producer_id: int | None) -> None:
        some = [
            Write(b"key-%d" % self.rng.randrange(KEYS), self._value(), producer_id)
            for _ in range(self.rng.randint(1, 4))
        ]
        now_ms = self.clock.now_ms()
        records = [Record(timestamp=now_ms, key=each.key, value=each.value) for each in some]
        if producer_id is None:
            batch = encode_batch(records)
        else:
            state = self.replica.producers.states.get(producer_id)
            batch = encode_batch(
                records,
                producer_id=producer_id,
                producer_epoch=0,
                base_sequence=0 if state is None else state.last_sequence + 1,
                attributes=TRANSACTIONAL_BIT,
            )
        placement = self.replica.stage(writable(batch), refused_bits=CONTROL_BIT)
        assert not placement.error, placement
        self._commit(some)

    def _end(self, producer_id: int, kind: MarkerType) -> None:
        marker = encode_marker(
            Marker(kind, 0),
            producer_id=producer_id,
            producer_epoch=0,
            timestamp_ms=self.clock.now_ms(),
        )
        self.replica.stage_own(writable(marker))
        self._commit([End(producer_id, kind)])

    def _commit(self, some: Sequence[Write | End]) -> None:
        self.replica.commit(now_ms=self.clock.now_ms())
        self.services.durability.owe_sync(self.replica)
        self.writes += some

    def end_transactions(self, kind: MarkerType) -> None:
        """So that all of it can be read, and all but its end cleaned."""
        for producer_id in list(self.replica.producers.open_transactions):
            self._end(producer_id, kind)

    def _value(self) -> bytes | None:
        return None if self.rng.random() < 0.3 else self.rng.randbytes(self.rng.randint(0, 60))

    async def sync(self) -> None:
        await self.services.durability.sync(checkpoint=True)
        self.synced_count = len(self.writes)

    async def clean(self) -> None:
        self.clock.advance(10)
        await self.services.cleaner.clean_what_is_due()

    async def prepared(self) -> None:
        """Bring it to where a round is due whose tombstones may go, and their values too."""
        self.write(15)
        self.end_transactions(COMMIT)
        await self.sync()
        await self.clean()
        self.write(15)
        self.end_transactions(COMMIT)
        if self.rng.random() < 0.5:
            await self.sync()

    async def end(self) -> None:
        """The process is gone; its thread has nothing left to do."""
        self.disk.changes_left = 0
        for closing in (self.services.durability.close(), self.services.cleaner.close()):
            try:
                await closing
            except PowerLost:
                continue

    async def crash(self) -> None:
        """Lose power, then open the log again, perhaps losing it once more on the way."""
        await self.end()
        self.disk.crash(self.rng)
        self.disk.changes_left = self.rng.randint(0, 12)
        try:
            self.services = self.assembled()
        except PowerLost:
            self.disk.crash(self.rng)
            self.services = self.assembled()
        self.disk.changes_left = None
        assert len(self.writes) >= self.replica.high_watermark >= self.synced_count
        self.writes = self.writes[: self.replica.high_watermark]
        self._take_up()

    def _take_up(self) -> None:
        """The broker aborts what was open: nobody is left who could end it."""
        writers: set[int] = set()
        for write in self.writes:
            if isinstance(write, End):
                writers.discard(write.producer_id)
            elif write.producer_id is not None:
                writers.add(write.producer_id)
        self.services.appends.flush()
        self.writes += [End(producer_id, ABORT) for producer_id in writers]
        assert len(self.writes) == self.replica.high_watermark

    def check(self) -> None:
        table: dict[bytes, bytes] = {}
        last = -1
        for record in self.committed():
            assert last < record.offset, "the order changed"
            last = record.offset
            write = self.writes[last]
            assert isinstance(write, Write)
            assert (record.key, record.value) == (write.key, write.value), "another record"
            assert record.key is not None
            table.pop(record.key, None)
            if record.value is not None:
                table[record.key] = record.value
        assert table == self.expected(), "the table is another one"
        unfinished = [
            name
            for name in self.disk.names(self.replica.log.folder)
            if name.endswith((".cleaned", ".swap"))
        ]
        assert unfinished == []

    def expected(self) -> dict[bytes, bytes]:
        table: dict[bytes, bytes] = {}
        for offset, write in enumerate(self.writes):
            if isinstance(write, Write) and not self._is_aborted(offset, write.producer_id):
                table.pop(write.key, None)
                if write.value is not None:
                    table[write.key] = write.value
        return table

    def _is_aborted(self, offset: int, producer_id: int | None) -> bool:
        if producer_id is None:
            return False
        ends = (write for write in self.writes[offset:] if isinstance(write, End))
        return next(each for each in ends if each.producer_id == producer_id).kind is ABORT

    def committed(self) -> Iterator[Record]:
        """What a reader of committed records gets: it skips what the log calls aborted."""
        assert self.replica.last_stable_offset == self.replica.high_watermark
        aborted = self.replica.log.aborted_between(Offset(0), self.replica.high_watermark)
        offset = self.replica.start_offset
        while offset < self.replica.high_watermark:
            fetched = self.replica.fetch(offset, bytes_max=1000)
            assert not fetched.error, fetched.reason
            for batch in batches_in(b"".join(fetched.pieces)):
                header = read_header(batch)
                if not header.attributes & CONTROL_BIT and not any(
                    each.producer_id == header.producer_id
                    and each.first_offset <= header.base_offset < each.last_offset
                    for each in aborted
                ):
                    yield from read_records(batch)
                offset = Offset(header.next_offset)


async def lived(seed: int, *, changes: int) -> bool:
    """Lose power at that change of a round; return whether the round had so many."""
    life = Life(seed)
    await life.prepared()
    life.disk.changes_left = changes
    is_over = True
    try:
        await life.clean()
    except PowerLost:
        is_over = False
    await life.crash()
    life.check()
    life.write(10)
    await life.sync()
    await life.clean()
    life.end_transactions(life.rng.choice((ABORT, COMMIT)))
    life.check()
    await life.crash()
    life.check()
    await life.end()
    return is_over


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_swap_is_finished_or_undone_wherever_the_power_goes(seed: int) -> None:
    changes = seed * STRIDE // SEEDS
    while not await lived(seed, changes=changes):
        changes += STRIDE
    assert changes > 100, "a round has more steps than that"

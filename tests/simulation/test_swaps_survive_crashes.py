"""The power goes at every single change of the disk while a log is cleaned, or recovered.

Whatever is left, the log that is opened again says the same as the writes up to its end: a
table made from it has every last value, and no deleted one comes back.
"""

import random
from collections.abc import Iterator

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import PowerLost, SimulatedDirectory
from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica
from streamcore.record.batch import read_header
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_batch, read_records
from tests.support.compaction_scene import batches_in
from tests.support.simulated_broker import assembled, writable

pytestmark = pytest.mark.simulation

KEYS = 9
SEEDS = 12  # each loses power at every twelfth change, and together at all of them
SETTINGS: dict[str, object] = {
    "log_cleaner_delete_retention_ms": 0,
    "log_cleaner_min_cleanable_ratio": 0.1,
    "log_cleaner_dedupe_buffer_size": 1,  # six keys: rounds end in the middle of segments
    "segment_bytes": 700,
    "tail_cache_bytes": 0,
}


class Life:
    """A compacted partition on a disk that may stop, and all that was written to it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disk = SimulatedDirectory()
        self.clock = VirtualClock()
        self.writes: list[tuple[bytes, bytes | None]] = []
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
            some = [
                (b"key-%d" % self.rng.randrange(KEYS), self._value())
                for _ in range(self.rng.randint(1, 4))
            ]
            records = [
                Record(timestamp=self.clock.now_ms(), key=key, value=value) for key, value in some
            ]
            self.replica.stage(writable(encode_batch(records)))
            self.replica.commit(now_ms=self.clock.now_ms())
            self.services.durability.on_appended(self.replica, 0)
            self.writes += some

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
        await self.sync()
        await self.clean()
        self.write(15)
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

    def check(self) -> None:
        table: dict[bytes, bytes] = {}
        last = -1
        for record in self.records():
            assert last < record.offset, "the order changed"
            last = record.offset
            assert (record.key, record.value) == self.writes[last], "another record"
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
        for key, value in self.writes:
            table.pop(key, None)
            if value is not None:
                table[key] = value
        return table

    def records(self) -> Iterator[Record]:
        offset = self.replica.start_offset
        while offset < self.replica.high_watermark:
            fetched = self.replica.fetch(offset, bytes_max=1000)
            assert not fetched.error, fetched.reason
            for batch in batches_in(b"".join(fetched.pieces)):
                yield from read_records(batch)
                offset = Offset(read_header(batch).next_offset)


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
    life.check()
    await life.crash()
    life.check()
    await life.end()
    return is_over


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_swap_is_finished_or_undone_wherever_the_power_goes(seed: int) -> None:
    changes = seed
    while not await lived(seed, changes=changes):
        changes += SEEDS
    assert changes > 100, "a round has more steps than that"

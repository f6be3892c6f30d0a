"""A log opens after every kind of damage, keeps what is good, and says what it found."""

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.partition.history import PartitionHistory
from streamcore.partition.replica import PartitionKey, PartitionLimits, Replica
from streamcore.record.batch import BatchHeader
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.record.records import read_records
from streamcore.storage.log import LogLimits, PartitionLog
from streamcore.storage.recovery import LogCheckpoint, RecoveryReport, open_log
from streamcore.storage.tail_cache import TailCache
from streamcore.wire.error_codes import ErrorCode
from tests.support.simulated_broker import batch_of, writable

FIRST = "t/0/00000000000000000000.log"


class Opened:
    """A log that was opened, and all that was said and seen on the way."""

    def __init__(self, disk: SimulatedDirectory, checkpoint: LogCheckpoint | None = None) -> None:
        self.seen: list[BatchHeader] = []
        self.distrusted = 0
        self.log: PartitionLog
        self.report: RecoveryReport
        self.log, self.report = open_log(
            disk,
            "t/0",
            checkpoint=checkpoint,
            now_ms=5,
            reader=self,
        )

    def note(self, header: BatchHeader, batch: memoryview) -> None:
        assert len(batch) in (0, header.size)
        self.seen.append(header)

    def clear(self) -> None:
        self.distrusted += 1

    def values(self) -> list[bytes | None]:
        found: list[bytes | None] = []
        offset = self.log.start_offset
        while offset < self.log.next_offset:
            data = self.log.read(offset, bytes_max=1)
            for record in read_records(bytes(data)):
                found.append(record.value)
                offset = Offset(record.offset + 1)
        return found


def fill(disk: SimulatedDirectory, count: int, *, segment_bytes: int = 1 << 20) -> Replica:
    """A log with `count` batches of one record, whose value is the offset."""
    limits = LogLimits(
        segment_bytes=segment_bytes, segment_ms=1 << 40, retention_ms=-1, retention_bytes=-1
    )
    replica = Replica(
        PartitionKey("t", 0),
        Opened(disk).log,
        history=PartitionHistory(producers_max=1),
        tail=TailCache(bytes_max=0).partition(),
        leader_epoch=LeaderEpoch(0),
        limits=PartitionLimits(message_bytes_max=1 << 20, log=limits),
    )
    for number in range(count):
        placement = replica.stage(writable(batch_of(b"%d" % number, timestamp=number)))
        assert placement.error is ErrorCode.NONE
        replica.commit(now_ms=0)
    return replica


def values(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


BATCH_SIZE = len(batch_of(b"0"))


def test_an_empty_folder_is_an_empty_log() -> None:
    opened = Opened(SimulatedDirectory())
    assert (opened.log.start_offset, opened.log.next_offset) == (0, 0)
    assert opened.report.journal == []


def test_all_segments_are_found_again() -> None:
    disk = SimulatedDirectory()
    fill(disk, 9, segment_bytes=3 * BATCH_SIZE)
    opened = Opened(disk)
    assert [segment.base_offset for segment in opened.log.segments] == [0, 3, 6]
    assert opened.values() == values(9)
    assert opened.report.bytes_checked == 9 * BATCH_SIZE


@pytest.mark.parametrize("kept", [1, 60, 61, BATCH_SIZE - 1])
def test_a_torn_tail_is_cut_and_said(kept: int) -> None:
    disk = SimulatedDirectory()
    fill(disk, 5)
    disk.file(FIRST).truncate(4 * BATCH_SIZE + kept)
    opened = Opened(disk)
    assert opened.values() == values(4)
    assert opened.report.bytes_cut == kept
    assert opened.report.corrupt_files == []
    assert f"{FIRST} at byte {4 * BATCH_SIZE}: torn tail of {kept} bytes" in str(opened.report)


def test_zeros_behind_the_last_batch_are_a_torn_tail() -> None:
    disk = SimulatedDirectory()
    fill(disk, 5)
    disk.file(FIRST).append([bytes(5000)])
    opened = Opened(disk)
    assert opened.values() == values(5)
    assert opened.report.corrupt_files == []


@pytest.mark.parametrize("position", [8, 10, 16, 17, 30, BATCH_SIZE - 1])
def test_a_corrupt_batch_ends_the_log_and_the_rest_is_kept_aside(position: int) -> None:
    disk = SimulatedDirectory()
    fill(disk, 9, segment_bytes=5 * BATCH_SIZE)
    disk.file(FIRST).flip_bit(2 * BATCH_SIZE + position, 1)
    before = disk.read(FIRST)[2 * BATCH_SIZE :]
    opened = Opened(disk)
    assert opened.values() == values(2)
    aside = f"{FIRST}.{2 * BATCH_SIZE}.corrupt"
    second = "t/0/00000000000000000005.log.corrupt"
    assert opened.report.corrupt_files == [aside, second]
    assert disk.read(aside) == before
    assert disk.exists(second)
    assert f"{FIRST} at byte {2 * BATCH_SIZE} is corrupt" in opened.report.journal[0]
    assert Opened(disk).report.journal == [], "the next start has nothing to say"


def test_a_log_goes_on_after_its_corrupt_end() -> None:
    disk = SimulatedDirectory()
    fill(disk, 3)
    disk.file(FIRST).flip_bit(2 * BATCH_SIZE + 30, 0)
    replica = fill(disk, 0)
    placement = replica.stage(writable(batch_of(b"new")))
    replica.commit(now_ms=0)
    assert placement.base_offset == 2
    assert Opened(disk).values() == [b"0", b"1", b"new"]


def test_a_missing_segment_ends_the_log_before_the_gap() -> None:
    disk = SimulatedDirectory()
    fill(disk, 9, segment_bytes=3 * BATCH_SIZE)
    disk.remove("t/0/00000000000000000003.log")
    opened = Opened(disk)
    assert opened.values() == values(3)
    assert "a gap after 3" in opened.report.journal[0]


def test_only_what_lies_behind_the_checkpoint_is_checked() -> None:
    disk = SimulatedDirectory()
    fill(disk, 9, segment_bytes=5 * BATCH_SIZE)
    checkpoint = LogCheckpoint(
        start_offset=Offset(1), segment_base=Offset(5), position=2 * BATCH_SIZE
    )
    opened = Opened(disk, checkpoint)
    assert opened.seen[0].base_offset == 7
    assert opened.report.bytes_checked == 2 * BATCH_SIZE
    assert opened.log.start_offset == 1
    assert opened.values() == values(9)[1:]


def test_after_a_clean_end_nothing_is_checked() -> None:
    disk = SimulatedDirectory()
    fill(disk, 3)
    end = LogCheckpoint(start_offset=Offset(0), segment_base=Offset(0), position=3 * BATCH_SIZE)
    opened = Opened(disk, end)
    assert (opened.seen, opened.report.bytes_checked) == ([], 0)
    assert opened.values() == values(3)


def test_a_log_shorter_than_its_checkpoint_is_checked_whole() -> None:
    disk = SimulatedDirectory()
    fill(disk, 3)
    checkpoint = LogCheckpoint(
        start_offset=Offset(0), segment_base=Offset(0), position=4 * BATCH_SIZE
    )
    opened = Opened(disk, checkpoint)
    assert (opened.distrusted, opened.report.bytes_checked) == (1, 3 * BATCH_SIZE)
    assert "the checkpoint says" in opened.report.journal[0]


def test_a_checkpoint_in_a_segment_that_is_gone_is_not_believed() -> None:
    disk = SimulatedDirectory()
    fill(disk, 3)
    checkpoint = LogCheckpoint(start_offset=Offset(0), segment_base=Offset(77), position=0)
    opened = Opened(disk, checkpoint)
    assert (opened.distrusted, opened.values()) == (1, values(3))


@pytest.mark.parametrize("damage", ["missing", "unreadable"])
def test_a_lost_index_is_built_again(damage: str) -> None:
    disk = SimulatedDirectory()
    replica = fill(disk, 600)
    _, index = replica.log.take_unsynced(index_growth_bytes=0).indexes[0]
    if damage == "unreadable":
        disk.write_atomically("t/0/00000000000000000000.index", index[:-1])
    checkpoint = LogCheckpoint(
        start_offset=Offset(0), segment_base=Offset(0), position=replica.log.active.size
    )
    opened = Opened(disk, checkpoint)
    assert opened.log.active.index.encoded() == index
    assert opened.log.first_at(432) is not None


def test_an_index_file_spares_the_walk() -> None:
    disk = SimulatedDirectory()
    replica = fill(disk, 600)
    for path, index in replica.log.take_unsynced(index_growth_bytes=0).indexes:
        disk.write_atomically(path, index)
    checkpoint = LogCheckpoint(
        start_offset=Offset(0), segment_base=Offset(0), position=replica.log.active.size
    )
    opened = Opened(disk, checkpoint)
    assert opened.log.active.newest_timestamp == 599
    assert opened.log.next_offset == 600
    found = opened.log.first_at(432)
    assert found is not None
    assert (found.offset, found.timestamp) == (432, 432)

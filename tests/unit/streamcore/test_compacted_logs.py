"""A compacted log, with gaps and empty batches, is opened, read, searched and cut like others."""

import json
from pathlib import Path
from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.commands.dump_segment import dump_segment
from streamcore.partition.history import PartitionHistory
from streamcore.partition.replica import PartitionKey, PartitionLimits, Replica
from streamcore.partition.retention import segments_to_drop
from streamcore.record.batch import NO_PRODUCER_ID, BatchHeader, read_header
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.record.records import Record, read_records
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.checkpoint import (
    CLEANED_FILE,
    UNKNOWN,
    CleanedUpTo,
    read_cleaned,
    write_cleaned,
)
from streamcore.storage.compaction.job import LastOfProducer
from streamcore.storage.log import LogLimits, PartitionLog
from streamcore.storage.paths import index_path, segment_path
from streamcore.storage.recovery import LogReader, RecoveryReport, open_log
from streamcore.storage.tail_cache import TailCache
from streamcore.wire.error_codes import ErrorCode
from tests.support.compaction_scene import FOLDER, NOW_MS, LogOnDisk, batches_in, data_batch

LIMITS = LogLimits(segment_bytes=1 << 20, segment_ms=1 << 40, retention_ms=-1, retention_bytes=-1)


def record(key: bytes, value: bytes | None, *, at: int = 0) -> Record:
    return Record(timestamp=NOW_MS + at, key=key, value=value)


def holed() -> LogOnDisk:
    """Nothing at 0 and 1, an empty batch up to 3, records at 5 and 7, nothing at 8, an empty
    batch at 9, and then all."""
    producer: dict[str, Any] = {"producer_id": 7, "producer_epoch": 0}
    log = LogOnDisk(
        [
            [
                data_batch(0, [record(b"a", b"0", at=900)] * 2),
                data_batch(2, [record(b"a", b"2", at=9000)] * 2, base_sequence=4, **producer),
                data_batch(4, [record(b"b", b"4"), record(b"x", b"5", at=50), record(b"b", b"6")]),
            ],
            [
                data_batch(7, [record(b"y", b"7", at=70)]),
                data_batch(8, [record(b"a", b"8")]),
                data_batch(9, [record(b"b", b"9", at=80)]),
            ],
            [data_batch(10, [record(b"a", b"10", at=100), record(b"b", b"11", at=90)])],
        ]
    )
    active = data_batch(12, [record(b"c", b"12", at=60)])
    log.disk.open_append(segment_path(FOLDER, 12)).append([active])
    done = log.clean(
        segments=log.sources()[:-1],
        segment_bytes=1,
        producers=((7, LastOfProducer(0, 3)),),
    )
    assert done.summary.clean_to == 12
    write_cleaned(log.disk, FOLDER, CleanedUpTo(Offset(12), Offset(12)))
    return log


class Seen(PartitionHistory):
    """Keeps the headers that it is told of."""

    def __init__(self) -> None:
        super().__init__(producers_max=10)
        self.headers: list[BatchHeader] = []

    def note(self, header: BatchHeader, batch: memoryview) -> AbortedTransaction | None:
        self.headers.append(header)
        return super().note(header, batch)


def opened(
    disk: SimulatedDirectory, reader: LogReader | None = None
) -> tuple[PartitionLog, RecoveryReport]:
    return open_log(disk, FOLDER, checkpoint=None, now_ms=NOW_MS, reader=reader or Seen())


def replica_of(log: PartitionLog) -> Replica:
    return Replica(
        PartitionKey("t", 0),
        log,
        history=PartitionHistory(producers_max=10),
        tail=TailCache(bytes_max=0).partition(),
        leader_epoch=LeaderEpoch(0),
        limits=PartitionLimits(message_bytes_max=1 << 20, log=LIMITS),
    )


def read_from(replica: Replica, offset: int) -> list[int]:
    """The offsets of all records that a reader gets who begins there and goes on to the end."""
    found: list[int] = []
    while offset < replica.high_watermark:
        fetched = replica.fetch(offset, bytes_max=1)
        assert fetched.error is ErrorCode.NONE, fetched.reason
        for batch in batches_in(b"".join(fetched.pieces)):
            found += [each.offset for each in read_records(batch) if each.offset >= offset]
            assert read_header(batch).next_offset > offset, "a reader would never get on"
            offset = read_header(batch).next_offset
    return found


def test_readers_get_over_gaps_and_empty_batches_from_every_offset() -> None:
    log, report = opened(holed().disk)
    assert report.corrupt_files == []
    replica = replica_of(log)
    left = [5, 7, 10, 11, 12]
    for offset in range(14):
        assert read_from(replica, offset) == [each for each in left if each >= offset]


def test_an_empty_batch_gives_a_producers_state_back() -> None:
    seen = Seen()
    opened(holed().disk, seen)
    (header,) = [each for each in seen.headers if each.producer_id != NO_PRODUCER_ID]
    assert (header.record_count, header.base_sequence, header.last_offset_delta) == (0, 4, 1)


@pytest.mark.parametrize(
    ("timestamp", "offset"), [(0, 5), (50, 5), (51, 7), (71, 10), (95, 10), (101, None)]
)
def test_records_are_found_by_time_and_empty_batches_passed_over(
    timestamp: int, offset: int | None
) -> None:
    log, _ = opened(holed().disk)
    found = log.first_at(NOW_MS + timestamp)
    assert (found.offset if found else None) == offset


def test_the_newest_record_is_one_that_is_there() -> None:
    log, _ = opened(holed().disk)
    newest = log.newest()
    assert newest is not None
    assert (newest.offset, newest.timestamp) == (10, NOW_MS + 100)


@pytest.mark.parametrize("offset", range(13))
def test_the_log_start_may_move_into_a_gap(offset: int) -> None:
    log, _ = opened(holed().disk)
    replica = replica_of(log)
    log.remove_files(replica.delete_before(Offset(offset)))
    assert replica.start_offset == offset
    assert read_from(replica, offset) == [each for each in [5, 7, 10, 11, 12] if each >= offset]
    first = log.first_at(0)
    assert first is not None
    assert first.offset >= offset


def test_retention_counts_what_is_left_of_a_segment() -> None:
    log, _ = opened(holed().disk)
    for segment in log.segments:
        segment.written_ms = NOW_MS + 10_000
    assert [segment.age_from_ms - NOW_MS for segment in log.segments] == [50, 70, 100, 60]
    for age, count in [(49, 0), (50, 1), (70, 2), (100, 4)]:
        limits = LogLimits(segment_bytes=1, segment_ms=1, retention_ms=1000, retention_bytes=-1)
        assert segments_to_drop(log.segments, limits, now_ms=NOW_MS + 1000 + age) == count
    sizes = [segment.size for segment in log.segments]
    limits = LogLimits(
        segment_bytes=1, segment_ms=1, retention_ms=-1, retention_bytes=sum(sizes[1:])
    )
    assert segments_to_drop(log.segments, limits, now_ms=NOW_MS) == 1


def test_the_workers_index_is_the_one_that_recovery_would_build() -> None:
    batches = [data_batch(n, [record(b"%d" % (n % 70), b"x" * 5000)]) for n in range(100)]
    log = LogOnDisk([batches])
    log.clean()
    index_file = index_path(segment_path(FOLDER, 0))
    written = log.disk.read(index_file)
    log.disk.remove(index_file)
    write_cleaned(log.disk, FOLDER, CleanedUpTo(Offset(100), Offset(100)))
    reopened, _ = opened(log.disk)
    assert reopened.segments[0].index.encoded() == written
    assert len(reopened.segments[0].index) > 5


# Gaps are believed only where the log was cleaned


def test_a_gap_in_a_log_that_was_never_cleaned_is_damage() -> None:
    log = holed()
    log.disk.remove(f"{FOLDER}/{CLEANED_FILE}")
    reopened, report = opened(log.disk)
    assert reopened.next_offset == 0
    assert "base offset 2, expected 0" in report.journal[0]


def test_a_gap_behind_what_was_cleaned_is_damage() -> None:
    log = holed()
    write_cleaned(log.disk, FOLDER, CleanedUpTo(Offset(0), Offset(10)))
    assert opened(log.disk)[0].next_offset == 13
    write_cleaned(log.disk, FOLDER, CleanedUpTo(Offset(0), Offset(9)))
    reopened, report = opened(log.disk)
    assert reopened.next_offset == 8
    assert "base offset 9, expected 8" in report.journal[0]


@pytest.mark.parametrize("content", ["{", '{"format": 9}', '{"format": 1}', "[]"])
def test_where_the_note_is_unreadable_every_gap_is_believed_and_that_is_said(content: str) -> None:
    log = holed()
    path = f"{FOLDER}/{CLEANED_FILE}"
    log.disk.write_atomically(path, content.encode())
    reopened, report = opened(log.disk)
    assert reopened.next_offset == 13
    assert reopened.cleaned == UNKNOWN
    (line,) = report.journal
    assert line.startswith(f"{path} ")
    assert line.endswith("the whole log counts as dirty")


def test_the_note_says_how_far_a_log_is_clean() -> None:
    log = holed()
    assert read_cleaned(log.disk, FOLDER) == (CleanedUpTo(Offset(12), Offset(12)), None)
    assert opened(log.disk)[0].cleaned.first_dirty == 12


# Swaps that a crash interrupted


def test_a_half_written_segment_means_nothing() -> None:
    log = holed()
    before = log.data()
    for name in ("00000000000000000000.log.cleaned", "00000000000000000000.index.cleaned"):
        log.disk.open_append(f"{FOLDER}/{name}").append([b"half"])
    reopened, report = opened(log.disk)
    assert (reopened.next_offset, report.journal) == (13, [])
    assert log.data() == before
    assert not [name for name in log.disk.names(FOLDER) if name.endswith(".cleaned")]


@pytest.mark.parametrize("removed", [[], [0], [0, 7], [0, 7, 10], [10]])
def test_a_committed_swap_is_finished_whatever_is_still_there(removed: list[int]) -> None:
    log = holed()
    whole = b"".join(log.disk.read(segment_path(FOLDER, base)) for base in (0, 7, 10))
    swap = segment_path(FOLDER, 0) + ".swap"
    log.disk.open_append(swap).append([whole])
    for base in removed:
        log.disk.remove(segment_path(FOLDER, base))
    reopened, report = opened(log.disk)
    assert log.bases() == [0, 12]
    assert report.corrupt_files == []
    assert report.journal == [
        f"{segment_path(FOLDER, 0)}: its cleaning was finished, it reaches up to offset 12"
    ]
    assert read_from(replica_of(reopened), 0) == [5, 7, 10, 11, 12]


def test_a_swap_that_cannot_be_read_is_kept_aside() -> None:
    log = holed()
    swap = segment_path(FOLDER, 0) + ".swap"
    log.disk.open_append(swap).append([log.disk.read(segment_path(FOLDER, 0))[:-3]])
    reopened, report = opened(log.disk)
    assert reopened.next_offset == 13
    assert log.disk.exists(f"{swap}.corrupt")
    assert report.journal[0].startswith(f"{swap} is corrupt: batch of ")


# Tools


def test_a_compacted_segment_can_be_dumped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = LogOnDisk(
        [
            [
                data_batch(
                    0, [record(b"a", b"1")], producer_id=7, producer_epoch=0, base_sequence=0
                ),
                data_batch(1, [record(b"a", None), record(b"b", b"1")]),
            ]
        ]
    )
    log.clean(producers=((7, LastOfProducer(0, 0)),))
    file = tmp_path / "00000000000000000000.log"
    file.write_bytes(log.data())
    dump_segment([file], records=True, as_json=True)
    first, second, *records = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["records"], first["last_offset"], first["delete_horizon"]) == (0, 0, None)
    assert second["delete_horizon"] == NOW_MS + 86_400_000
    assert [(each["offset"], each["timestamp"]) for each in records] == [(1, NOW_MS), (2, NOW_MS)]

"""What a partition takes, refuses, gives out and drops."""

import pytest
from crc32c import crc32c

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.partition.history import PartitionHistory
from streamcore.partition.replica import PartitionKey, PartitionLimits, Replica
from streamcore.record.batch import CRC_COVERS_FROM, HEADER
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.record.records import read_records
from streamcore.storage.failures import StorageFailed
from streamcore.storage.log import LogLimits
from streamcore.storage.recovery import open_log
from streamcore.storage.tail_cache import TailCache
from streamcore.wire.error_codes import ErrorCode
from tests.support.simulated_broker import batch_of, writable

EPOCH = LeaderEpoch(3)
HOUR_MS = 3_600_000
BATCH_SIZE = len(batch_of(b"0"))


def replica_on(
    disk: SimulatedDirectory,
    *,
    message_bytes_max: int = 5000,
    segment_bytes: int = 1 << 20,
    segment_ms: int = 1 << 40,
    retention_ms: int = -1,
    retention_bytes: int = -1,
    tail_bytes: int = 1 << 20,
) -> Replica:
    history = PartitionHistory(producers_max=10)
    log, _ = open_log(disk, "t/0", checkpoint=None, now_ms=0, reader=history)
    return Replica(
        PartitionKey("t", 0),
        log,
        history=history,
        tail=TailCache(bytes_max=tail_bytes).partition(),
        leader_epoch=EPOCH,
        limits=PartitionLimits(
            message_bytes_max=message_bytes_max,
            log=LogLimits(
                segment_bytes=segment_bytes,
                segment_ms=segment_ms,
                retention_ms=retention_ms,
                retention_bytes=retention_bytes,
            ),
        ),
    )


def append(replica: Replica, *values: bytes, timestamp: int = 1000, now_ms: int = 0) -> int:
    placement = replica.stage(writable(batch_of(*values, timestamp=timestamp)))
    assert placement.error is ErrorCode.NONE
    replica.commit(now_ms=now_ms)
    return placement.base_offset


def altered(field: int, value: int) -> bytes:
    """A batch with one header field set, and a checksum that agrees with it."""
    batch = bytearray(batch_of(b"a", b"b"))
    fields = list(HEADER.unpack_from(batch))
    fields[field] = value
    HEADER.pack_into(batch, 0, *fields)
    batch[17:21] = crc32c(bytes(batch[CRC_COVERS_FROM:])).to_bytes(4)
    return bytes(batch)


ATTRIBUTES, LAST_DELTA, PRODUCER_ID, RECORD_COUNT = 5, 6, 9, 12


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (b"", ErrorCode.INVALID_RECORD),
        (b"short", ErrorCode.INVALID_RECORD),
        (batch_of(b"x")[:-1], ErrorCode.INVALID_RECORD),
        (batch_of(b"x")[:-1] + b"?", ErrorCode.CORRUPT_MESSAGE),
        (batch_of(b"x") + batch_of(b"y"), ErrorCode.INVALID_RECORD),
        (bytes(16) + b"\x01" + bytes(60), ErrorCode.INVALID_RECORD),
        (altered(ATTRIBUTES, 0x10), ErrorCode.INVALID_TXN_STATE),
        (altered(ATTRIBUTES, 0x20), ErrorCode.INVALID_RECORD),
        (altered(ATTRIBUTES, 5), ErrorCode.UNSUPPORTED_COMPRESSION_TYPE),
        (altered(LAST_DELTA, 5), ErrorCode.INVALID_RECORD),
        (altered(RECORD_COUNT, 3), ErrorCode.INVALID_RECORD),
        (altered(RECORD_COUNT, -1), ErrorCode.INVALID_RECORD),
        (altered(PRODUCER_ID, 5), ErrorCode.INVALID_RECORD),
        (batch_of(b"x" * 6000), ErrorCode.MESSAGE_TOO_LARGE),
    ],
    ids=lambda value: value.name if isinstance(value, ErrorCode) else "",
)
def test_a_bad_batch_is_refused_and_the_next_is_taken(batch: bytes, error: ErrorCode) -> None:
    replica = replica_on(SimulatedDirectory())
    placement = replica.stage(writable(batch))
    assert (placement.error, placement.base_offset) == (error, -1)
    assert append(replica, b"good") == 0


def test_staged_batches_are_seen_only_once_they_are_committed() -> None:
    replica = replica_on(SimulatedDirectory())
    first = replica.stage(writable(batch_of(b"a", b"b")))
    second = replica.stage(writable(batch_of(b"c")))
    assert (first.base_offset, second.base_offset) == (0, 2)
    assert replica.high_watermark == 0
    assert replica.fetch(0, bytes_max=100).size == 0
    assert replica.fetch(1, bytes_max=100).error is ErrorCode.OFFSET_OUT_OF_RANGE
    replica.commit(now_ms=0)
    fetched = replica.fetch(0, bytes_max=1 << 20)
    assert [
        (record.offset, record.value) for piece in fetched.pieces for record in read_records(piece)
    ] == [(0, b"a"), (1, b"b"), (2, b"c")]


@pytest.mark.parametrize("tail_bytes", [0, 1 << 20])
def test_a_fetch_inside_a_batch_returns_the_whole_batch(tail_bytes: int) -> None:
    replica = replica_on(SimulatedDirectory(), tail_bytes=tail_bytes)
    append(replica, b"a", b"b", b"c")
    append(replica, b"d", b"e")
    fetched = replica.fetch(4, bytes_max=0)
    data = b"".join(fetched.pieces)
    assert [record.offset for record in read_records(data)] == [3, 4]
    assert (fetched.high_watermark, fetched.start_offset, fetched.size) == (5, 0, len(data))


@pytest.mark.parametrize("offset", [-1, 3, 100])
def test_an_offset_outside_the_log_is_out_of_range(offset: int) -> None:
    replica = replica_on(SimulatedDirectory())
    append(replica, b"a", b"b")
    assert replica.fetch(offset, bytes_max=100).error is ErrorCode.OFFSET_OUT_OF_RANGE


def test_a_full_disk_undoes_the_whole_round_and_room_heals_it() -> None:
    disk = SimulatedDirectory()
    replica = replica_on(disk)
    first = batch_of(b"a", producer_id=7, producer_epoch=0, base_sequence=0)
    second = batch_of(b"b", producer_id=7, producer_epoch=0, base_sequence=1)
    replica.stage(writable(first))
    replica.commit(now_ms=0)

    disk.room_bytes = 30
    placements = [replica.stage(writable(second)), replica.stage(writable(second))]
    with pytest.raises(StorageFailed):
        replica.commit(now_ms=0)
    assert [p.error for p in placements] == [ErrorCode.KAFKA_STORAGE_ERROR] * 2
    assert [p.base_offset for p in placements] == [-1, -1]
    assert replica.high_watermark == 1
    assert replica.fetch(0, bytes_max=100).size == len(first)

    disk.room_bytes = None
    again = replica.stage(writable(second))
    replica.commit(now_ms=0)
    assert (again.error, again.base_offset) == (ErrorCode.NONE, 1)


def test_a_retry_in_the_same_tick_gets_the_same_place() -> None:
    replica = replica_on(SimulatedDirectory())
    batch = batch_of(b"a", b"b", producer_id=7, producer_epoch=0, base_sequence=0)
    placements = [replica.stage(writable(batch)) for _ in range(2)]
    replica.commit(now_ms=0)
    assert [p.base_offset for p in placements] == [0, 0]
    assert (replica.high_watermark, replica.appended_batches) == (2, 1)


@pytest.mark.parametrize(
    ("epoch", "sequence", "error"),
    [
        (0, 5, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER),
        (1, 1, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER),
    ],
)
def test_a_gap_in_a_producers_sequence_is_refused(
    epoch: int, sequence: int, error: ErrorCode
) -> None:
    replica = replica_on(SimulatedDirectory())
    replica.stage(writable(batch_of(b"a", producer_id=7, producer_epoch=0, base_sequence=0)))
    placement = replica.stage(
        writable(batch_of(b"b", producer_id=7, producer_epoch=epoch, base_sequence=sequence))
    )
    assert placement.error is error


def test_segments_roll_by_size_and_by_age() -> None:
    replica = replica_on(SimulatedDirectory(), segment_bytes=2 * BATCH_SIZE, segment_ms=HOUR_MS)
    for number in range(3):
        append(replica, b"%d" % number)
    append(replica, b"3", now_ms=HOUR_MS)
    assert [s.base_offset for s in replica.log.segments] == [0, 2, 3]


def test_retention_by_size_drops_whole_old_segments_only() -> None:
    disk = SimulatedDirectory()
    replica = replica_on(disk, segment_bytes=2 * BATCH_SIZE, retention_bytes=5 * BATCH_SIZE)
    for number in range(10):
        append(replica, b"%d" % number)
    replica.log.remove_files(replica.drop_expired(now_ms=0))
    assert (replica.start_offset, replica.high_watermark) == (4, 10)
    assert replica.log.bytes_held == 6 * BATCH_SIZE
    assert disk.names("t/0") == [f"{base:020d}.log" for base in (4, 6, 8)]
    assert replica.fetch(3, bytes_max=1).error is ErrorCode.OFFSET_OUT_OF_RANGE


def test_retention_by_time_drops_the_active_segment_too() -> None:
    replica = replica_on(SimulatedDirectory(), segment_bytes=2 * BATCH_SIZE, retention_ms=HOUR_MS)
    for number in range(3):
        append(replica, b"%d" % number, timestamp=number, now_ms=number)
    assert replica.drop_expired(now_ms=HOUR_MS) == []
    gone = replica.drop_expired(now_ms=HOUR_MS + 2)
    assert [segment.base_offset for segment in gone] == [0, 2]
    assert (replica.start_offset, replica.high_watermark) == (3, 3)
    assert append(replica, b"next") == 3


@pytest.mark.parametrize("timestamp", [-1, 1 << 60], ids=["undated", "far future"])
def test_a_record_with_an_impossible_date_ages_from_when_it_was_written(timestamp: int) -> None:
    replica = replica_on(SimulatedDirectory(), retention_ms=HOUR_MS)
    append(replica, b"x", timestamp=timestamp, now_ms=1000)
    assert replica.drop_expired(now_ms=HOUR_MS) == []
    assert len(replica.drop_expired(now_ms=HOUR_MS + 1000)) == 1


def test_an_empty_log_has_nothing_to_drop() -> None:
    replica = replica_on(SimulatedDirectory(), retention_ms=0, retention_bytes=0)
    assert replica.drop_expired(now_ms=HOUR_MS) == []


def test_deleted_records_are_out_of_range_though_their_segment_stays() -> None:
    replica = replica_on(SimulatedDirectory())
    for number in range(4):
        append(replica, b"%d" % number)
    assert replica.delete_before(Offset(2)) == []
    assert replica.start_offset == 2
    assert replica.fetch(1, bytes_max=1).error is ErrorCode.OFFSET_OUT_OF_RANGE
    assert replica.fetch(2, bytes_max=1).size == BATCH_SIZE


def test_a_time_look_up_finds_the_record_inside_a_batch() -> None:
    replica = replica_on(SimulatedDirectory())
    append(replica, b"a", b"b", b"c", timestamp=1000)
    append(replica, b"d", timestamp=500)
    append(replica, b"e", timestamp=2000)
    found = replica.log.first_at(1002)
    assert found is not None
    assert (found.offset, found.timestamp) == (2, 1002)
    newest = replica.log.newest()
    assert newest is not None
    assert (newest.offset, newest.timestamp) == (4, 2000)
    assert replica.log.first_at(2001) is None


def test_a_corrupt_place_is_a_storage_error_for_its_reader_alone() -> None:
    disk = SimulatedDirectory()
    replica = replica_on(disk, tail_bytes=0)
    for number in range(3):
        append(replica, b"%d" % number)
    disk.file("t/0/00000000000000000000.log").flip_bit(BATCH_SIZE + 8, 7)
    assert replica.fetch(0, bytes_max=1).error is ErrorCode.NONE
    assert replica.fetch(1, bytes_max=1).error is ErrorCode.KAFKA_STORAGE_ERROR

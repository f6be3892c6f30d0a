"""What a cleaning leaves of batches made by hand, rule by rule."""

from typing import Any

import pytest

from streamcore.record.batch import (
    CRC_AT,
    DELETE_HORIZON_BIT,
    HEADER_SIZE,
    TIMESTAMP_TYPE_BIT,
    TRANSACTIONAL_BIT,
    BatchHeader,
    read_header,
    sealed,
)
from streamcore.record.compression import Codec
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_varint
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.job import LastOfProducer, SourceSegment
from streamcore.storage.failures import SegmentCorrupt
from streamcore.storage.paths import segment_path
from tests.support.compaction_scene import (
    ABORT,
    COMMIT,
    DAY_MS,
    FOLDER,
    NOW_MS,
    LogOnDisk,
    OpenBatch,
    data_batch,
    marker_batch,
)


def record(key: bytes | None, value: bytes | None, *, at: int = 0) -> Record:
    return Record(timestamp=NOW_MS + at, key=key, value=value)


def places(batches: list[OpenBatch]) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(r.offset, r.key, r.value) for batch in batches for r in batch.records]


def bounds(batches: list[OpenBatch]) -> list[tuple[int, int, int]]:
    return [
        (batch.header.base_offset, batch.header.next_offset, len(batch.records))
        for batch in batches
    ]


def test_of_each_key_the_newest_record_stays_where_it_is() -> None:
    log = LogOnDisk(
        [
            [data_batch(0, [record(b"a", b"1"), record(b"b", b"1"), record(b"a", b"2")])],
            [data_batch(3, [record(b"b", b"2"), record(b"c", b"1")])],
        ]
    )
    log.clean()
    left = log.opened()
    assert places(left) == [(2, b"a", b"2"), (3, b"b", b"2"), (4, b"c", b"1")]
    assert bounds(left) == [(0, 3, 1), (3, 5, 2)]


@pytest.mark.parametrize("codec", list(Codec))
def test_a_batch_that_loses_records_keeps_codec_timestamps_and_headers(codec: Codec) -> None:
    kept = Record(timestamp=NOW_MS + 7, key=b"a", value=b"new", headers=(("h", b"x"), ("n", None)))
    log = LogOnDisk(
        [[data_batch(5, [record(b"b", b"old", at=99), kept, record(b"b", b"2")], codec=codec)]]
    )
    log.clean()
    (batch,) = log.opened()
    assert batch.header.codec == codec
    assert batch.records[0] == Record(
        offset=6, timestamp=NOW_MS + 7, key=b"a", value=b"new", headers=kept.headers
    )
    assert batch.header.max_timestamp == NOW_MS + 7, "the newest of what is left"
    assert (batch.header.base_offset, batch.header.last_offset_delta) == (5, 2)


def test_a_tombstone_is_dated_by_the_first_cleaning_and_goes_when_its_time_has_come() -> None:
    log = LogOnDisk(
        [
            [data_batch(0, [record(b"a", b"1")]), data_batch(1, [record(b"a", None)])],
            [data_batch(2, [record(b"z", b"1")])],
        ]
    )
    log.clean()
    assert places(log.opened()) == [(1, b"a", None), (2, b"z", b"1")]
    tombstone, _ = log.opened()
    assert tombstone.horizon_ms == NOW_MS + DAY_MS
    assert tombstone.records[0].timestamp == NOW_MS, "its own time is as it was"
    assert tombstone.header.max_timestamp == NOW_MS

    once = log.data()
    log.clean(now_ms=NOW_MS + DAY_MS - 1)
    assert log.data() == once, "the date stays"
    log.clean(now_ms=NOW_MS + DAY_MS)
    assert places(log.opened()) == [(2, b"z", b"1")]


def test_records_without_a_key_go_and_are_counted() -> None:
    log = LogOnDisk([[data_batch(0, [record(None, b"1"), record(b"a", b"1")])]])
    done = log.clean()
    assert places(log.opened()) == [(1, b"a", b"1")]
    assert done.summary.keyless_records == 1


def test_what_the_map_has_not_reached_stays_and_waits_for_the_next_round() -> None:
    keys = [b"%d" % number for number in range(20)]
    batches = [data_batch(n, [record(key, b"1")]) for n, key in enumerate(keys)]
    again = [data_batch(20 + n, [record(key, b"2")]) for n, key in enumerate(keys)]
    log = LogOnDisk([batches, again])
    reached = [Offset(0)]
    while reached[-1] < 40:
        done = log.clean(first_dirty=reached[-1], key_map_bytes=1)
        reached.append(done.summary.clean_to)
    assert reached == [0, 6, 12, 18, 24, 30, 36, 40], "six keys are all that the map takes"
    assert [offset for offset, _, _ in places(log.opened())] == list(range(20, 40))


def test_a_batch_with_more_keys_than_the_map_takes_is_cleaned_all_the_same() -> None:
    many = [record(b"%d" % number, b"1") for number in range(1000)]
    log = LogOnDisk([[data_batch(0, many), data_batch(1000, many[:3])]])
    done = log.clean(key_map_bytes=1)
    assert done.summary.clean_to == 1000


# Empty batches


def test_an_empty_batch_stays_where_it_carries_a_producers_last_sequence() -> None:
    producer: dict[str, Any] = {"producer_id": 7, "producer_epoch": 3}
    log = LogOnDisk(
        [
            [
                data_batch(0, [record(b"a", b"1")], base_sequence=0, **producer),
                data_batch(
                    1,
                    [record(b"a", b"2"), record(b"a", b"3")],
                    base_sequence=1,
                    **producer,
                    codec=Codec.ZSTD,
                ),
                data_batch(3, [record(b"a", b"4")]),
            ]
        ]
    )
    log.clean(producers=((7, LastOfProducer(3, 2)),))
    left = log.opened()
    assert bounds(left) == [(1, 3, 0), (3, 4, 1)]
    header = left[0].header
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (7, 3, 1)
    assert header.size == HEADER_SIZE
    log.clean(producers=((7, LastOfProducer(3, 2)),))
    assert bounds(log.opened()) == [(1, 3, 0), (3, 4, 1)], "as long as it does"
    log.clean()
    assert bounds(log.opened()) == [(3, 4, 1)]


def test_a_cleaned_segment_ends_where_the_next_one_begins() -> None:
    log = LogOnDisk(
        [
            [data_batch(0, [record(b"a", b"1")]), data_batch(1, [record(b"b", b"1")])],
            [data_batch(2, [record(b"b", b"2")])],
        ]
    )
    log.clean(segment_bytes=1)
    assert bounds(log.opened()) == [(0, 1, 1), (1, 2, 0), (2, 3, 1)]
    log.clean(segment_bytes=1 << 20)
    assert bounds(log.opened()) == [(0, 1, 1), (2, 3, 1)], "inside one segment nothing needs it"


def test_small_neighbours_become_one_segment_of_at_most_the_segment_size() -> None:
    batches = [[data_batch(n, [record(b"%d" % n, b"x" * 100)])] for n in range(6)]
    size = len(batches[0][0])
    log = LogOnDisk(batches)
    log.clean(segment_bytes=2 * size)
    assert log.bases() == [0, 2, 4]
    assert [offset for offset, _, _ in places(log.opened())] == list(range(6))


def test_a_segment_numbers_no_more_offsets_than_kafkas_tools_can() -> None:
    far = (1 << 31) - 2
    log = LogOnDisk(
        [
            [data_batch(0, [record(b"a", b"1")])],
            [data_batch(far, [record(b"b", b"1")])],
            [data_batch(far + 1, [record(b"c", b"1")])],
        ]
    )
    log.clean()
    assert log.bases() == [0, far + 1]


# What was not touched


def test_a_batch_that_loses_nothing_is_copied_byte_by_byte() -> None:
    # A body that our encoder would not write: its varints are longer than they need to be.
    padded = (
        b"\x00"
        + b"\x80\x00"
        + b"\x80\x80\x00"
        + encode_varint(1)
        + b"k"
        + encode_varint(1)
        + b"v\x00"
    )
    body = encode_varint(len(padded)) + padded
    header = BatchHeader(0, 0, 4, 2, 0, 0, 0, NOW_MS, NOW_MS, -1, -1, -1, 1)
    strange = sealed(header, body)
    log = LogOnDisk([[strange, data_batch(1, [record(b"a", b"1"), record(b"a", b"2")])]])
    log.clean()
    assert log.data().startswith(strange)
    assert read_header(log.data()).leader_epoch == 4


def test_a_segment_in_which_nothing_changes_is_not_written_anew() -> None:
    log = LogOnDisk([[data_batch(0, [record(b"a", b"1")])], [data_batch(1, [record(b"b", b"1")])]])
    before = log.data()
    done = log.clean(segment_bytes=1)
    assert [group.path for group in done.groups] == [None, None]
    assert log.data() == before
    assert [name for name in log.disk.names(FOLDER) if not name.endswith(".log")] == []


# Times


def test_log_append_time_is_every_records_time_and_stays() -> None:
    log = LogOnDisk(
        [
            [
                data_batch(
                    0,
                    [record(b"a", b"1", at=50), record(b"b", b"1"), record(b"a", b"2")],
                    attributes=TIMESTAMP_TYPE_BIT,
                )
            ]
        ]
    )
    log.clean()
    (batch,) = log.opened()
    assert batch.header.max_timestamp == NOW_MS + 50
    assert batch.header.attributes & TIMESTAMP_TYPE_BIT


def test_a_horizon_does_not_hide_times_before_1970() -> None:
    log = LogOnDisk([[data_batch(0, [Record(timestamp=-1, key=b"a", value=None)])]])
    log.clean()
    (batch,) = log.opened()
    assert batch.horizon_ms == NOW_MS + DAY_MS
    assert batch.records[0].timestamp == -1


# Transactions


def transaction(kind: int) -> list[bytes]:
    """Two records of producer 5 at 0 and 1, its marker at 2, and a plain record behind it."""
    return [
        data_batch(
            0,
            [record(b"a", b"1")],
            producer_id=5,
            producer_epoch=0,
            base_sequence=0,
            attributes=TRANSACTIONAL_BIT,
        ),
        data_batch(
            1,
            [record(b"b", b"1")],
            producer_id=5,
            producer_epoch=0,
            base_sequence=1,
            attributes=TRANSACTIONAL_BIT,
        ),
        marker_batch(2, kind, producer_id=5),
        data_batch(3, [record(b"z", b"1")]),
    ]


ABORTED = AbortedTransaction(producer_id=5, first_offset=0, last_offset=2)


def test_aborted_records_go_and_hide_nothing() -> None:
    older = data_batch(0, [record(b"a", b"committed")])
    shifted = [
        older,
        data_batch(
            1,
            [record(b"a", b"aborted")],
            producer_id=5,
            producer_epoch=0,
            base_sequence=0,
            attributes=TRANSACTIONAL_BIT,
        ),
        marker_batch(2, ABORT, producer_id=5),
        data_batch(3, [record(b"z", b"1")]),
    ]
    log = LogOnDisk([shifted])
    done = log.clean(aborted=(AbortedTransaction(5, 1, 2),))
    data = [batch for batch in log.opened() if not batch.is_control]
    assert places(data) == [(0, b"a", b"committed"), (3, b"z", b"1")]
    assert [group.aborted for group in done.groups] == [(AbortedTransaction(5, 1, 2),)]


def test_an_abort_marker_outlives_its_data_by_a_round_and_the_delete_retention() -> None:
    log = LogOnDisk([transaction(ABORT)])
    done = log.clean(aborted=(ABORTED,))
    assert bounds(log.opened()) == [(2, 3, 1), (3, 4, 1)]
    assert log.opened()[0].horizon_ms is None, "data of it was still met"
    assert done.groups[0].aborted == (ABORTED,)

    done = log.clean(aborted=(ABORTED,))
    assert log.opened()[0].horizon_ms == NOW_MS + DAY_MS
    assert done.groups[0].aborted == (), "readers need not be told any more"

    log.clean(now_ms=NOW_MS + DAY_MS)
    assert bounds(log.opened()) == [(3, 4, 1)]


def test_a_commit_marker_stays_as_long_as_its_transaction_has_data() -> None:
    log = LogOnDisk([transaction(COMMIT)])
    for later in range(3):
        log.clean(now_ms=NOW_MS + later * 2 * DAY_MS)
        assert bounds(log.opened()) == [(0, 1, 1), (1, 2, 1), (2, 3, 1), (3, 4, 1)]


def test_a_marker_stays_empty_where_it_is_all_that_tells_its_producers_epoch() -> None:
    log = LogOnDisk(
        [
            [
                marker_batch(0, COMMIT, producer_id=5, producer_epoch=9),
                data_batch(1, [record(b"z", b"1")]),
            ]
        ]
    )
    known = ((5, LastOfProducer(9, None)),)
    log.clean(producers=known)
    log.clean(producers=known, now_ms=NOW_MS + DAY_MS)
    left = log.opened()
    assert bounds(left) == [(0, 1, 0), (1, 2, 1)]
    assert left[0].is_control
    assert left[0].header.producer_epoch == 9


def test_a_marker_of_another_kind_stays() -> None:
    log = LogOnDisk([[marker_batch(0, 5, producer_id=5), data_batch(1, [record(b"z", b"1")])]])
    log.clean()
    log.clean(now_ms=NOW_MS + 2 * DAY_MS)
    assert bounds(log.opened()) == [(0, 1, 1), (1, 2, 1)]
    assert not log.opened()[0].header.attributes & DELETE_HORIZON_BIT


def test_an_index_of_aborted_transactions_that_is_out_of_date_costs_no_record() -> None:
    log = LogOnDisk(
        [
            [
                data_batch(
                    10,
                    [record(b"a", b"1")],
                    producer_id=5,
                    producer_epoch=0,
                    base_sequence=2,
                    attributes=TRANSACTIONAL_BIT,
                ),
                marker_batch(11, COMMIT, producer_id=5),
            ]
        ]
    )
    log.clean(aborted=(ABORTED,))
    assert places(log.opened())[0] == (10, b"a", b"1")


# Damage

GOOD = data_batch(0, [record(b"a", b"1")])


def with_body(body: bytes, *, count: int = 1, attributes: int = 0) -> bytes:
    """A batch at offset 1 whose checksum is right and whose records are this."""
    header = BatchHeader(1, 0, 0, 2, 0, attributes, max(0, count - 1), 0, 0, -1, -1, -1, count)
    return sealed(header, body)


def varints(*values: int) -> bytes:
    return b"".join(encode_varint(value) for value in values)


BODY = b"\x00" + varints(0, 0, 1) + b"k" + varints(1) + b"v" + varints(0)


@pytest.mark.parametrize(
    "batch",
    [
        with_body(b""),
        with_body(varints(len(BODY)) + BODY, count=2),
        with_body(varints(len(BODY)) + BODY + b"\x00"),
        with_body(varints(-5) + BODY),
        with_body(varints(len(BODY) + 40) + BODY),
        with_body(b"\xff" * 30),
        with_body(varints(8) + b"\x00" + varints(0, 0, 1 << 40) + b"k"),
        with_body(varints(8) + b"\x00" + varints(0, 0, -9) + b"kkkk"),
        with_body(varints(8) + b"\x00" + varints(0, 0, 1) + b"k" + varints(60) + b"vv"),
        with_body(varints(8) + b"\x00" + varints(0, -2, 1) + b"k" + varints(1) + b"v\x00"),
        with_body(b"no zstd", attributes=Codec.ZSTD),
        with_body(b"", attributes=6),
    ],
    ids=[
        "empty",
        "too few",
        "too many",
        "negative length",
        "beyond the end",
        "endless varint",
        "huge key",
        "negative key",
        "value beyond the record",
        "negative offset",
        "codec",
        "no codec",
    ],
)
def test_records_that_are_none_are_named_by_file_and_position(batch: bytes) -> None:
    log = LogOnDisk([[GOOD, batch, data_batch(9, [record(b"c", b"1")])]])
    with pytest.raises(SegmentCorrupt) as caught:
        log.clean(segments=(SourceSegment(Offset(0), Offset(10), len(log.data())),))
    path = segment_path(FOLDER, 0)
    assert (caught.value.path, caught.value.position) == (path, len(GOOD))
    assert log.disk.names(FOLDER) == [path.removeprefix(f"{FOLDER}/")]


@pytest.mark.parametrize("at", [8, 16, CRC_AT, 30, HEADER_SIZE + 2])
def test_a_flipped_bit_is_named_by_file_and_position(at: int) -> None:
    log = LogOnDisk(
        [[GOOD, data_batch(1, [record(b"b", b"1")]), data_batch(2, [record(b"c", b"1")])]]
    )
    sources = log.sources()
    log.disk.file(segment_path(FOLDER, 0)).flip_bit(len(GOOD) + at, 6)
    with pytest.raises(SegmentCorrupt) as caught:
        log.clean(segments=sources)
    assert caught.value.position == len(GOOD)


def test_offsets_that_go_back_are_damage() -> None:
    log = LogOnDisk(
        [
            [
                data_batch(0, [record(b"a", b"1"), record(b"b", b"1")]),
                data_batch(1, [record(b"c", b"1")]),
            ]
        ]
    )
    with pytest.raises(SegmentCorrupt, match="base offset 1, expected 2 or more"):
        log.clean()

"""What a topic's settings do to batches before they get their offsets."""

from collections.abc import Sequence

import pytest

from streamcore.partition.admission import (
    RECORD_ERRORS_MAX,
    AdmissionRules,
    NotAdmitted,
    admit,
)
from streamcore.record.batch import (
    CONTROL_BIT,
    TIMESTAMP_TYPE_BIT,
    TRANSACTIONAL_BIT,
    BatchHeader,
    checked_header,
    read_header,
)
from streamcore.record.compression import Codec, compressed
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.wire.error_codes import ErrorCode
from tests.support.odd_batches import batch_around, plain_records
from tests.support.simulated_broker import writable

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
ALL_CODECS = pytest.mark.parametrize("codec", list(Codec), ids=lambda codec: codec.name)


def dated(*timestamps: int, key: bytes | None = b"k") -> list[Record]:
    return [
        Record(offset=number, timestamp=timestamp, key=key, value=b"v" * 40)
        for number, timestamp in enumerate(timestamps)
    ]


def admitted(batch: bytes, **rules: object) -> tuple[BatchHeader, list[Record]]:
    """The header, checked, and the records of what is let in."""
    found = admit(
        writable(batch),
        AdmissionRules(**rules),  # type: ignore[arg-type]  # passed through
        now_ms=NOW_MS,
    )
    return checked_header(found.batch), list(read_records(found.batch))


def refused(batch: bytes, **rules: object) -> NotAdmitted:
    with pytest.raises(NotAdmitted) as caught:
        admitted(batch, **rules)
    return caught.value


def named(refusal: NotAdmitted) -> Sequence[int]:
    return [error.batch_index for error in refusal.record_errors]


@ALL_CODECS
def test_the_brokers_time_replaces_the_producers(codec: Codec) -> None:
    batch = encode_batch(dated(5, 900), codec=codec)
    found = admit(writable(batch), AdmissionRules(stamps_append_time=True), now_ms=NOW_MS)
    header = checked_header(found.batch)
    assert found.append_time_ms == NOW_MS
    assert header.attributes == codec | TIMESTAMP_TYPE_BIT
    assert (header.base_timestamp, header.max_timestamp) == (5, NOW_MS)
    assert [record.timestamp for record in read_records(found.batch)] == [NOW_MS, NOW_MS]


def test_a_batch_cannot_say_by_itself_that_it_has_the_brokers_time() -> None:
    batch = batch_around(
        plain_records(dated(5, 9)), Codec.NONE, dated(5, 9), attributes=TIMESTAMP_TYPE_BIT
    )
    header, records = admitted(batch)
    assert header.attributes == 0
    assert [record.timestamp for record in records] == [5, 9]


@ALL_CODECS
@pytest.mark.parametrize("wanted", list(Codec), ids=lambda codec: f"as {codec.name}")
def test_the_log_holds_the_codec_that_the_topic_wants(codec: Codec, wanted: Codec) -> None:
    batch = encode_batch(dated(7, 3, 8), codec=codec, producer_id=5, producer_epoch=1)
    header, records = admitted(batch, codec=wanted)
    before = read_header(batch)
    assert header.codec == wanted
    assert (header.base_timestamp, header.max_timestamp, header.producer_id) == (7, 8, 5)
    assert header.last_offset_delta == before.last_offset_delta == 2
    assert records == dated(7, 3, 8)
    if wanted is codec:
        assert header == before


def test_a_level_is_the_topics_own() -> None:
    records = [Record(timestamp=n, key=None, value=b"%d" % (n * 7919)) for n in range(500)]
    low, high = (
        admitted(encode_batch(records), codec=Codec.GZIP, level=level)[0].size for level in (1, 9)
    )
    assert high < low


@ALL_CODECS
def test_what_a_transaction_and_a_sequence_say_of_a_batch_stays(codec: Codec) -> None:
    batch = batch_around(
        plain_records(dated(1)),
        Codec.NONE,
        dated(1),
        attributes=TRANSACTIONAL_BIT,
        producer_id=9,
        producer_epoch=3,
        base_sequence=77,
    )
    header, _ = admitted(batch, codec=codec, stamps_append_time=True)
    assert header.attributes == codec | TRANSACTIONAL_BIT | TIMESTAMP_TYPE_BIT
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (9, 3, 77)


@ALL_CODECS
def test_a_compacted_topic_names_the_records_without_a_key(codec: Codec) -> None:
    records = [*dated(1, key=b""), *dated(2, key=None), *dated(3), *dated(4, key=None)]
    refusal = refused(encode_batch(records, codec=codec), needs_keys=True)
    assert refusal.error is ErrorCode.INVALID_RECORD
    assert named(refusal) == [1, 3]
    assert refusal.reason == "2 refused: record 1, a record of a compacted topic needs a key"
    assert admitted(encode_batch(dated(1, 2)), needs_keys=True)[1] == dated(1, 2)


def test_of_a_million_wrong_records_only_some_are_named() -> None:
    refusal = refused(encode_batch(dated(*range(500), key=None)), needs_keys=True)
    assert named(refusal) == list(range(RECORD_ERRORS_MAX))
    assert refusal.reason.startswith("500 refused")


@ALL_CODECS
def test_records_out_of_the_time_bounds_are_named(codec: Codec) -> None:
    times = (NOW_MS, NOW_MS - 2 * HOUR_MS, NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + 1)
    batch = encode_batch(dated(*times), codec=codec)
    refusal = refused(batch, behind_ms_max=HOUR_MS, ahead_ms_max=HOUR_MS)
    assert (refusal.error, named(refusal)) == (ErrorCode.INVALID_TIMESTAMP, [1, 3])
    assert named(refused(batch, behind_ms_max=HOUR_MS)) == [1]
    assert named(refused(batch, ahead_ms_max=HOUR_MS)) == [3]
    bounds = {"behind_ms_max": 2 * HOUR_MS, "ahead_ms_max": HOUR_MS + 1}
    assert admitted(batch, **bounds)[1] == dated(*times)


def test_time_bounds_do_not_hold_for_undated_records_nor_for_the_brokers_time() -> None:
    assert admitted(encode_batch(dated(-1, -1)), behind_ms_max=0, ahead_ms_max=0)
    stamped = {"behind_ms_max": 0, "ahead_ms_max": 0, "stamps_append_time": True}
    assert admitted(encode_batch(dated(5, NOW_MS * 2)), **stamped)


def test_a_record_with_two_faults_is_named_once() -> None:
    records = [*dated(NOW_MS + 9, key=None), *dated(NOW_MS + 9), *dated(NOW_MS, key=None)]
    refusal = refused(encode_batch(records), needs_keys=True, ahead_ms_max=1)
    assert refusal.error is ErrorCode.INVALID_TIMESTAMP
    assert [error.message.partition(" ")[0] for error in refusal.record_errors] == [
        "a",
        "timestamp",
        "a",
    ]


def test_a_header_that_settles_the_time_keeps_the_records_shut() -> None:
    unreadable = batch_around(b"no gzip", Codec.GZIP, dated(NOW_MS, NOW_MS + 5))
    found = admit(writable(unreadable), AdmissionRules(ahead_ms_max=5), now_ms=NOW_MS)
    assert bytes(found.batch) == unreadable


LIES = {
    "more records than are there": plain_records(dated(1)),
    "fewer records than are there": plain_records(dated(1, 2, 3)),
    "offsets that are not consecutive": 2 * plain_records(dated(1)),
    "no records": b"",
    "bad varints": b"\xff" * 40,
}


@ALL_CODECS
@pytest.mark.parametrize("lie", LIES)
def test_records_that_are_not_what_the_header_says_are_refused(codec: Codec, lie: str) -> None:
    batch = batch_around(compressed(codec, LIES[lie]), codec, dated(1, 2))
    refusal = refused(batch, needs_keys=True)
    assert refusal.error is ErrorCode.INVALID_RECORD
    assert refusal.reason


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])
def test_records_that_cannot_be_unpacked_are_refused(codec: Codec) -> None:
    refusal = refused(batch_around(b"\x00 nothing", codec, dated(1)), codec=Codec.NONE)
    assert refusal.error is ErrorCode.INVALID_RECORD
    assert refusal.reason.startswith(codec.name.lower())


def test_a_bomb_is_refused_by_its_size() -> None:
    bomb = compressed(Codec.ZSTD, bytes(200 << 20))
    refusal = refused(batch_around(bomb, Codec.ZSTD, dated(1)), needs_keys=True)
    assert refusal.error is ErrorCode.INVALID_RECORD
    assert "bytes of records" in refusal.reason


def test_only_records_that_came_compressed_are_measured() -> None:
    large = [Record(timestamp=1, key=b"k", value=b"v" * 500)]
    refusal = refused(encode_batch(large, codec=Codec.LZ4), record_bytes_max=400)
    assert refusal.error is ErrorCode.INVALID_RECORD
    assert "the limit is 400" in refusal.reason
    assert admitted(encode_batch(large), record_bytes_max=400)
    assert admitted(encode_batch(large, codec=Codec.LZ4), record_bytes_max=600)


@pytest.mark.parametrize(
    "batch",
    [
        b"",
        b"short",
        encode_batch(dated(1))[:-1],
        encode_batch(dated(1)) + encode_batch(dated(2)),
        batch_around(plain_records(dated(1)), Codec.NONE, dated(1), attributes=CONTROL_BIT),
        batch_around(plain_records(dated(1)), Codec.NONE, dated(1), attributes=7),
        batch_around(plain_records(dated(1)), Codec.NONE, dated(1), last_offset_delta=4),
    ],
    ids=["empty", "short", "cut", "two", "control", "codec", "delta"],
)
def test_what_is_no_batch_is_left_to_who_places_it(batch: bytes) -> None:
    rules = AdmissionRules(needs_keys=True, stamps_append_time=True, codec=Codec.ZSTD)
    found = admit(writable(batch), rules, now_ms=NOW_MS)
    assert (bytes(found.batch), found.append_time_ms) == (batch, -1)

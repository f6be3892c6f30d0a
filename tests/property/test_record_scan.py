"""The scan agrees with the reader of records, and nothing makes it fail otherwise than by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcore.record.batch import BatchCorrupt
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.record.scanning import scan_records
from tests.support.odd_batches import plain_records

ALWAYS = 1 << 62
SOME_BYTES = st.none() | st.binary(max_size=200)
RECORDS = st.lists(
    st.builds(
        Record,
        timestamp=st.integers(0, 1 << 41),
        key=SOME_BYTES,
        value=SOME_BYTES,
        headers=st.lists(st.tuples(st.text(max_size=5), SOME_BYTES), max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=150,
)


@given(records=RECORDS, bounds=st.tuples(st.integers(0, 1 << 41), st.integers(0, 1 << 41)))
def test_the_scan_finds_what_the_records_say(
    records: list[Record], bounds: tuple[int, int]
) -> None:
    base, (low, high) = records[0].timestamp, sorted(bounds)
    found = scan_records(
        plain_records(records), len(records), delta_min=low - base, delta_max=high - base
    )
    assert found.keyless == [n for n, record in enumerate(records) if record.key is None]
    assert found.untimely == [
        (n, record.timestamp - base)
        for n, record in enumerate(records)
        if not low <= record.timestamp <= high
    ]
    assert found.largest < len(plain_records(records))


@given(records=RECORDS, data=st.data())
def test_a_damaged_byte_is_no_more_than_a_fault(records: list[Record], data: st.DataObject) -> None:
    damaged = bytearray(plain_records(records))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    count = len(records)
    try:
        found = scan_records(bytes(damaged), count, delta_min=-ALWAYS, delta_max=ALWAYS)
    except BatchCorrupt:
        return
    assert len(found.keyless) + len(found.untimely) <= 2 * count


def test_a_scanned_record_is_one_that_can_be_read() -> None:
    records = [Record(timestamp=5, key=b"k", value=None), Record(timestamp=9, key=None, value=b"v")]
    scan_records(plain_records(records), 2, delta_min=-ALWAYS, delta_max=ALWAYS)
    assert len(list(read_records(encode_batch(records, codec=Codec.ZSTD)))) == 2


ONE = plain_records([Record(timestamp=1, key=b"key", value=b"value")])


@pytest.mark.parametrize(
    ("data", "count", "fault"),
    [
        (ONE, 2, "record 1 of 2 has no end"),
        (ONE + ONE, 1, "1 records end at byte 15 of 30"),
        (ONE + ONE, 2, "record 1 has offset delta 0"),
        (ONE[:-1], 1, "1 records end at byte 15 of 14"),
        (b"\x0b" + ONE[1:], 1, "record 0, -6 bytes at byte 0"),
        (b"\xff" * 30, 1, "endless varint"),
        (ONE[:4] + b"\x14" + ONE[5:], 1, "record 0 of 1 has no end"),
        (b"\x0c\x00\x00\x00\x01\x14\x00", 1, "record 0, 6 bytes at byte 0, is shorter"),
    ],
    ids=["too few", "too many", "offsets", "cut", "negative", "varint", "key", "value"],
)
def test_what_is_wrong_with_records_is_said(data: bytes, count: int, fault: str) -> None:
    with pytest.raises(BatchCorrupt, match=fault):
        scan_records(data, count, delta_min=-ALWAYS, delta_max=ALWAYS)

"""Columns against every other reader and writer of record batches that we have."""

import numpy as np
import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from streamcore.client.columnar.produce_codec import BatchToSend, ProducerIdentity
from streamcore.record.batch import BatchCorrupt
from streamcore.record.column_reading import FixedRows, read_columns
from streamcore.record.columns import encode_columns
from streamcore.record.compression import Codec
from streamcore.record.fetched import fetched_batches, records_of
from streamcore.record.murmur2 import murmur2, murmur2_column, partition_of, partitions_of
from streamcore.record.records import Record, encode_batch

WIDTHS = st.tuples(st.integers(0, 70), st.integers(0, 300))
IDENTITY = ProducerIdentity(producer_id=7, producer_epoch=1)
NOW_MS = 1_700_000_000_000


def matrix(seed: int, count: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (count, width), dtype=np.uint8)


def encoded(keys: np.ndarray, values: np.ndarray, partitions: np.ndarray) -> dict[int, bytes]:
    """Encode as the producer does; the batches of each partition one after another."""
    found: dict[int, bytes] = {}
    for part in encode_columns(keys, values, partitions):
        batch = BatchToSend(
            partition=part.partition,
            record_count=part.record_count,
            records=part.records,
            base_timestamp_ms=NOW_MS,
            max_timestamp_ms=NOW_MS,
            base_sequence=0,
        )
        whole = batch.header(IDENTITY) + bytes(part.records)
        found[part.partition] = found.get(part.partition, b"") + whole
    return found


def read(data: bytes, key_width: int, value_width: int) -> FixedRows:
    batches, _ = fetched_batches(memoryview(data))
    [rows] = read_columns([batches], key_width=key_width, value_width=value_width)
    return rows


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 400), widths=WIDTHS)
def test_what_is_encoded_is_read_back_by_us_and_by_aiokafka(
    seed: int, count: int, widths: tuple[int, int]
) -> None:
    keys, values = matrix(seed, count, widths[0]), matrix(seed + 1, count, widths[1])
    partitions = partitions_of(keys, 5)
    for partition, data in encoded(keys, values, partitions).items():
        ours = partitions == partition
        rows = read(data, *widths)
        assert np.array_equal(rows.keys, keys[ours])
        assert np.array_equal(rows.values, values[ours])
        assert rows.offsets.tolist() == list(range(int(ours.sum())))
        theirs = list(MemoryRecords(data).next_batch())
        assert [record.key for record in theirs] == [bytes(row) for row in keys[ours]]
        assert [record.value for record in theirs] == [bytes(row) for row in values[ours]]


RECORDS = st.lists(
    st.builds(
        Record,
        timestamp=st.integers(NOW_MS, NOW_MS + 100_000),
        key=st.one_of(st.none(), st.binary(min_size=4, max_size=4), st.binary(max_size=200)),
        value=st.one_of(st.none(), st.binary(min_size=9, max_size=9), st.binary(max_size=200)),
        headers=st.one_of(
            st.just(()), st.just((("trace", b"1"),)), st.just((("a", None), ("a", b"")))
        ),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(records=RECORDS, codec=st.sampled_from(Codec))
def test_any_mix_of_records_comes_apart_into_rows_and_odd_ones(
    records: list[Record], codec: Codec
) -> None:
    rows = read(encode_batch(records, codec=codec), 4, 9)
    regular = [
        (at, record)
        for at, record in enumerate(records)
        if record.key is not None
        and record.value is not None
        and (len(record.key), len(record.value), record.headers) == (4, 9, ())
    ]
    assert rows.offsets.tolist() == [at for at, _ in regular]
    assert rows.timestamps_ms.tolist() == [record.timestamp for _, record in regular]
    assert [bytes(row) for row in rows.keys] == [record.key for _, record in regular]
    assert [bytes(row) for row in rows.values] == [record.value for _, record in regular]
    odd = sorted(set(range(len(records))) - set(rows.offsets.tolist()))
    assert [record.offset for record in rows.odd] == odd
    for record in rows.odd:
        sent = records[record.offset]
        assert (record.key, record.value, record.headers) == (sent.key, sent.value, sent.headers)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 8_191, 8_192, 9_000])
def test_minimal_varints_of_other_writers_are_read_by_runs(count: int) -> None:
    records = [
        Record(timestamp=NOW_MS + at % 200, key=b"%010d" % at, value=b"%040d" % at)
        for at in range(count)
    ]
    rows = read(encode_batch(records), 10, 40)
    assert not rows.odd
    assert rows.offsets.tolist() == list(range(count))
    assert [int(bytes(row)) for row in rows.values[:: max(1, count // 50)]] == list(
        range(0, count, max(1, count // 50))
    )
    assert rows.timestamps_ms[-1] == NOW_MS + (count - 1) % 200


@settings(max_examples=40, deadline=None)
@given(data=st.data(), records=RECORDS)
def test_a_flipped_bit_is_noticed_and_a_cut_tail_is_left_for_the_next_fetch(
    data: st.DataObject, records: list[Record]
) -> None:
    batch = encode_batch(records)
    bit = data.draw(st.integers(8 * 21, 8 * len(batch) - 1))
    flipped = bytearray(batch)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BatchCorrupt, match="offset 0"):
        fetched_batches(memoryview(bytes(flipped)))
    cut = data.draw(st.integers(0, len(batch) - 1))
    batches, next_offset = fetched_batches(memoryview(batch + batch[:cut]))
    assert len(batches) == 1
    assert next_offset == len(records)
    assert [record.key for record in records_of(batches[0])] == [each.key for each in records]


@settings(max_examples=40, deadline=None)
@given(keys=st.lists(st.binary(max_size=40), min_size=1, max_size=20), width=st.integers(0, 30))
def test_murmur2_is_what_other_clients_compute(keys: list[bytes], width: int) -> None:
    for key in keys:
        assert murmur2(key) == aiokafka_murmur2(key) & 0xFFFFFFFF
    fixed = [key.ljust(width, b"\x9c")[:width] for key in keys]
    column = np.frombuffer(b"".join(fixed), np.uint8).reshape(len(keys), width)
    assert murmur2_column(column).tolist() == [murmur2(key) for key in fixed]
    assert partitions_of(column, 12).tolist() == [partition_of(key, 12) for key in fixed]

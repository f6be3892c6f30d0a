"""Records found side by side, many batches at a time, are those that are read one by one."""

import random

import numpy as np
import pytest

from streamcore.record.batch import HEADER_SIZE, read_header, sealed
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.storage.compaction.chunks import Chunk, read_chunk
from streamcore.storage.compaction.record_columns import SIDE_BY_SIDE_MIN
from streamcore.storage.failures import SegmentCorrupt
from tests.support.compaction_scene import NOW_MS, data_batch

BATCHES = 4 * SIDE_BY_SIDE_MIN


def some_batches(rng: random.Random, *, records_max: int) -> list[bytes]:
    batches, offset = [], 0
    for _ in range(BATCHES):
        records = [
            Record(
                timestamp=NOW_MS + rng.randrange(100_000),
                key=rng.choice([None, b"", rng.randbytes(rng.randrange(200))]),
                value=rng.choice([None, b"", rng.randbytes(rng.choice([3, 60, 130, 20_000]))]),
            )
            for _ in range(rng.randrange(1, records_max))
        ]
        codec = rng.choice([Codec.NONE, Codec.NONE, Codec.ZSTD])
        batches.append(data_batch(offset, records, codec=codec))
        offset += len(records)
    return batches


def chunk_of(batches: list[bytes]) -> Chunk:
    return read_chunk(b"".join(batches), path="p", position=0, next_offset=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_columns_are_what_the_records_say(seed: int) -> None:
    batches = some_batches(random.Random(seed), records_max=40)
    found = chunk_of(batches).records
    rows = [
        (number, each.offset, each.key, each.value is not None)
        for number, batch in enumerate(batches)
        for each in read_records(batch)
    ]
    keys = [
        None if size < 0 else found.plain[at : at + size]
        for at, size in zip(found.key_at.tolist(), found.key_sizes.tolist(), strict=True)
    ]
    columns = (found.batch_numbers.tolist(), found.offsets.tolist(), keys, found.has_value.tolist())
    assert list(zip(*columns, strict=True)) == rows
    assert len(found) > 10 * BATCHES


@pytest.mark.parametrize("count", [1, 100])
def test_headers_are_what_each_batch_says(count: int) -> None:
    batches = some_batches(random.Random(count), records_max=1 + count)
    table = chunk_of(batches).batches
    for number, batch in enumerate(batches):
        header = read_header(batch)
        assert table.header(number) == header
        assert bytes(table.batch(number)) == batch
        assert table.next_offsets[number] == header.next_offset
        assert table.attributes[number] == header.attributes
        assert table.base_timestamps[number] == header.base_timestamp
        assert table.record_counts[number] == header.record_count


@pytest.mark.parametrize(
    "size",
    [b"\x01", b"\x7f", b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\xff" * 12],
    ids=["negative", "short", "long", "longest", "endless"],
)
@pytest.mark.parametrize("at", [0, BATCHES // 2, BATCHES - 1])
def test_a_record_of_a_wrong_size_among_many_batches_is_named(at: int, size: bytes) -> None:
    batches = [
        data_batch(3 * number, [Record(timestamp=NOW_MS, key=b"k", value=b"v" * 40)] * 3)
        for number in range(BATCHES)
    ]
    body = bytearray(batches[at][HEADER_SIZE:])
    body[: len(size)] = size
    batches[at] = sealed(read_header(batches[at]), bytes(body))
    with pytest.raises(SegmentCorrupt) as caught:
        chunk_of(batches)
    assert caught.value.position == sum(map(len, batches[:at]))


def test_keys_at_the_very_end_of_the_data_are_read_whole() -> None:
    batch = encode_batch([Record(timestamp=NOW_MS, key=b"last", value=None)])
    records = chunk_of([batch]).records
    assert len(records.plain) - int(records.key_at[0]) >= 64
    assert np.array_equal(records.has_value, [False])

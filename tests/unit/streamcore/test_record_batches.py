"""Batches are checked before they are kept, and their records can be read whatever the codec."""

import pytest

from streamcore.record.batch import (
    HEADER_SIZE,
    BatchCorrupt,
    BatchTorn,
    checked_header,
    place_batch,
    read_header,
)
from streamcore.record.compression import Codec, compressed, decompressed
from streamcore.record.records import (
    Record,
    decode_varint,
    encode_batch,
    encode_varint,
    read_records,
)
from tests.support.simulated_broker import batch_of, writable

RECORDS = [
    Record(offset=0, timestamp=1000, key=b"k", value=b"v" * 50, headers=(("h", b"x"), ("n", None))),
    Record(offset=1, timestamp=900, key=None, value=None),
    Record(offset=2, timestamp=5000, key=b"", value=b""),
]


@pytest.mark.parametrize("codec", list(Codec))
def test_records_survive_every_codec(codec: Codec) -> None:
    batch = encode_batch(RECORDS, codec=codec)
    header = checked_header(memoryview(batch))
    assert (header.codec, header.record_count, header.size) == (codec, 3, len(batch))
    assert (header.base_timestamp, header.max_timestamp) == (1000, 5000)
    assert list(read_records(batch)) == RECORDS


@pytest.mark.parametrize("value", [0, -1, 1, 63, -64, 64, 1 << 31, -(1 << 62)])
def test_zigzag_varints_survive(value: int) -> None:
    data = encode_varint(value)
    assert decode_varint(data, 0) == (value, len(data))


def test_snappy_in_javas_frames_is_read() -> None:
    first, second = compressed(Codec.SNAPPY, b"a" * 40), compressed(Codec.SNAPPY, b"b" * 40)
    framed = b"\x82SNAPPY\x00" + bytes(8)
    for block in (first, second):
        framed += len(block).to_bytes(4) + block
    assert decompressed(Codec.SNAPPY, framed) == b"a" * 40 + b"b" * 40


def test_lz4_is_written_in_independent_blocks_which_java_insists_on() -> None:
    frame = compressed(Codec.LZ4, b"a" * 200_000)
    block_independence = 0x20  # of the byte FLG, behind the magic (LZ4 frame format 1.6)
    assert frame[4] & block_independence
    assert decompressed(Codec.LZ4, frame) == b"a" * 200_000


def test_placing_a_batch_leaves_its_checksum_true() -> None:
    batch = batch_of(b"x", b"y")
    placed = place_batch(
        writable(batch), base_offset=500, batch_length=len(batch) - 12, leader_epoch=3
    )
    header = checked_header(memoryview(placed))
    assert (header.base_offset, header.leader_epoch, header.next_offset) == (500, 3, 502)
    assert [record.offset for record in read_records(placed)] == [500, 501]


@pytest.mark.parametrize("kept", [0, 11, HEADER_SIZE - 1, HEADER_SIZE, HEADER_SIZE + 1])
def test_a_batch_that_ends_early_is_torn(kept: int) -> None:
    with pytest.raises(BatchTorn):
        checked_header(memoryview(batch_of(b"hello")[:kept]))


@pytest.mark.parametrize("position", [16, 17, 21, 30, 60, 61, 65])
def test_any_flipped_bit_behind_the_epoch_is_found(position: int) -> None:
    batch = bytearray(batch_of(b"hello"))
    batch[position] ^= 4
    with pytest.raises(BatchCorrupt):
        checked_header(memoryview(batch))


def test_a_length_below_a_header_is_corrupt() -> None:
    batch = bytearray(batch_of(b"hello"))
    batch[8:12] = (10).to_bytes(4)
    with pytest.raises(BatchCorrupt, match="less than a header"):
        checked_header(memoryview(batch))


def test_records_that_do_not_follow_the_format_are_said_to_be_corrupt() -> None:
    batch = bytearray(batch_of(b"hello", b"world"))
    batch[HEADER_SIZE] = 0x7E  # the first record claims 63 bytes
    with pytest.raises(BatchCorrupt):
        list(read_records(bytes(batch)))


def test_records_of_an_unknown_codec_are_said_to_be_corrupt() -> None:
    batch = bytearray(batch_of(b"hello"))
    batch[22] = 7
    assert read_header(batch).codec == 7
    with pytest.raises(BatchCorrupt):
        list(read_records(bytes(batch)))

"""Whatever a sender packed: its records come out, or a named fault does, in bounded room."""

import gzip
import random

import lz4.frame
import pytest
import zstandard

from streamcore.record.compression import (
    PLAIN_BYTES_MAX,
    Codec,
    UndecodableRecords,
    compressed,
    decompressed,
)

PACKED = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD]
DATA = random.Random(1).randbytes(3000) + b"location" * 40_000


def xerial(*blocks: bytes) -> bytes:
    """Snappy as snappy-java frames it."""
    framed = b"\x82SNAPPY\x00" + (1).to_bytes(4) + (1).to_bytes(4)
    for block in blocks:
        packed = compressed(Codec.SNAPPY, block)
        framed += len(packed).to_bytes(4) + packed
    return framed


FORMS = {
    "gzip of two members": (Codec.GZIP, gzip.compress(DATA[:999]) + gzip.compress(DATA[999:])),
    "snappy in Java's frames": (Codec.SNAPPY, xerial(DATA[:32_768], DATA[32_768:])),
    "lz4 as Java frames it": (
        Codec.LZ4,
        lz4.frame.compress(
            DATA, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False, store_size=False
        ),
    ),
    "lz4 as librdkafka frames it": (
        Codec.LZ4,
        lz4.frame.compress(DATA, block_linked=False, content_checksum=True, store_size=True),
    ),
    "lz4 of linked blocks": (Codec.LZ4, lz4.frame.compress(DATA, block_linked=True)),
    "zstd without its size": (
        Codec.ZSTD,
        zstandard.ZstdCompressor(write_content_size=False).compress(DATA),
    ),
    "zstd of two frames": (
        Codec.ZSTD,
        b"".join(zstandard.ZstdCompressor().compress(part) for part in (DATA[:50], DATA[50:])),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_codec_is_read(form: str) -> None:
    codec, packed = FORMS[form]
    assert decompressed(codec, packed) == DATA
    assert decompressed(codec, memoryview(packed)) == DATA


@pytest.mark.parametrize(
    ("codec", "levels"),
    [(Codec.GZIP, (1, 9)), (Codec.LZ4, (1, 12)), (Codec.ZSTD, (-5, 19))],
    ids=lambda value: value.name if isinstance(value, Codec) else "",
)
def test_a_higher_level_makes_records_smaller(codec: Codec, levels: tuple[int, int]) -> None:
    words = random.Random(2).choices([b"driver", b"lat", b"lon", b"speed", b"1", b"2"], k=20_000)
    data = b",".join(words)
    low, high = (compressed(codec, data, level) for level in levels)
    assert len(high) < len(low)
    assert decompressed(codec, low) == decompressed(codec, high) == data


@pytest.mark.parametrize("codec", PACKED, ids=lambda codec: codec.name)
def test_records_that_would_fill_the_memory_are_refused(codec: Codec) -> None:
    bomb = compressed(codec, bytes(1 << 20))
    assert decompressed(codec, bomb, bytes_max=1 << 20) == bytes(1 << 20)
    with pytest.raises(UndecodableRecords, match="more than 1048575 bytes of records"):
        decompressed(codec, bomb, bytes_max=(1 << 20) - 1)


def test_the_blocks_of_javas_frames_are_bounded_together() -> None:
    with pytest.raises(UndecodableRecords, match="more than 1000 bytes"):
        decompressed(Codec.SNAPPY, xerial(bytes(600), bytes(600)), bytes_max=1000)


def test_a_plain_size_is_not_believed() -> None:
    says_4_gib = b"\xff\xff\xff\xff\x0f"
    with pytest.raises(UndecodableRecords, match=f"more than {PLAIN_BYTES_MAX}"):
        decompressed(Codec.SNAPPY, says_4_gib)


@pytest.mark.parametrize("codec", PACKED, ids=lambda codec: codec.name)
@pytest.mark.parametrize("seed", range(5))
def test_damaged_records_are_read_as_something_or_named(codec: Codec, seed: int) -> None:
    rng = random.Random(seed)
    good = compressed(codec, DATA[2500:6000])
    for _ in range(200):
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        del damaged[rng.randint(1, 2 * len(damaged)) :]
        try:
            assert len(decompressed(codec, bytes(damaged), bytes_max=1 << 20)) <= 1 << 20
        except UndecodableRecords as fault:
            assert str(fault).startswith(codec.name.lower())  # noqa: PT017  # either is right


@pytest.mark.parametrize("codec", PACKED, ids=lambda codec: codec.name)
def test_cut_records_are_named(codec: Codec) -> None:
    packed = compressed(codec, DATA)
    for kept in (0, 1, 20, len(packed) // 2, len(packed) - 1):
        with pytest.raises(UndecodableRecords, match=codec.name.lower()):
            decompressed(codec, packed[:kept])


def test_a_cut_block_of_javas_frames_is_named() -> None:
    framed = xerial(b"a" * 100)
    for kept in (len(framed) - 1, len(b"\x82SNAPPY\x00") + 8 + 2):
        with pytest.raises(UndecodableRecords, match="snappy"):
            decompressed(Codec.SNAPPY, framed[:kept])

"""The codecs of a record batch: gzip, snappy, lz4, zstd, by their number in its attributes.

Whatever a sender packed, unpacking it takes a bounded amount of memory: a kilobyte of zstd
can stand for a gigabyte of zeros.
"""

import mmap
from enum import IntEnum
from typing import Any, Final

import cramjam

# Java's snappy-java frames its blocks itself: magic, two versions, then (size, block) pairs.
XERIAL_MAGIC = b"\x82SNAPPY\x00"
XERIAL_HEADER_SIZE = 16
XERIAL_SIZE_BYTES = 4

# The plain records of one batch. A batch of a megabyte would have to shrink to a hundredth.
PLAIN_BYTES_MAX: Final = 128 << 20


class Codec(IntEnum):
    """Bits 0-2 of a batch's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


# How much a byte can stand for at most (deflate, LZ4 blocks). Zstandard knows no such bound.
_GROWTH_MAX: Final = {Codec.GZIP: 1040, Codec.LZ4: 256}
# What Kafka's default of a level means to the libraries. lz4: not the 9th, but its fast way.
_DEFAULT_LEVELS: Final = {Codec.GZIP: 6, Codec.LZ4: 0, Codec.ZSTD: 3}

# What cramjam says of a room that is full.
NO_ROOM: Final = "failed to write whole buffer"


class UndecodableRecords(Exception):
    """Compressed records that their codec cannot read, or that are too many to be read."""


def compressed(codec: Codec, data: bytes | memoryview, level: int | None = None) -> bytes:
    """Compress the records of a batch; `level` is the codec's own, None its default."""
    if level is None:
        level = _DEFAULT_LEVELS.get(codec, 0)
    match codec:
        case Codec.NONE:
            return bytes(data)
        case Codec.GZIP:
            return bytes(cramjam.gzip.compress(data, level))
        case Codec.SNAPPY:
            return bytes(cramjam.snappy.compress_raw(data))
        case Codec.LZ4:
            return _lz4_frame(data, level)
        case Codec.ZSTD:
            return bytes(cramjam.zstd.compress(data, level))


def _lz4_frame(data: bytes | memoryview, level: int) -> bytes:
    """A frame of independent blocks: Java's Kafka reads no other. The batch has a checksum."""
    frame = cramjam.lz4.Compressor(level=level, block_linked=False, content_checksum=False)
    frame.compress(data)
    return bytes(frame.finish())


def decompressed(
    codec: Codec, data: bytes | memoryview, *, bytes_max: int = PLAIN_BYTES_MAX
) -> bytes:
    """Return the plain records of a batch. Raises `UndecodableRecords`."""
    try:
        match codec:
            case Codec.NONE:
                return bytes(data)
            case Codec.GZIP:
                return _unpacked(cramjam.gzip, codec, data, bytes_max)
            case Codec.SNAPPY:
                return _plain_snappy(data, bytes_max)
            case Codec.LZ4:
                return _unpacked(cramjam.lz4, codec, data, bytes_max)
            case Codec.ZSTD:
                return _unpacked(cramjam.zstd, codec, data, bytes_max)
    except cramjam.DecompressionError as error:
        raise UndecodableRecords(f"{codec.name.lower()}: {error}") from None


def _unpacked(library: Any, codec: Codec, data: bytes | memoryview, bytes_max: int) -> bytes:
    if len(data) * _GROWTH_MAX.get(codec, bytes_max + 1) <= bytes_max:
        return bytes(library.decompress(data))
    # The kernel hands out these pages only as they are written to: an unused rest costs nothing.
    with mmap.mmap(-1, bytes_max) as room:
        try:
            size: int = library.decompress_into(data, room)
        except cramjam.DecompressionError as error:
            if NO_ROOM in str(error):
                raise _too_large(codec, bytes_max) from None
            raise
        return room[:size]


def _too_large(codec: Codec, bytes_max: int) -> UndecodableRecords:
    return UndecodableRecords(f"{codec.name.lower()}: more than {bytes_max} bytes of records")


def _plain_snappy(data: bytes | memoryview, bytes_max: int) -> bytes:
    if bytes(data[: len(XERIAL_MAGIC)]) != XERIAL_MAGIC:
        return _plain_snappy_block(data, bytes_max, bytes_max)
    blocks = []
    left = bytes_max
    position = XERIAL_HEADER_SIZE
    while position < len(data):
        start = position + XERIAL_SIZE_BYTES
        end = start + int.from_bytes(data[position:start])
        if end > len(data):
            raise UndecodableRecords(f"snappy: block of {end - start} bytes, cut short")
        blocks.append(_plain_snappy_block(data[start:end], left, bytes_max))
        left -= len(blocks[-1])
        position = end
    return b"".join(blocks)


def _plain_snappy_block(data: bytes | memoryview, left: int, bytes_max: int) -> bytes:
    # A block says its plain size: believed only where it is not too large.
    if cramjam.snappy.decompress_raw_len(data) > left:
        raise _too_large(Codec.SNAPPY, bytes_max)
    return bytes(cramjam.snappy.decompress_raw(data))

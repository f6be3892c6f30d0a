"""The codecs of a record batch: gzip, snappy, lz4, zstd, by their number in its attributes."""

from enum import IntEnum

import cramjam

# Java's snappy-java frames its blocks itself: magic, two versions, then (size, block) pairs.
XERIAL_MAGIC = b"\x82SNAPPY\x00"
XERIAL_HEADER_SIZE = 16


class Codec(IntEnum):
    """Bits 0-2 of a batch's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class UndecodableRecords(Exception):
    """Compressed records that their codec cannot read."""


def compressed(codec: Codec, data: bytes) -> bytes:
    """Compress the records of a batch."""
    match codec:
        case Codec.NONE:
            return data
        case Codec.GZIP:
            return bytes(cramjam.gzip.compress(data))
        case Codec.SNAPPY:
            return bytes(cramjam.snappy.compress_raw(data))
        case Codec.LZ4:
            return _lz4_frame(data)
        case Codec.ZSTD:
            return bytes(cramjam.zstd.compress(data))


def _lz4_frame(data: bytes) -> bytes:
    """A frame of independent blocks: Java's Kafka reads no other. The batch has a checksum."""
    frame = cramjam.lz4.Compressor(block_linked=False, content_checksum=False)
    frame.compress(data)
    return bytes(frame.finish())


def decompressed(codec: Codec, data: bytes | memoryview) -> bytes:
    """Return the plain records of a batch. Raises `UndecodableRecords`."""
    try:
        match codec:
            case Codec.NONE:
                return bytes(data)
            case Codec.GZIP:
                return bytes(cramjam.gzip.decompress(data))
            case Codec.SNAPPY:
                return _plain_snappy(bytes(data))
            case Codec.LZ4:
                return bytes(cramjam.lz4.decompress(data))
            case Codec.ZSTD:
                return bytes(cramjam.zstd.decompress(data))
    except cramjam.DecompressionError as error:
        raise UndecodableRecords(f"{codec.name.lower()}: {error}") from None


def _plain_snappy(data: bytes) -> bytes:
    if not data.startswith(XERIAL_MAGIC):
        return bytes(cramjam.snappy.decompress_raw(data))
    blocks = []
    position = XERIAL_HEADER_SIZE
    while position + 4 <= len(data):
        size = int.from_bytes(data[position : position + 4])
        position += 4
        blocks.append(bytes(cramjam.snappy.decompress_raw(data[position : position + size])))
        position += size
    return b"".join(blocks)

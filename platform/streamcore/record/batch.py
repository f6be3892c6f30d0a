"""The header of a record batch (format v2), and the checks a broker makes on a batch.

A broker never looks at the records. It checks the header and the CRC-32C, then writes
base offset and leader epoch, which lie before the part that the checksum covers.
"""

from struct import Struct
from typing import NamedTuple

from streamcore.record.checksums import crc32c

HEADER = Struct(">qiibIhiqqqhii")
HEADER_SIZE = HEADER.size
# `batch_length` counts what follows it.
LENGTH_PREFIX = Struct(">qi")
LENGTH_PREFIX_SIZE = LENGTH_PREFIX.size
BASE_TO_EPOCH = Struct(">qii")
CRC_FIELD = Struct(">I")
CRC_AT = 17
CRC_COVERS_FROM = 21
ATTRIBUTES_LOW_AT = 22
MAGIC = 2

CODEC_MASK = 0x07
TIMESTAMP_TYPE_BIT = 0x08
TRANSACTIONAL_BIT = 0x10
CONTROL_BIT = 0x20
IN_TRANSACTIONS = TRANSACTIONAL_BIT | CONTROL_BIT
# The base timestamp is when the batch's tombstones, or its marker, may go (KIP-534).
DELETE_HORIZON_BIT = 0x40
CODEC_NUMBER_MAX = 4

NO_PRODUCER_ID = -1
NO_SEQUENCE = -1
# Producers keep at most five requests in flight (max.in.flight.requests.per.connection):
# the last five batches of each tell a retry from a gap.
REMEMBERED_BATCHES = 5


class BatchHeader(NamedTuple):
    """The 61 bytes before the records, in wire order."""

    base_offset: int
    batch_length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.batch_length + LENGTH_PREFIX_SIZE

    @property
    def next_offset(self) -> int:
        return self.base_offset + self.last_offset_delta + 1

    @property
    def codec(self) -> int:
        return self.attributes & CODEC_MASK


class BatchFault(Exception):
    """Why bytes are not a record batch that can be kept."""


class BatchTorn(BatchFault):
    """The bytes end before the batch does."""


class BatchCorrupt(BatchFault):
    """The bytes are all there and are wrong."""


class ChecksumWrong(BatchCorrupt):
    """Some of them are not what they were when the batch was made."""


def read_header(data: bytes | bytearray | memoryview, position: int = 0) -> BatchHeader:
    """Unpack the header at `position`; the caller has made sure that it is there."""
    return BatchHeader._make(HEADER.unpack_from(data, position))


def checked_header(data: memoryview, position: int = 0) -> BatchHeader:
    """Return the header of the batch at `position` after checking its shape and checksum.

    Raises `BatchTorn` when `data` ends too early, `BatchCorrupt` when it is wrong.
    """
    available = len(data) - position
    if available < HEADER_SIZE:
        raise BatchTorn(f"{available} bytes are less than a batch header")
    header = BatchHeader._make(HEADER.unpack_from(data, position))
    if header.magic != MAGIC:
        raise BatchCorrupt(f"magic {header.magic}, expected {MAGIC}")
    size = header.batch_length + LENGTH_PREFIX_SIZE
    if size < HEADER_SIZE:
        raise BatchCorrupt(f"batch length {header.batch_length} is less than a header")
    if size > available:
        raise BatchTorn(f"batch of {size} bytes, {available} are there")
    if crc32c(data[position + CRC_COVERS_FROM : position + size]) != header.crc:
        raise ChecksumWrong("CRC-32C does not match")
    if header.record_count < 0 or header.last_offset_delta < 0:
        raise BatchCorrupt(
            f"{header.record_count} records, last offset delta {header.last_offset_delta}"
        )
    return header


def sealed(header: BatchHeader, body: bytes) -> bytes:
    """Return the batch of `header` and these records, its length and its checksum made true."""
    batch = bytearray(
        HEADER.pack(
            *header._replace(batch_length=HEADER_SIZE + len(body) - LENGTH_PREFIX_SIZE, crc=0)
        )
    )
    batch += body
    CRC_FIELD.pack_into(batch, CRC_AT, crc32c(memoryview(batch)[CRC_COVERS_FROM:]))
    return bytes(batch)


def place_batch(
    batch: memoryview, *, base_offset: int, batch_length: int, leader_epoch: int
) -> bytes:
    """Write the broker's fields into `batch` (the sender's buffer) and copy it out of there."""
    BASE_TO_EPOCH.pack_into(batch, 0, base_offset, batch_length, leader_epoch)
    return bytes(batch)

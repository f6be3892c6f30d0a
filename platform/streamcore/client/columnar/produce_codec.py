"""Produce (key 0) version 7: batches of one topic out, one error code a partition back."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from streamcore.record.batch import HEADER_SIZE, LENGTH_PREFIX_SIZE, MAGIC
from streamcore.record.checksums import crc32c

_ACKS_ALL: Final = -1
_REQUEST: Final = Struct(">hhiih")  # no transactional id, acks, time-out, topics, name length
_COUNT: Final = Struct(">i")
_PARTITION: Final = Struct(">ii")  # index, size of the records field
_BEFORE_CRC: Final = Struct(">qiibI")
_AFTER_CRC: Final = Struct(">hiqqqhii")
_SEQUENCE_MASK: Final = 0x7FFFFFFF  # sequences wrap to 0 (KIP-98)
_RESULT: Final = Struct(">ihqqq")  # partition, error, base offset, append time, log start offset


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerIdentity:
    """What makes a repeated batch recognisable (KIP-98)."""

    producer_id: int
    producer_epoch: int


@dataclass(slots=True, kw_only=True)
class BatchToSend:
    """Encoded records of one partition: everything of a batch but the producer's identity."""

    partition: int
    record_count: int
    records: memoryview
    base_timestamp_ms: int
    max_timestamp_ms: int
    base_sequence: int = -1

    def header(self, identity: ProducerIdentity) -> bytes:
        """Return the 61 bytes that go before the records."""
        covered = _AFTER_CRC.pack(
            0,
            self.record_count - 1,
            self.base_timestamp_ms,
            self.max_timestamp_ms,
            identity.producer_id,
            identity.producer_epoch,
            self.base_sequence,
            self.record_count,
        )
        crc = crc32c(self.records, crc32c(covered))
        length = HEADER_SIZE - LENGTH_PREFIX_SIZE + len(self.records)
        return _BEFORE_CRC.pack(0, length, -1, MAGIC, crc) + covered


def sequence_after(base_sequence: int, record_count: int) -> int:
    return (base_sequence + record_count) & _SEQUENCE_MASK


def encode_produce(
    topic: str,
    batches: Sequence[BatchToSend],
    identity: ProducerIdentity,
    *,
    timeout_ms: int,
) -> list[bytes | memoryview]:
    """Return the pieces of a request body; the records are not copied."""
    name = topic.encode()
    pieces: list[bytes | memoryview] = [
        _REQUEST.pack(-1, _ACKS_ALL, timeout_ms, 1, len(name)),
        name,
        _COUNT.pack(len(batches)),
    ]
    for batch in batches:
        pieces.append(_PARTITION.pack(batch.partition, HEADER_SIZE + len(batch.records)))
        pieces.append(batch.header(identity))
        pieces.append(batch.records)
    return pieces


def decode_produce(body: memoryview) -> list[tuple[int, int]]:
    """Return (partition, error code) of each batch. Raises `struct.error` when it is cut."""
    results: list[tuple[int, int]] = []
    (topic_count,) = _COUNT.unpack_from(body, 0)
    position = _COUNT.size
    for _ in range(topic_count):
        position += 2 + int.from_bytes(body[position : position + 2])
        (partition_count,) = _COUNT.unpack_from(body, position)
        position += _COUNT.size
        for _ in range(partition_count):
            partition, error_code, _, _, _ = _RESULT.unpack_from(body, position)
            results.append((partition, error_code))
            position += _RESULT.size
    return results

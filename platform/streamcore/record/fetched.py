"""Record batches as a fetch returns them: whole ones checked and opened, a cut tail left out.

A fetch may begin inside a batch (the whole batch comes) and end inside one (its rest comes
with the next fetch). Compacted batches have fewer records than offsets.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from struct import Struct
from typing import Final

from streamcore.record.batch import (
    CODEC_MASK,
    CONTROL_BIT,
    CRC_COVERS_FROM,
    HEADER,
    HEADER_SIZE,
    LENGTH_PREFIX_SIZE,
    MAGIC,
    TIMESTAMP_TYPE_BIT,
    BatchCorrupt,
)
from streamcore.record.checksums import crc32c
from streamcore.record.compression import Codec, UndecodableRecords, decompressed
from streamcore.record.records import Record, decode_record, decode_varint

RECORD_SIZE_MIN: Final = 7  # six one-byte varints and the attributes
_UNPACK: Final = Struct(HEADER.format).unpack_from


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """One data batch, decompressed. Positional, for it is made for every batch read."""

    base_offset: int
    next_offset: int
    base_timestamp_ms: int
    append_time_ms: int | None  # set: the broker's time counts for every record (LogAppendTime)
    record_count: int
    records: memoryview

    @property
    def is_dense(self) -> bool:
        """Whether every offset of the batch has a record: compaction took none."""
        return self.next_offset - self.base_offset == self.record_count


def fetched_batches(data: memoryview) -> tuple[list[FetchedBatch], int | None]:
    """Return the data batches in `data`, and the offset behind the last batch of any kind.

    Control batches (markers of transactions) hold no data and are only counted. The offset
    is None where no whole batch is there. Raises `BatchCorrupt`, saying at which offset.
    """
    batches: list[FetchedBatch] = []
    next_offset: int | None = None
    for fields, records in _whole_batches(data):
        base_offset, attributes, last_delta = fields[0], fields[5], fields[6]
        next_offset = base_offset + last_delta + 1
        record_count = fields[12]
        if attributes & CONTROL_BIT or record_count == 0:
            continue
        if attributes & CODEC_MASK:
            records = _opened(attributes & CODEC_MASK, records, base_offset)
        if record_count < 0 or record_count * RECORD_SIZE_MIN > len(records):
            raise BatchCorrupt(
                f"batch at offset {base_offset}: {record_count} records in {len(records)} bytes"
            )
        append_time_ms = fields[8] if attributes & TIMESTAMP_TYPE_BIT else None
        batches.append(
            FetchedBatch(base_offset, next_offset, fields[7], append_time_ms, record_count, records)
        )
    return batches, next_offset


def _whole_batches(data: memoryview) -> Iterator[tuple[tuple[int, ...], memoryview]]:
    position = 0
    while len(data) - position >= HEADER_SIZE:
        fields = _UNPACK(data, position)
        end = position + LENGTH_PREFIX_SIZE + fields[1]
        if end > len(data):
            return  # cut by the fetch's size limit
        if fields[3] != MAGIC or end < position + HEADER_SIZE:
            raise BatchCorrupt(
                f"batch at offset {fields[0]}: magic {fields[3]}, length {fields[1]}"
            )
        if crc32c(data[position + CRC_COVERS_FROM : end]) != fields[4]:
            raise BatchCorrupt(f"batch at offset {fields[0]}: CRC-32C does not match")
        yield fields, data[position + HEADER_SIZE : end]
        position = end


def _opened(codec: int, records: memoryview, base_offset: int) -> memoryview:
    try:
        return memoryview(decompressed(Codec(codec), records))
    except (ValueError, UndecodableRecords) as error:
        raise BatchCorrupt(f"batch at offset {base_offset}: {error}") from None


def record_at(batch: FetchedBatch, position: int) -> tuple[Record, int]:
    """Return the record at `position` of a batch's records, and the position behind it.

    Raises `BatchCorrupt`, or `IndexError` where the data ends inside the record.
    """
    size, body_at = decode_varint(batch.records, position)
    end = body_at + max(0, size)
    record, _ = decode_record(
        bytes(batch.records[position:end]),  # its own bytes, not a copy of all the rest
        0,
        base=batch.base_offset,
        base_timestamp=batch.base_timestamp_ms,
    )
    if batch.append_time_ms is not None:
        record = replace(record, timestamp=batch.append_time_ms)
    return record, end


def records_of(batch: FetchedBatch) -> Iterator[Record]:
    """Yield a batch's records one by one. Raises `BatchCorrupt`."""
    position = 0
    for _ in range(batch.record_count):
        try:
            record, position = record_at(batch, position)
        except IndexError:
            raise BatchCorrupt(
                f"batch at offset {batch.base_offset}: the record at byte {position} is cut"
            ) from None
        yield record

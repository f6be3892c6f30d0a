"""How the two kinds of send become batches: columns at once, records when the topic is known."""

from collections.abc import Callable, Sequence

import numpy as np

from streamcore.client.api import FixedColumns, LogError, OutRecord
from streamcore.client.columnar.produce_codec import BatchToSend
from streamcore.record.batch import HEADER_SIZE
from streamcore.record.columns import BATCH_BYTES_MAX, RECORDS_MAX, encode_columns
from streamcore.record.murmur2 import partition_of
from streamcore.record.records import Record, encode_batch

_RECORD_OVERHEAD = 32  # more than the varints of a record and of one header take


def encode_fixed(columns: FixedColumns) -> list[BatchToSend]:
    """Encode columns now: the caller may change its arrays afterwards."""
    assert len(columns.keys) == len(columns.values) == len(columns.partitions) > 0
    if int(columns.partitions.min()) < 0:
        raise LogError(f"partition {columns.partitions.min()} does not exist", retriable=False)
    return [
        BatchToSend(
            partition=part.partition,
            record_count=part.record_count,
            records=part.records,
            base_timestamp_ms=columns.timestamp_ms,
            max_timestamp_ms=columns.timestamp_ms,
        )
        for part in encode_columns(columns.keys, columns.values, columns.partitions)
    ]


def checked_batches(batches: Sequence[BatchToSend]) -> Callable[[int], Sequence[BatchToSend]]:
    """Return a maker that gives encoded batches once it knows that their partitions exist."""

    def checked(partition_count: int) -> Sequence[BatchToSend]:
        for batch in batches:
            _check_partition(batch.partition, partition_count)
        return batches

    return checked


def record_maker(
    records: Sequence[OutRecord], *, now_ms: int, keyless_turn: int
) -> Callable[[int], Sequence[BatchToSend]]:
    """Return a maker that places records and encodes them.

    Records without key or partition go to one partition a send, which changes by
    `keyless_turn`: few large batches instead of many small ones (KIP-480).
    """

    def placed(partition_count: int) -> Sequence[BatchToSend]:
        by_partition: dict[int, list[Record]] = {}
        for record in records:
            if record.partition is not None:
                partition = int(record.partition)
            elif record.key is not None:
                partition = partition_of(record.key, partition_count)
            else:
                partition = keyless_turn % partition_count
            _check_partition(partition, partition_count)
            by_partition.setdefault(partition, []).append(_plain(record, now_ms))
        return [
            _encode(partition, part)
            for partition, of_partition in by_partition.items()
            for part in _cut(of_partition)
        ]

    return placed


def _check_partition(partition: int, partition_count: int) -> None:
    if not 0 <= partition < partition_count:
        raise LogError(
            f"partition {partition} does not exist: the topic has {partition_count}",
            retriable=False,
        )


def _plain(record: OutRecord, now_ms: int) -> Record:
    return Record(
        timestamp=now_ms if record.timestamp_ms is None else record.timestamp_ms,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )


def _size(record: Record) -> int:
    size = _RECORD_OVERHEAD + len(record.key or b"") + len(record.value or b"")
    for name, content in record.headers:
        size += _RECORD_OVERHEAD + len(name) + len(content or b"")
    return size


def _cut(records: Sequence[Record]) -> list[Sequence[Record]]:
    """Cut where a batch would grow past its limit; a record larger than that goes alone."""
    ends = np.cumsum([_size(record) for record in records])
    parts: list[Sequence[Record]] = []
    start, before = 0, 0
    while start < len(records):
        fits = int(np.searchsorted(ends, before + BATCH_BYTES_MAX, side="right"))
        end = min(max(start + 1, fits), start + RECORDS_MAX)
        parts.append(records[start:end])
        start, before = end, int(ends[end - 1])
    return parts


def _encode(partition: int, records: Sequence[Record]) -> BatchToSend:
    timestamps = [record.timestamp for record in records]
    return BatchToSend(
        partition=partition,
        record_count=len(records),
        records=memoryview(encode_batch(records))[HEADER_SIZE:],
        base_timestamp_ms=timestamps[0],
        max_timestamp_ms=max(timestamps),
    )

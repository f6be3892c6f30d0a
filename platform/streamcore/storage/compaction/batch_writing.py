"""Batches as a cleaning leaves them: with some of their records, with none, with a horizon.

Records that stay are copied as they are: their deltas count from the base offset and the base
timestamp, which the batch keeps. Only a delete horizon, which takes the place of the base
timestamp (KIP-534), has them written anew.
"""

import numpy as np

from streamcore.record.batch import (
    CODEC_MASK,
    DELETE_HORIZON_BIT,
    HEADER_SIZE,
    TIMESTAMP_TYPE_BIT,
    BatchHeader,
    sealed,
)
from streamcore.record.compression import Codec, compressed
from streamcore.record.records import decode_varint, encode_varint
from streamcore.storage.compaction.record_columns import Int64s, RecordColumns
from streamcore.storage.index import NO_TIMESTAMP


def rewritten(
    header: BatchHeader, records: RecordColumns, rows: Int64s, *, horizon_ms: int | None
) -> tuple[int, bytes]:
    """Return the batch with these of its records, and their newest timestamp.

    With `horizon_ms` its tombstones may go from then on.
    """
    newest = header.max_timestamp
    if not header.attributes & TIMESTAMP_TYPE_BIT:
        newest = header.base_timestamp + int(records.timestamp_deltas[rows].max())
    changed = header._replace(max_timestamp=newest, record_count=len(rows))
    if horizon_ms is None:
        body = _copied(records, rows)
    else:
        body = _redated(records, rows, shift=header.base_timestamp - horizon_ms)
        changed = _with_horizon(changed, horizon_ms)
    return newest, sealed(changed, compressed(Codec(header.codec), body))


def _with_horizon(header: BatchHeader, horizon_ms: int) -> BatchHeader:
    return header._replace(
        base_timestamp=horizon_ms, attributes=header.attributes | DELETE_HORIZON_BIT
    )


def _copied(records: RecordColumns, rows: Int64s) -> bytes:
    starts, ends = records.starts[rows], records.ends[rows]
    is_gap = starts[1:] != ends[:-1]
    run_starts = starts[np.concatenate(([True], is_gap))].tolist()
    run_ends = ends[np.concatenate((is_gap, [True]))].tolist()
    plain = records.plain
    return b"".join([plain[a:b] for a, b in zip(run_starts, run_ends, strict=True)])


def _redated(records: RecordColumns, rows: Int64s, *, shift: int) -> bytes:
    pieces: list[bytes] = []
    for delta, rest_at, end in zip(
        (records.timestamp_deltas[rows] + shift).tolist(),
        records.offset_delta_at[rows].tolist(),
        records.ends[rows].tolist(),
        strict=True,
    ):
        timestamp_delta = encode_varint(delta)
        rest = records.plain[rest_at:end]
        pieces += (encode_varint(1 + len(timestamp_delta) + len(rest)), b"\x00", timestamp_delta)
        pieces.append(rest)
    return b"".join(pieces)


def with_delete_horizon(header: BatchHeader, batch: memoryview, *, horizon_ms: int) -> bytes:
    """Return a control batch, which has one record, with a horizon."""
    record = batch[HEADER_SIZE:]
    _, body_at = decode_varint(record, 0)
    delta, rest_at = decode_varint(record, body_at + 1)
    timestamp_delta = encode_varint(header.base_timestamp + delta - horizon_ms)
    rest = bytes(record[rest_at:])
    body = b"\x00" + timestamp_delta + rest
    return sealed(_with_horizon(header, horizon_ms), encode_varint(len(body)) + body)


def emptied(header: BatchHeader) -> bytes:
    """Return the header alone: offsets, producer, sequence and epoch stay, records do not."""
    return sealed(
        header._replace(
            base_timestamp=NO_TIMESTAMP,
            attributes=header.attributes & ~(CODEC_MASK | DELETE_HORIZON_BIT),
            record_count=0,
        ),
        b"",
    )

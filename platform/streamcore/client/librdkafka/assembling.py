"""Messages as librdkafka gives them, sorted into batches of the interface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Message

from streamcore.client.api import (
    Batch,
    FixedBatch,
    InRecord,
    Offset,
    PartitionId,
    RecordBatch,
    Shape,
    TopicName,
)

Place = tuple[TopicName, PartitionId]
Header = tuple[str, str | bytes | None]


@dataclass(slots=True)
class _Columns:
    """What has been gathered of one partition."""

    offsets: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    others: list[InRecord] = field(default_factory=list)
    next_offset: int = 0


def assemble(
    messages: Sequence[Message],
    positions: Mapping[Place, Offset],
    shapes: Mapping[TopicName, Shape | None],
) -> list[Batch]:
    """Return a batch a partition. Messages before a partition's position are dropped."""
    gathered: dict[Place, _Columns] = {}
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        place = (TopicName(topic), PartitionId(partition))
        if place not in positions or offset < positions[place]:
            continue  # from before a seek, or of a partition that is not ours any more
        columns = gathered.get(place)
        if columns is None:
            columns = gathered[place] = _Columns()
        _put(columns, message, offset, shapes[place[0]])
    return [_batch(place, columns, shapes[place[0]]) for place, columns in gathered.items()]


def _put(columns: _Columns, message: Message, offset: int, shape: Shape | None) -> None:
    columns.next_offset = offset + 1
    key, value, headers = message.key(), message.value(), message.headers()
    timestamp_ms = message.timestamp()[1]
    if (
        shape is not None
        and isinstance(key, bytes)
        and isinstance(value, bytes)
        and len(key) == shape.key_width
        and len(value) == shape.value_width
        and not headers
    ):
        columns.offsets.append(offset)
        columns.timestamps_ms.append(timestamp_ms)
        columns.keys.append(key)
        columns.values.append(value)
        return
    columns.others.append(
        InRecord(
            offset=Offset(offset),
            timestamp_ms=timestamp_ms,
            key=_bytes(key),
            value=_bytes(value),
            headers=_headers(headers),
        )
    )


def _headers(
    headers: Mapping[str, str | bytes | None] | Sequence[Header] | None,
) -> list[tuple[str, bytes]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [(str(name), _bytes(content) or b"") for name, content in pairs]


def _bytes(data: bytes | str | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data


def _batch(place: Place, columns: _Columns, shape: Shape | None) -> Batch:
    topic, partition = place
    if shape is None:
        return RecordBatch(
            topic=topic,
            partition=partition,
            records=columns.others,
            next_offset=Offset(columns.next_offset),
        )
    count = len(columns.offsets)
    return FixedBatch(
        topic=topic,
        partition=partition,
        offsets=np.array(columns.offsets, np.int64),
        timestamps_ms=np.array(columns.timestamps_ms, np.int64),
        keys=np.frombuffer(b"".join(columns.keys), np.uint8).reshape(count, shape.key_width),
        values=np.frombuffer(b"".join(columns.values), np.uint8).reshape(count, shape.value_width),
        next_offset=Offset(columns.next_offset),
        odd=columns.others,
    )

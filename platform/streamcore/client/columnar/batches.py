"""Fetched partitions become batches of the interface: columns where a shape is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamcore.client.api import (
    Batch,
    FixedBatch,
    InRecord,
    LogError,
    Offset,
    RecordBatch,
    Shape,
    TopicName,
)
from streamcore.client.columnar.cluster import Place
from streamcore.record.batch import BatchCorrupt
from streamcore.record.column_reading import FixedRows, read_columns
from streamcore.record.fetched import FetchedBatch, fetched_batches, records_of
from streamcore.record.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a fetch brought for one partition, from the offset that was asked for."""

    place: Place
    from_offset: Offset
    batches: Sequence[FetchedBatch]
    next_offset: Offset


class Unreadable(LogError):
    """Bytes of a partition that are no records."""

    def __init__(self, place: Place, fault: BatchCorrupt) -> None:
        super().__init__(f"{place[0]}/{place[1]}: {fault}", retriable=False)
        self.place = place


def open_partition(place: Place, from_offset: Offset, data: memoryview) -> Arrived | None:
    """Check and open the batches; None where no whole one came. Raises `Unreadable`."""
    try:
        batches, next_offset = fetched_batches(data)
    except BatchCorrupt as fault:
        raise Unreadable(place, fault) from None
    if next_offset is None or next_offset <= from_offset:
        return None  # old batches again: a broker may repeat, we don't (records are dropped)
    return Arrived(
        place=place,
        from_offset=from_offset,
        batches=[batch for batch in batches if batch.next_offset > from_offset],
        next_offset=Offset(next_offset),
    )


def make_batches(
    arrived: Sequence[Arrived], shapes: Mapping[TopicName, Shape | None]
) -> tuple[list[Batch], list[Unreadable]]:
    """Return the batches that could be read, and what could not: one hinders no other."""
    made: list[Batch] = []
    faults: list[Unreadable] = []
    by_shape: dict[Shape, list[Arrived]] = {}
    for each in arrived:
        shape = shapes[each.place[0]]
        if shape is not None:
            by_shape.setdefault(shape, []).append(each)
            continue
        try:
            made.append(_record_batch(each))
        except BatchCorrupt as fault:
            faults.append(Unreadable(each.place, fault))
    for shape, group in by_shape.items():
        try:
            made += _fixed_batches(group, shape)
        except BatchCorrupt:
            _one_by_one(group, shape, made, faults)
    return made, faults


def _one_by_one(
    group: Sequence[Arrived], shape: Shape, made: list[Batch], faults: list[Unreadable]
) -> None:
    for each in group:
        try:
            made += _fixed_batches([each], shape)
        except BatchCorrupt as fault:
            faults.append(Unreadable(each.place, fault))


def _record_batch(arrived: Arrived) -> RecordBatch:
    topic, partition = arrived.place
    return RecordBatch(
        topic=topic,
        partition=partition,
        records=[
            _in_record(record)
            for batch in arrived.batches
            for record in records_of(batch)
            if record.offset >= arrived.from_offset
        ],
        next_offset=arrived.next_offset,
    )


def _fixed_batches(arrived: Sequence[Arrived], shape: Shape) -> list[Batch]:
    rows = read_columns(
        [each.batches for each in arrived],
        key_width=shape.key_width,
        value_width=shape.value_width,
    )
    return [_fixed_batch(each, part) for each, part in zip(arrived, rows, strict=True)]


def _fixed_batch(arrived: Arrived, rows: FixedRows) -> FixedBatch:
    topic, partition = arrived.place
    if arrived.batches and arrived.batches[0].base_offset < arrived.from_offset:
        rows = rows.from_offset(arrived.from_offset)
    return FixedBatch(
        topic=topic,
        partition=partition,
        offsets=rows.offsets,
        timestamps_ms=rows.timestamps_ms,
        keys=rows.keys,
        values=rows.values,
        next_offset=arrived.next_offset,
        odd=[_in_record(record) for record in rows.odd],
    )


def _in_record(record: Record) -> InRecord:
    return InRecord(
        offset=Offset(record.offset),
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=[(name, content or b"") for name, content in record.headers],
    )

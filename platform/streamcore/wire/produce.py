"""Produce (key 0), versions 3 to 11: the broker's half, without copying records.

Topic names stay bytes: they are only looked up and sent back.
"""

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from streamcore.wire.reading import INT32, Malformed, WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 9

# partition, size of its records
PARTITION_HEAD = Struct(">ii")
# partition, error, base offset, log append time, log start offset
PARTITION_REPLY = Struct(">ihqqq")
PARTITION_REPLY_BEFORE_5 = Struct(">ihqq")
NOT_THROTTLED = INT32.pack(0)


class PartitionRecords(NamedTuple):
    """What goes to one partition: a view into the request."""

    partition: int
    records: memoryview | None


class TopicRecords(NamedTuple):
    """What goes to one topic."""

    name: bytes
    partitions: list[PartitionRecords]


class ProduceRequest(NamedTuple):
    """A decoded request. `acks` is 0, 1 or -1 (all in-sync replicas)."""

    transactional_id: str | None
    acks: int
    topics: list[TopicRecords]


class PartitionResult(NamedTuple):
    """What became of one partition's batch. `message` is for a human, None for none."""

    partition: int
    error: int
    base_offset: int
    start_offset: int
    message: str | None


def decode_request(body: memoryview, version: int) -> ProduceRequest:
    """Read a request. Raises `Malformed`."""
    flexible = version >= FLEXIBLE_FROM
    reader = WireReader(body, flexible=flexible)
    transactional_id = reader.nullable_string()
    acks = reader.int16()
    reader.int32()  # the timeout is for replicas, of which there is one
    topics = []
    for _ in range(reader.array_size()):
        name = bytes(reader.span(reader.uvarint() - 1 if flexible else reader.int16()))
        topics.append(TopicRecords(name, _partitions(reader)))
        reader.skip_tags()
    return ProduceRequest(transactional_id, acks, topics)


def _partitions(reader: WireReader) -> list[PartitionRecords]:
    if reader.flexible:
        found = []
        for _ in range(reader.array_size()):
            found.append(PartitionRecords(reader.int32(), reader.nullable_bytes()))
            reader.skip_tags()
        return found
    view = reader.view
    position = reader.position
    found = []
    try:
        (count,) = INT32.unpack_from(view, position)
        position += INT32.size
        for _ in range(count):
            partition, size = PARTITION_HEAD.unpack_from(view, position)
            position += PARTITION_HEAD.size
            records = view[position : position + size] if size >= 0 else None
            found.append(PartitionRecords(partition, records))
            position += max(size, 0)
    except StructError as error:
        raise Malformed("partition of a produce request", position=position) from error
    if position > len(view):
        raise Malformed("records", position=position)
    reader.position = position
    return found


def encode_response(
    results: Sequence[tuple[bytes, Sequence[PartitionResult]]], version: int
) -> bytes:
    """Write the response to a request; `results` are (topic name, its partitions)."""
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    writer.array_size(len(results))
    for name, partitions in results:
        if writer.flexible:
            writer.uvarint(len(name) + 1)
        else:
            writer.int16(len(name))
        writer.raw(name)
        writer.array_size(len(partitions))
        for result in partitions:
            _put_result(writer, result, version)
        writer.end_of_struct()
    writer.raw(NOT_THROTTLED)
    writer.end_of_struct()
    return writer.done()


def _put_result(writer: WireWriter, result: PartitionResult, version: int) -> None:
    partition, error, base_offset, start_offset, message = result
    if version < 5:
        writer.raw(PARTITION_REPLY_BEFORE_5.pack(partition, error, base_offset, -1))
        return
    writer.raw(PARTITION_REPLY.pack(partition, error, base_offset, -1, start_offset))
    if version >= 8:
        writer.array_size(0)
        writer.string(message)
        writer.end_of_struct()

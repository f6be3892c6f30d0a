"""Produce (key 0), versions 3 to 11: the broker's half, without copying records.

Most requests are for one topic: their head is unpacked with one call. Topic names stay
bytes: they are only looked up and sent back.
"""

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import NamedTuple, TypeAlias

from streamcore.wire.reading import INT16, INT32, Malformed, WireReader
from streamcore.wire.writing import NO_TAGS, WireWriter, encode_uvarint

FLEXIBLE_FROM = 9

# transactional id (null), acks, time-out, one topic, length of its name
ONE_TOPIC_HEAD = Struct(">hhiih")
# partition, size of its records
PARTITION_HEAD = Struct(">ii")
# partition, error, base offset, log append time, log start offset
PARTITION_REPLY = Struct(">ihqqq")
PARTITION_REPLY_BEFORE_5 = Struct(">ihqq")
# no errors of single records, no message (and no tagged fields)
NO_ERRORS = INT32.pack(0) + INT16.pack(-1)
NO_ERRORS_COMPACT = b"\x01\x00" + NO_TAGS
NOT_THROTTLED = INT32.pack(0)


# Plain tuples: a named one costs a third of a microsecond, and there is one a batch.
PartitionRecords: TypeAlias = tuple[int, memoryview | None]
"""What goes to one partition: its number, and a view into the request."""

TopicRecords: TypeAlias = tuple[bytes, list[PartitionRecords]]
"""What goes to one topic, by name."""

PartitionResult: TypeAlias = tuple[int, int, int, int, str | None]
"""Partition, error, base offset, log start offset, and a message for a human or None."""


class ProduceRequest(NamedTuple):
    """A decoded request. `acks` is 0, 1 or -1 (all in-sync replicas)."""

    transactional_id: str | None
    acks: int
    topics: list[TopicRecords]


def decode_request(body: memoryview, version: int) -> ProduceRequest:
    """Read a request. Raises `Malformed`."""
    if version < FLEXIBLE_FROM and len(body) >= ONE_TOPIC_HEAD.size:
        null, acks, _, topic_count, name_size = ONE_TOPIC_HEAD.unpack_from(body)
        if null == -1 and topic_count == 1:
            name_end = ONE_TOPIC_HEAD.size + max(name_size, 0)
            name = bytes(body[ONE_TOPIC_HEAD.size : name_end])
            return ProduceRequest(None, acks, [(name, _plain_partitions(body, name_end))])
    return _decode_any(WireReader(body, flexible=version >= FLEXIBLE_FROM))


def _decode_any(reader: WireReader) -> ProduceRequest:
    transactional_id = reader.nullable_string()
    acks = reader.int16()
    reader.int32()  # the time-out is for replicas, of which there is one
    topics = []
    for _ in range(reader.array_size()):
        name_size = reader.uvarint() - 1 if reader.flexible else reader.int16()
        name = bytes(reader.span(name_size))
        topics.append((name, _partitions(reader)))
        reader.skip_tags()
    return ProduceRequest(transactional_id, acks, topics)


def _partitions(reader: WireReader) -> list[PartitionRecords]:
    count = reader.array_size()
    found: list[PartitionRecords] = []
    for _ in range(count):
        found.append((reader.int32(), reader.nullable_bytes()))
        reader.skip_tags()
    return found


def _plain_partitions(view: memoryview, position: int) -> list[PartitionRecords]:
    """`_partitions` of a request that is not flexible, with two calls less a number."""
    found: list[PartitionRecords] = []
    try:
        (count,) = INT32.unpack_from(view, position)
        position += INT32.size
        for _ in range(count):
            partition, size = PARTITION_HEAD.unpack_from(view, position)
            position += PARTITION_HEAD.size
            end = position + size
            if end > len(view):
                raise Malformed(f"{size} bytes of records", position=position)
            if size >= 0:
                found.append((partition, view[position:end]))
                position = end
            else:
                found.append((partition, None))
    except StructError:
        raise Malformed("partition of a produce request", position=position) from None
    return found


def encode_response(
    results: Sequence[tuple[bytes, Sequence[PartitionResult]]], version: int
) -> bytes:
    """Write the response to a request; `results` are (topic name, its partitions)."""
    flexible = version >= FLEXIBLE_FROM
    array_size = _compact_size if flexible else INT32.pack
    name_size = _compact_size if flexible else INT16.pack
    tags = NO_TAGS if flexible else b""
    pieces = [array_size(len(results))]
    for name, partitions in results:
        pieces += (name_size(len(name)), name, array_size(len(partitions)))
        for result in partitions:
            pieces.append(_encoded_result(result, version))
        pieces.append(tags)
    pieces += (NOT_THROTTLED, tags)
    return b"".join(pieces)


def _compact_size(size: int) -> bytes:
    return encode_uvarint(size + 1)


def _encoded_result(result: PartitionResult, version: int) -> bytes:
    partition, error, base_offset, start_offset, message = result
    if version < 5:
        return PARTITION_REPLY_BEFORE_5.pack(partition, error, base_offset, -1)
    numbers = PARTITION_REPLY.pack(partition, error, base_offset, -1, start_offset)
    if version < 8:
        return numbers
    if message is None:
        return numbers + (NO_ERRORS_COMPACT if version >= FLEXIBLE_FROM else NO_ERRORS)
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    writer.raw(numbers)
    writer.array_size(0)  # errors of single records
    writer.string(message)
    writer.end_of_struct()
    return writer.done()

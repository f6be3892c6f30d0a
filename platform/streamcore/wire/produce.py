"""Produce (key 0), versions 3 to 13: the broker's half, without copying records.

Most requests are for one topic: their head is unpacked with one call. What topics are called,
by name and since version 13 by id (KIP-516), stays bytes: it is only looked up and sent back.
"""

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import NamedTuple, TypeAlias

from streamcore.wire.reading import (
    ELEMENTS_MAX,
    INT16,
    INT32,
    Malformed,
    WireReader,
    too_many_elements,
)
from streamcore.wire.writing import NO_TAGS, WireWriter, encode_uvarint

FLEXIBLE_FROM = 9
TOPIC_IDS_FROM = 13
TOPIC_ID_SIZE = 16
# `cut_one_partition` knows no older ones: their answers are of another form.
ONE_PARTITION_FROM = 5

ACKS_NONE = 0
ACKS_LEADER = 1
ACKS_ALL = -1
ACKS = (ACKS_NONE, ACKS_LEADER, ACKS_ALL)
NO_TIMESTAMP = -1

# transactional id (null), acks, time-out, one topic, length of its name
ONE_TOPIC_HEAD = Struct(">hhiih")
COMPACT_ONE_TOPIC_HEAD = Struct(">bhiBB")
# the same with the topic's id, up to the size of the records
ONE_TOPIC_ID_PREFIX = Struct(">bhiB16sBi")
# what follows the name: number of partitions, the first one
COUNT_AND_PARTITION = Struct(">ii")
COMPACT_COUNT_AND_PARTITION = Struct(">Bi")
# Where the name's size is (its last byte: names are short), and how long the rest of what
# lies before the size of the records is. A compact size counts one more.
NAME_SIZE_AT = ONE_TOPIC_HEAD.size - 1
PREFIX_SIZE = ONE_TOPIC_HEAD.size + COUNT_AND_PARTITION.size
COMPACT_NAME_SIZE_AT = COMPACT_ONE_TOPIC_HEAD.size - 1
COMPACT_PREFIX_SIZE = COMPACT_ONE_TOPIC_HEAD.size + COMPACT_COUNT_AND_PARTITION.size - 1
# no tagged fields: of the partition, the topic, the request
COMPACT_END = 3 * NO_TAGS
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
"""What goes to one topic, by its key: its name, from version 13 on the id's bytes."""

RecordErrors: TypeAlias = Sequence[tuple[int, str]]
"""Records that are why a batch is refused (KIP-467): their places in it, and why."""

PartitionResult: TypeAlias = tuple[int, int, int, int, int, str | None, RecordErrors]
"""Partition, error, base offset, log append time, log start offset, a message for a human or
None, and the records at fault."""


class ProduceRequest(NamedTuple):
    """A decoded request. `acks` is 0, 1 or -1 (all in-sync replicas)."""

    transactional_id: str | None
    acks: int
    topics: list[TopicRecords]


class PrefixMeaning(NamedTuple):
    """What the bytes before the records say, where a request is for one partition."""

    acks: int
    topic_key: bytes
    partition: int


def cut_one_partition(body: memoryview, version: int) -> tuple[bytes, memoryview] | None:
    """Cut a request into what lies before its records' size, and the records.

    Right if the request is for one partition and says no more than it must, which
    `read_prefix` finds in the first part, once for all requests that begin alike.
    Everything behind it is checked here. None: the request is not of that form.
    """
    try:
        if version >= FLEXIBLE_FROM:
            if version >= TOPIC_IDS_FROM:
                at = ONE_TOPIC_ID_PREFIX.size
            else:
                at = COMPACT_PREFIX_SIZE + body[COMPACT_NAME_SIZE_AT]
            size, start = _uvarint(body, at)
            size -= 1
            end = len(body) - len(COMPACT_END)
            if body[end:] != COMPACT_END:
                return None
        elif version >= ONE_PARTITION_FROM:
            at = PREFIX_SIZE + body[NAME_SIZE_AT]
            (size,) = INT32.unpack_from(body, at)
            start, end = at + INT32.size, len(body)
        else:
            return None
    except (IndexError, StructError):
        return None
    return (bytes(body[:at]), body[start:end]) if 0 <= size == end - start else None


def _uvarint(body: memoryview, position: int) -> tuple[int, int]:
    """A size of at most four bytes, and where it ends. Raises `IndexError`."""
    size = body[position]
    if size < 0x80:
        return size, position + 1
    size &= 0x7F
    for shift in (7, 14, 21):
        position += 1
        part = body[position]
        size |= (part & 0x7F) << shift
        if part < 0x80:
            return size, position + 1
    raise IndexError


def read_prefix(prefix: bytes, version: int) -> PrefixMeaning | None:
    """Say what a cut-off prefix means; None where it is not of a plain request.

    Plain: no transaction, one topic, one partition, lengths as short as can be.
    """
    if version >= TOPIC_IDS_FROM:
        return _read_id_prefix(prefix)
    compact = version >= FLEXIBLE_FROM
    head = COMPACT_ONE_TOPIC_HEAD if compact else ONE_TOPIC_HEAD
    end = COMPACT_COUNT_AND_PARTITION if compact else COUNT_AND_PARTITION
    null, acks, _, topic_count, name_size = head.unpack_from(prefix)
    name = prefix[head.size : -end.size]
    partition_count, partition = end.unpack(prefix[-end.size :])
    found = (null, topic_count, partition_count, name_size)
    if found != ((0, 2, 2, len(name) + 1) if compact else (-1, 1, 1, len(name))):
        return None
    return PrefixMeaning(acks, name, partition)


def _read_id_prefix(prefix: bytes) -> PrefixMeaning | None:
    null, acks, _, topic_count, topic_id, partition_count, partition = ONE_TOPIC_ID_PREFIX.unpack(
        prefix
    )
    if (null, topic_count, partition_count) != (0, 2, 2):
        return None
    return PrefixMeaning(acks, topic_id, partition)


def reply_around_numbers(meaning: PrefixMeaning, version: int) -> tuple[bytes, bytes]:
    """The answer to a plain request that was kept, before and behind its `PARTITION_REPLY`."""
    partition = meaning.partition
    result = (partition, 0, 0, NO_TIMESTAMP, 0, None, ())
    reply = encode_response([(meaning.topic_key, [result])], version)
    head, _, tail = reply.partition(PARTITION_REPLY.pack(partition, 0, 0, NO_TIMESTAMP, 0))
    return head, tail


def decode_request(body: memoryview, version: int) -> ProduceRequest:
    """Read a request. Raises `Malformed`."""
    if version < FLEXIBLE_FROM and len(body) >= ONE_TOPIC_HEAD.size:
        null, acks, _, topic_count, name_size = ONE_TOPIC_HEAD.unpack_from(body)
        if null == -1 and topic_count == 1:
            name_end = ONE_TOPIC_HEAD.size + max(name_size, 0)
            name = bytes(body[ONE_TOPIC_HEAD.size : name_end])
            return ProduceRequest(None, acks, [(name, _plain_partitions(body, name_end))])
    return _decode_any(WireReader(body, flexible=version >= FLEXIBLE_FROM), version)


def _decode_any(reader: WireReader, version: int) -> ProduceRequest:
    transactional_id = reader.nullable_string()
    acks = reader.int16()
    reader.int32()  # the time-out is for replicas, of which there is one
    topics = []
    elements_left = ELEMENTS_MAX
    for _ in range(reader.array_size()):
        key = bytes(reader.span(_key_size(reader, version)))
        elements_left -= 1
        partitions = _partitions(reader, elements_left)
        elements_left -= len(partitions)
        topics.append((key, partitions))
        reader.skip_tags()
    return ProduceRequest(transactional_id, acks, topics)


def _key_size(reader: WireReader, version: int) -> int:
    if version >= TOPIC_IDS_FROM:
        return TOPIC_ID_SIZE
    return reader.uvarint() - 1 if reader.flexible else reader.int16()


def _partitions(reader: WireReader, elements_left: int) -> list[PartitionRecords]:
    count = reader.array_size()
    if count > elements_left:
        raise too_many_elements(reader.position)
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
        if count > ELEMENTS_MAX:
            raise too_many_elements(position)
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
    """Write the response to a request; `results` are (topic key, its partitions)."""
    flexible = version >= FLEXIBLE_FROM
    array_size = _compact_size if flexible else INT32.pack
    tags = NO_TAGS if flexible else b""
    pieces = [array_size(len(results))]
    for key, partitions in results:
        if version < TOPIC_IDS_FROM:
            pieces.append(_compact_size(len(key)) if flexible else INT16.pack(len(key)))
        pieces += (key, array_size(len(partitions)))
        for result in partitions:
            pieces.append(_encoded_result(result, version))
        pieces.append(tags)
    pieces += (NOT_THROTTLED, tags)
    return b"".join(pieces)


def _compact_size(size: int) -> bytes:
    return encode_uvarint(size + 1)


def _encoded_result(result: PartitionResult, version: int) -> bytes:
    partition, error, base_offset, append_time_ms, start_offset, message, record_errors = result
    if version < 5:
        return PARTITION_REPLY_BEFORE_5.pack(partition, error, base_offset, append_time_ms)
    numbers = PARTITION_REPLY.pack(partition, error, base_offset, append_time_ms, start_offset)
    if version < 8:
        return numbers
    if message is None and not record_errors:
        return numbers + (NO_ERRORS_COMPACT if version >= FLEXIBLE_FROM else NO_ERRORS)
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    writer.raw(numbers)
    writer.array_size(len(record_errors))
    for batch_index, reason in record_errors:
        writer.int32(batch_index)
        writer.string(reason)
        writer.end_of_struct()
    writer.string(message)
    writer.end_of_struct()
    return writer.done()

"""Fetch (key 1), versions 4 to 18: the broker's half. Records are sent as they are held.

Versions 4 to 12 name topics, 13 and later give their ids (KIP-516).
"""

from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import NamedTuple, TypeAlias, cast

from streamcore.wire.reading import ELEMENTS_MAX, INT32, WireReader, too_many_elements
from streamcore.wire.writing import NO_TAGS, WireWriter

FLEXIBLE_FROM = 12
TOPIC_IDS_FROM = 13
TOPIC_ID_SIZE = 16
REPLICA_STATE_FROM = 15
ENDPOINTS_FROM = 16
NO_SESSION = 0
NO_PREFERRED_REPLICA = -1
# Session epochs of a request for all that a client wants (KIP-227): without a session, or to
# begin one. Any other goes on with the session it names.
NO_SESSION_EPOCH = -1
NEW_SESSION_EPOCH = 0

# [replica id,] max wait ms, min bytes, max bytes, isolation level [, session id, session epoch]
REQUEST_HEAD_BEFORE_7 = Struct(">4xiiib")
REQUEST_HEAD_BEFORE_15 = Struct(">4xiiibii")
REQUEST_HEAD = Struct(">iiibii")
READ_COMMITTED = 1
# partition, [leader epoch], fetch offset, [last fetched epoch], [log start], max bytes
PARTITION_BEFORE_5 = Struct(">iqi")
PARTITION_BEFORE_9 = Struct(">iq8xi")
PARTITION_BEFORE_12 = Struct(">iiq8xi")
PARTITION_FLEXIBLE = Struct(">iiq12xi")
PARTITION_UNTAGGED = Struct(">iiq12xix")  # and a zero: no tagged fields, as nearly always

# partition, error, high watermark, last stable offset, log start offset
REPLY_HEAD = Struct(">ihqqq")
REPLY_HEAD_BEFORE_5 = Struct(">ihqq")
NO_EPOCH = -1


# Plain tuples, as there is one a partition: named ones are dearer to make and to read.
WantedPartition: TypeAlias = tuple[int, int, int, int]
"""From where a client wants a partition: its number, the leader epoch that the client knows
(-1: it does not say), the offset, and how many bytes at most."""

FetchedPartition: TypeAlias = tuple[
    int, int, int, int, int, Sequence[bytes | memoryview], int, "Particulars | None"
]
"""What a fetch found in a partition: its number, error, high watermark, last stable offset,
log start offset, the records' pieces, their bytes, and what few partitions have."""


class Particulars(NamedTuple):
    """What is said of few partitions only.

    `aborted`: producer id and first offset of aborted transactions that reach into the
    records. `leader_epoch`: the one in force, told with an error to who knew another.
    """

    aborted: Sequence[tuple[int, int]] = ()
    leader_epoch: int = -1


class LeaderAddress(NamedTuple):
    """The broker that leads, for who has to learn of it (KIP-951)."""

    node_id: int
    host: str
    port: int


class WantedTopic(NamedTuple):
    """What a client wants of one topic. `key` is its name, from version 13 on the id's bytes."""

    key: bytes
    partitions: list[WantedPartition]


class FetchRequest(NamedTuple):
    """A decoded request."""

    max_wait_ms: int
    bytes_min: int
    bytes_max: int
    read_committed: bool
    session_id: int
    session_epoch: int
    topics: list[WantedTopic]
    forgotten: list[tuple[bytes, list[int]]]

    @property
    def is_incremental(self) -> bool:
        """Whether it says only what changed since the last request of its session."""
        return self.session_epoch not in (NO_SESSION_EPOCH, NEW_SESSION_EPOCH)


class FetchedTopic(NamedTuple):
    """What a fetch found in one topic; `key` as it was asked for."""

    key: bytes
    partitions: list[FetchedPartition]


def decode_request(body: memoryview, version: int) -> FetchRequest:
    """Read a request. Raises `Malformed`."""
    reader = WireReader(body, flexible=version >= FLEXIBLE_FROM)
    session_id, session_epoch = NO_SESSION, NO_EPOCH
    if version >= 7:
        head = REQUEST_HEAD_BEFORE_15 if version < REPLICA_STATE_FROM else REQUEST_HEAD
        max_wait_ms, bytes_min, bytes_max, isolation, session_id, session_epoch = head.unpack(
            reader.span(head.size)
        )
    else:
        head = REQUEST_HEAD_BEFORE_7
        max_wait_ms, bytes_min, bytes_max, isolation = head.unpack(reader.span(head.size))
    topics = []
    elements_left = ELEMENTS_MAX
    for _ in range(reader.array_size()):
        key = bytes(reader.span(_key_size(reader, version)))
        elements_left -= 1
        partitions = _wanted(reader, version, elements_left)
        elements_left -= len(partitions)
        topics.append(WantedTopic(key, partitions))
        reader.skip_tags()
    forgotten = _forgotten(reader, version, elements_left) if version >= 7 else []
    return FetchRequest(
        max_wait_ms,
        bytes_min,
        bytes_max,
        isolation == READ_COMMITTED,
        session_id,
        session_epoch,
        topics,
        forgotten,
    )


def _forgotten(
    reader: WireReader, version: int, elements_left: int
) -> list[tuple[bytes, list[int]]]:
    """The partitions that an incremental request no longer wants."""
    found = []
    for _ in range(reader.array_size()):
        key = bytes(reader.span(_key_size(reader, version)))
        count = reader.array_size()
        elements_left -= 1 + count
        if elements_left < 0:
            raise too_many_elements(reader.position)
        rows = INT32.iter_unpack(reader.span(INT32.size * count))
        found.append((key, [number for (number,) in rows]))
        reader.skip_tags()
    return found


def _key_size(reader: WireReader, version: int) -> int:
    if version >= TOPIC_IDS_FROM:
        return TOPIC_ID_SIZE
    return reader.uvarint() - 1 if reader.flexible else reader.int16()


def _wanted(reader: WireReader, version: int, elements_left: int) -> list[WantedPartition]:
    count = reader.array_size()
    if count > elements_left:
        raise too_many_elements(reader.position)
    if version >= FLEXIBLE_FROM:
        return _wanted_flexible(reader, count)
    if version >= 9:
        rows = reader.span(count * PARTITION_BEFORE_12.size)
        return cast(list[WantedPartition], list(PARTITION_BEFORE_12.iter_unpack(rows)))
    layout = PARTITION_BEFORE_9 if version >= 5 else PARTITION_BEFORE_5
    rows = reader.span(count * layout.size)
    return [(number, NO_EPOCH, offset, size) for number, offset, size in layout.iter_unpack(rows)]


def _wanted_flexible(reader: WireReader, count: int) -> list[WantedPartition]:
    start, end = reader.position, reader.position + count * PARTITION_UNTAGGED.size
    if end <= len(reader.view) and not any(
        reader.view[start + PARTITION_FLEXIBLE.size : end : PARTITION_UNTAGGED.size]
    ):
        reader.position = end
        rows = reader.view[start:end]
        return cast(list[WantedPartition], list(PARTITION_UNTAGGED.iter_unpack(rows)))
    return [_wanted_tagged(reader) for _ in range(count)]


def _wanted_tagged(reader: WireReader) -> WantedPartition:
    row = PARTITION_FLEXIBLE.unpack(reader.span(PARTITION_FLEXIBLE.size))
    reader.skip_tags()
    return cast(WantedPartition, row)


def encode_response(
    topics: Sequence[FetchedTopic],
    version: int,
    *,
    read_committed: bool = False,
    error: int = 0,
    session_id: int = NO_SESSION,
    leader: LeaderAddress | None = None,
) -> list[bytes | memoryview]:
    """Return the response as pieces: small ones that we wrote, and records as they are held.

    `leader` is given where some partition's particulars have a leader epoch to tell.
    """
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    pieces: list[bytes | memoryview] = []
    writer.int32(0)  # not throttled
    if version >= 7:
        writer.int16(error)
        writer.int32(session_id)
    writer.array_size(len(topics))
    before_records, no_records = _behind_numbers(version, read_committed)
    for topic in topics:
        if version < TOPIC_IDS_FROM:
            _put_name_size(writer, len(topic.key))
        writer.raw(topic.key)
        writer.array_size(len(topic.partitions))
        for number, fault, end, stable, start, records, size, particulars in topic.partitions:
            if version >= 5:
                writer.written += REPLY_HEAD.pack(number, fault, end, stable, start)
            else:
                writer.written += REPLY_HEAD_BEFORE_5.pack(number, fault, end, stable)
            if particulars is not None:
                _put_particular(writer, pieces, version, particulars, records, size, leader)
            elif size:
                writer.written += before_records
                _put_records(writer, pieces, records, size)
                writer.end_of_struct()
            else:
                writer.written += no_records
        writer.end_of_struct()
    if leader is not None and version >= ENDPOINTS_FROM:
        _put_tag(writer, 0, _encoded_endpoints(leader))
    else:
        writer.end_of_struct()
    pieces.append(writer.done())
    return pieces


def _put_name_size(writer: WireWriter, size: int) -> None:
    if writer.flexible:
        writer.uvarint(size + 1)
    else:
        writer.int16(size)


@cache
def _behind_numbers(version: int, read_committed: bool) -> tuple[bytes, bytes]:
    """What follows a partition's numbers: up to its records' size, and all if it has none."""
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    # Nothing was aborted, nearly always: an empty list for who asks, else null.
    writer.array_size(0 if read_committed else None)
    if version >= 11:
        writer.int32(NO_PREFERRED_REPLICA)
    before_records = writer.done()
    writer.sized_bytes(b"")
    writer.end_of_struct()
    return before_records, writer.done()


def _put_records(
    writer: WireWriter,
    pieces: list[bytes | memoryview],
    records: Sequence[bytes | memoryview],
    size: int,
) -> None:
    """Put what was written so far and the records among the pieces."""
    writer.array_size(size)
    pieces.append(writer.done())
    pieces.extend(records)
    writer.written.clear()


def _put_particular(
    writer: WireWriter,
    pieces: list[bytes | memoryview],
    version: int,
    particulars: Particulars,
    records: Sequence[bytes | memoryview],
    size: int,
    leader: LeaderAddress | None,
) -> None:
    """Put all that follows a partition's numbers, where it is not as usual."""
    writer.array_size(len(particulars.aborted))
    for producer_id, first_offset in particulars.aborted:
        writer.int64(producer_id)
        writer.int64(first_offset)
        writer.end_of_struct()
    if version >= 11:
        writer.int32(NO_PREFERRED_REPLICA)
    _put_records(writer, pieces, records, size)
    if leader is not None and version >= FLEXIBLE_FROM:
        # Leader id and epoch; and no tagged fields of their own.
        leading = INT32.pack(leader.node_id) + INT32.pack(particulars.leader_epoch) + NO_TAGS
        _put_tag(writer, 1, leading)
    else:
        writer.end_of_struct()


def _put_tag(writer: WireWriter, tag: int, content: bytes) -> None:
    """End a structure with one tagged field."""
    for number in (1, tag, len(content)):
        writer.uvarint(number)
    writer.raw(content)


def _encoded_endpoints(leader: LeaderAddress) -> bytes:
    writer = WireWriter(flexible=True)
    writer.array_size(1)
    writer.int32(leader.node_id)
    writer.string(leader.host)
    writer.int32(leader.port)
    writer.string(None)  # its rack
    writer.end_of_struct()
    return writer.done()

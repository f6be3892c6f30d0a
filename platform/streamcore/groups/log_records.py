"""What the coordinator writes to `__consumer_offsets`, in Kafka's own formats.

Keys are of two kinds: a committed offset (key version 1, value version 3) and a group's
members (key version 2, value version 3). A null value forgets the key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

from streamcore.groups.ids import GroupId
from streamcore.groups.offsets import CommittedOffset, TopicPartition
from streamcore.record.places import LeaderEpoch, Offset
from streamcore.wire.cold import (
    BYTES,
    INT16,
    INT32,
    INT64,
    NULLABLE_STRING,
    STRING,
    Message,
    array,
    decode,
    encode,
)
from streamcore.wire.reading import INT16 as INT16_LAYOUT
from streamcore.wire.reading import Malformed

OFFSETS_TOPIC = "__consumer_offsets"


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetKey(Message):
    VERSION: ClassVar[int] = 1
    version: Annotated[int, INT16] = VERSION
    group: Annotated[str, STRING]
    topic: Annotated[str, STRING]
    partition: Annotated[int, INT32]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetValue(Message):
    VERSION: ClassVar[int] = 3
    version: Annotated[int, INT16] = VERSION
    offset: Annotated[int, INT64]
    leader_epoch: Annotated[int, INT32]
    metadata: Annotated[str, STRING]
    commit_timestamp: Annotated[int, INT64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey(Message):
    VERSION: ClassVar[int] = 2
    version: Annotated[int, INT16] = VERSION
    group: Annotated[str, STRING]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValueMember:
    member_id: Annotated[str, STRING]
    group_instance_id: Annotated[str | None, NULLABLE_STRING]
    client_id: Annotated[str, STRING]
    client_host: Annotated[str, STRING]
    rebalance_timeout_ms: Annotated[int, INT32]
    session_timeout_ms: Annotated[int, INT32]
    subscription: Annotated[bytes, BYTES]
    assignment: Annotated[bytes, BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValue(Message):
    """A group as it was when it became stable or empty, at `state_timestamp` (unix ms)."""

    VERSION: ClassVar[int] = 3
    version: Annotated[int, INT16] = VERSION
    protocol_type: Annotated[str, STRING]
    generation: Annotated[int, INT32]
    protocol_name: Annotated[str | None, NULLABLE_STRING]
    leader: Annotated[str | None, NULLABLE_STRING]
    state_timestamp: Annotated[int, INT64]
    members: Annotated[tuple[GroupValueMember, ...], array(GroupValueMember)]


LogKey: TypeAlias = OffsetKey | GroupKey
LogValue: TypeAlias = OffsetValue | GroupValue | None
LogEntry: TypeAlias = tuple[LogKey, LogValue]


def offset_entry(
    group_id: GroupId, place: TopicPartition, committed: CommittedOffset | None
) -> LogEntry:
    """Return what to write for a committed offset; None forgets it."""
    key = OffsetKey(group=group_id, topic=place.topic, partition=place.partition)
    if committed is None:
        return key, None
    return key, OffsetValue(
        offset=committed.offset,
        leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        commit_timestamp=committed.commit_ms,
    )


def tombstones(group_id: GroupId, places: Iterable[TopicPartition]) -> list[LogEntry]:
    """Return what to write so that these offsets of a group are forgotten."""
    return [offset_entry(group_id, place, None) for place in places]


def committed_from(value: OffsetValue, log_offset: Offset) -> CommittedOffset:
    return CommittedOffset(
        offset=Offset(value.offset),
        leader_epoch=LeaderEpoch(value.leader_epoch),
        metadata=value.metadata,
        commit_ms=value.commit_timestamp,
        log_offset=log_offset,
    )


def encode_entry(entry: LogEntry) -> tuple[bytes, bytes | None]:
    """Return key and value as they stand in the log."""
    key, value = entry
    return encode(key, 0), None if value is None else encode(value, 0)


def decode_entry(key: bytes, value: bytes | None) -> LogEntry | None:
    """Read an entry back; None for a kind or a version that others may have written.

    Raises `Malformed` for an entry of ours that does not follow its format.
    """
    kind = _version(key)
    if kind == OffsetKey.VERSION:
        return _decoded(OffsetKey, OffsetValue, key, value)
    if kind == GroupKey.VERSION:
        return _decoded(GroupKey, GroupValue, key, value)
    return None


def _decoded(
    key_class: type[OffsetKey | GroupKey],
    value_class: type[OffsetValue | GroupValue],
    key: bytes,
    value: bytes | None,
) -> LogEntry | None:
    if value is None:
        return decode(key_class, 0, key), None
    if _version(value) != value_class.VERSION:
        return None
    return decode(key_class, 0, key), decode(value_class, 0, value)


def _version(data: bytes) -> int:
    if len(data) < INT16_LAYOUT.size:
        raise Malformed("version of an entry", position=0)
    version: int = INT16_LAYOUT.unpack_from(data)[0]
    return version

"""What a client that knows its way about would put into a request, by the name of the field.

Plausible values lead a request deep into the broker, where the odd one among them then does
its harm. What the broker has told (ids of members, producers, sessions, topics) is used again.
"""

import types
import typing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any, Final, TypeVar

from kio.static.primitive import Interval, i32Timedelta, i64Timedelta

from streamcore.wire.cold import Part
from tests.support.fuzzing.batches import some_batches
from tests.support.made_up import made_up

T = TypeVar("T")

INT_MAX: Final = 2**31 - 1
LONG_MAX: Final = 2**63 - 1

# Mostly right, so that several of them in one request are too.
TOPICS: Final = (
    *("t",) * 12,
    *("compacted", "compacted", "strict", "strict", "new", "__consumer_offsets", "no such", ""),
)
GROUPS: Final = (*("g",) * 12, "other", "", "göteborg")
TRANSACTIONS: Final = (*("tx",) * 12, "other", "")
PARTITIONS: Final = (*(0,) * 15, 1, 1, 2, -1, 7, INT_MAX)
OFFSETS: Final = (*(0,) * 6, 1, 3, 10, -1, -2, LONG_MAX)
TIMEOUTS_MS: Final = (10, 5_000, 10_000, 10_000, 60_000, 60_000, 0, -1, INT_MAX)
CONFIG_VALUES: Final = (
    *("compact", "delete", "compact,delete", "", "zstd", "gzip", "producer", "LogAppendTime"),
    *("0", "1", "-1", "1000", str(INT_MAX), str(LONG_MAX), "true", "0.5", "nan", "x" * 300),
)
CONFIG_NAMES: Final = (
    *("cleanup.policy", "retention.ms", "segment.bytes", "segment.ms", "compression.type"),
    *("message.timestamp.type", "message.timestamp.before.max.ms", "max.message.bytes"),
    *("flush.messages", "flush.ms", "min.cleanable.dirty.ratio", "index.interval.bytes", "none"),
)
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "")

# As long as texts may be, and longer, which only versions with tagged fields can put into words.
LONG: Final = ("x" * 32_767, "\0" * 32_767, "é" * 16_383)
TOO_LONG: Final = ("x" * 32_768, "x" * 70_000)

# Names of fields that mean the same.
SAME: Final = {
    "groups": "group_id",
    "groups_names": "group_id",
    "key": "group_id",
    "coordinator_keys": "group_id",
    "transactional_ids": "transactional_id",
    "topic": "topic_name",
    "topics": "topic_name",
    "topic_names": "topic_name",
    "resource_name": "topic_name",
    "index": "partition",
    "partition_index": "partition",
    "partitions": "partition",
    "partition_indexes": "partition",
    "generation_id_or_member_epoch": "generation_id",
    "member_epoch": "generation_id",
    "producer_id_filters": "producer_id",
    "leader": "member_id",
    "fetch_offset": "offset",
    "committed_offset": "offset",
    "configuration_keys": "config_name",
    "current_leader_epoch": "leader_epoch",
    "last_fetched_epoch": "leader_epoch",
    "committed_leader_epoch": "leader_epoch",
    "max_bytes": "bytes",
    "min_bytes": "bytes",
    "partition_max_bytes": "bytes",
}
PLAUSIBLE: Final[dict[str, Sequence[Any]]] = {
    "topic_name": TOPICS,
    "group_id": GROUPS,
    "transactional_id": TRANSACTIONS,
    "config_name": CONFIG_NAMES,
    "protocol_name": ("range", "range", "range", "roundrobin"),
    "user": ("alice", "bob", ""),
    "partition": PARTITIONS,
    "offset": OFFSETS,
    "value": CONFIG_VALUES,
    "member_id": ("", "", "me"),
    "group_instance_id": ("i", "j"),
    "generation_id": (-1, 0, 1, 2),
    "producer_id": (-1, -1, -1, 0, 1),
    "producer_epoch": (-1, -1, -1, 0, 1, 32767),
    "leader_epoch": (*(-1,) * 8, 0, 1, INT_MAX),
    "protocol_type": (*("consumer",) * 8, "connect", ""),
    "session_id": (0, 0, 0, 5),
    "session_epoch": (-1, -1, -1, 0, 0, 1, 1, 2, INT_MAX),
    "acks": (-1, -1, 1, 1, 0, 2),
    "bytes": (0, 1, 1, 1 << 20, INT_MAX, -1),
    "replica_id": (-1, 1),
    "broker_ids": (1, 1, 1, 2, -1),
    "num_partitions": (-1, 1, 2, 0, INT_MAX),
    "count": (3, 4, 1, -1, INT_MAX),
    "replication_factor": (-1, 1, 1, 3),
    "timestamp": (-1, -2, -3, -4, -5, -6, 0, 1_700_000_000_000, LONG_MAX, -LONG_MAX),
    "config_operation": (0, 0, 1, 2, 3, 9),
    "resource_type": (2, 2, 2, 4, 8, 16, 32, 0),
    "election_type": (0, 1, 2),
    "isolation_level": (0, 1),
    "key_type": (0, 1, 2),
    "verify_only": (False, True),
    "validate_only": (False, False, True),
    "client_software_name": ("fuzz", "fuzz", "!"),
    "client_software_version": ("1.0", ""),
}


# What an answer tells that is asked for in later requests.
REPEATED: Final = frozenset(
    ("producer_id", "producer_epoch", "member_id", "generation_id", "session_id", "topic_id")
)
REMEMBERED: Final = 8


class Vocabulary:
    """Values from a seed, and what was heard lately.

    `taboo` is never repeated: with the id of a topic, a right request may delete it.
    """

    def __init__(self, rng: Random, *, taboo: Sequence[object] = ()) -> None:
        self.rng = rng
        self._taboo = (*taboo, None, -1, "")
        self._heard: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._recalled: dict[str, Any] = {}
        self._long: Sequence[str] = LONG

    def heard(self, answer: Any) -> None:
        """Take note of what an answer tells: a producer's id and its epoch belong together."""
        for part in _parts(answer):
            pairs = ((SAME.get(f.name, f.name), getattr(part, f.name)) for f in fields(part))
            told = {k: v for k, v in pairs if k in REPEATED and v not in self._taboo}
            if told:
                self._heard.append(told)

    def message(self, cls: type[T]) -> T:
        """A message of a class of kio's, or of ours."""
        self._long = (*LONG, *TOO_LONG) if getattr(cls, "__flexible__", True) else LONG
        self._recalled = {}
        for told in self.rng.sample(self._heard, len(self._heard)):
            if self.rng.random() < 0.7 and not self._recalled.keys() & told.keys():
                self._recalled |= told
        made: T = self._value(cls, "", "")
        return made

    def _value(self, hint: Any, name: str, owner: str) -> Any:
        """A value of a hint for the field `name` of the class `owner`."""
        rng = self.rng
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        origin = typing.get_origin(hint)
        if origin in (types.UnionType, typing.Union):
            return None if rng.random() < 0.2 else self._value(inner[0], name, owner)
        if origin is typing.Annotated:
            return self._value(inner[0], name, owner)
        if origin is tuple:
            count = rng.choice((0, 1, 1, 1, 1, 2, 3))
            return tuple([self._value(inner[0], name, owner) for _ in range(count)])
        if hints := structure_hints(hint):
            values = {key: self._value(each, key, hint.__name__) for key, each in hints.items()}
            return hint(**values)
        return self._plain(hint, field_kind(name, owner))

    def _plain(self, hint: type[Any], kind: str) -> Any:
        rng = self.rng
        if kind == "records":
            return hint(some_batches(rng, self._recalled))
        if issubclass(hint, str) and rng.random() < 0.01:
            return hint(rng.choice(self._long))
        if kind in self._recalled and rng.random() < 0.9:
            return _as(hint, self._recalled[kind])
        if issubclass(hint, i32Timedelta | i64Timedelta):
            return hint.parse(timedelta(milliseconds=rng.choice(TIMEOUTS_MS)))
        plausible = PLAUSIBLE.get(kind)
        if plausible is None or rng.random() < 0.05:
            return made_up(hint, rng)
        fitting = [value for value in plausible if fits(hint, value)]
        return _as(hint, rng.choice(fitting)) if fitting else made_up(hint, rng)


@cache
def structure_hints(cls: Any) -> Mapping[str, Any]:
    """The fields of a structure; none of what is no structure."""
    if is_dataclass(cls):
        hints = typing.get_type_hints(cls)
        return {field.name: hints[field.name] for field in fields(cls)}
    if isinstance(cls, type) and issubclass(cls, Part):
        hints = typing.get_type_hints(cls, include_extras=True)
        return {k: h for k, h in hints.items() if typing.get_origin(h) is typing.Annotated}
    return {}


def field_kind(name: str, owner: str) -> str:
    """What a field is about; a plain `name` may be that of a topic or of something in it."""
    name = name.removeprefix("v3_and_below_")
    if name == "name":
        if "Config" in owner:
            return "config_name"
        if "Protocol" in owner:
            return "protocol_name"
        if "Scram" in owner or "Credential" in owner:
            return "user"
        return "topic_name"
    return SAME.get(name, name)


def fits(hint: type[Any], value: Any) -> bool:
    if issubclass(hint, bool):
        return isinstance(value, bool)
    if issubclass(hint, Interval):
        return isinstance(value, int) and hint.__low__ <= value <= hint.__high__
    return issubclass(hint, int if isinstance(value, int) else str)


def _as(hint: type[Any], value: Any) -> Any:
    return hint(value) if issubclass(hint, int | str) and not issubclass(hint, bool) else value


def _parts(value: Any) -> Iterator[Any]:
    """All structures of a message, itself included."""
    if isinstance(value, tuple):
        for each in value:
            yield from _parts(each)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from _parts(getattr(value, field.name))

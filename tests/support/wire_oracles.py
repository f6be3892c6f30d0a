"""Two readings of Kafka's schemas that are not ours: kio's and kafka-python's.

Each reads a message and writes it again; both have to come to the bytes that our codec has.
"""

import importlib
import io
import warnings
from functools import cache
from random import Random
from typing import Any, Final, Literal, TypeAlias

from kio.serial import entity_reader, entity_writer

from streamcore.wire.api_keys import ApiKey
from tests.support.made_up import made_up

with warnings.catch_warnings():
    # It reads its schemas in a way that Python 3.11 and 3.12 only warn about.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.protocol.data_container import DataContainer
    from kafka.protocol.schemas import BaseField, StructField, load_json

Side: TypeAlias = Literal["request", "response"]
SIDES: Final[tuple[Side, ...]] = ("request", "response")


@cache
def kio_class(api: ApiKey, version: int, side: Side) -> type[Any] | None:
    """kio's class of a message; None for a version that kio does not know."""
    name = api.name.lower()
    try:
        module = importlib.import_module(f"kio.schema.{name}.v{version}.{side}")
    except ModuleNotFoundError:
        return None
    wanted = name.replace("_", "") + side
    found: list[type[Any]] = [v for key, v in vars(module).items() if key.lower() == wanted]
    return found[0]


def kio_made_up(api: ApiKey, version: int, side: Side, rng: Random) -> bytes:
    """A message that kio makes up and writes."""
    cls = kio_class(api, version, side)
    assert cls is not None
    return _written(cls, made_up(cls, rng))


def kio_again(api: ApiKey, version: int, side: Side, data: bytes) -> bytes:
    """Have kio read all of a message and write it again."""
    cls = kio_class(api, version, side)
    assert cls is not None
    entity, size = entity_reader(cls)(data, 0)
    assert size == len(data), f"kio leaves {len(data) - size} bytes of {api.name} v{version}"
    return _written(cls, entity)


def _written(cls: type[Any], entity: Any) -> bytes:
    buffer = io.BytesIO()
    entity_writer(cls)(buffer, entity)
    return buffer.getvalue()


_TOPIC_IDS_FROM_6: Final[list[dict[str, Any]]] = [
    {"name": "Name", "versions": "0-5"},
    {"name": "TopicId", "type": "uuid", "versions": "6+", "at": 1},
]
# What Apache Kafka 4.4 has added to messages since kafka-python 3.0.12 took over its schemas.
# kio 0.6.5 is as old. The path leads to the structure that gained the fields.
_NEWER: Final[dict[str, tuple[str, list[str], list[dict[str, Any]]]]] = {
    "ApiVersionsRequest": (
        "0-5",
        [],
        [
            {
                "name": "ClusterId",
                "type": "string",
                "versions": "5+",
                "nullableVersions": "5+",
                "default": "null",
            },
            {"name": "NodeId", "type": "int32", "versions": "5+", "default": "-1"},
        ],
    ),
    "ApiVersionsResponse": ("0-5", [], []),
    "TxnOffsetCommitRequest": ("0-6", ["Topics"], _TOPIC_IDS_FROM_6),
    "TxnOffsetCommitResponse": ("0-6", ["Topics"], _TOPIC_IDS_FROM_6),
    "DeleteGroupsRequest": ("0-3", [], []),
    "DeleteGroupsResponse": (
        "0-3",
        ["Results"],
        [
            {
                "name": "ErrorMessage",
                "type": "string",
                "versions": "3+",
                "nullableVersions": "3+",
                "default": "null",
            }
        ],
    ),
}


@cache
def _kafka_python(name: str) -> tuple[Any, tuple[int, int], tuple[int, int]]:
    """Its structure of a message, the versions that it has, and the flexible ones.

    The structure alone: the classes around it read an ApiVersions answer with an error as
    version 0 whatever was asked, and enter themselves into a registry that clients use.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        schema = load_json(name)
    if name in _NEWER:
        versions, path, fields = _NEWER[name]
        schema["validVersions"] = versions
        grown = schema
        for step in path:
            grown = next(field for field in grown["fields"] if field["name"] == step)
        for field in fields:
            _grow(grown["fields"], dict(field))
    struct = StructField(schema)
    struct.set_data_class(type(name, (DataContainer,), {"_struct": struct}))
    known, flexible = (
        BaseField.parse_versions(schema[key]) for key in ("validVersions", "flexibleVersions")
    )
    return struct, known, flexible


def _grow(fields: list[dict[str, Any]], field: dict[str, Any]) -> None:
    """Change the field of the name, or put a new one in: last, or where `at` says."""
    at = field.pop("at", len(fields))
    for known in fields:
        if known["name"] == field["name"]:
            known.update(field)
            return
    fields.insert(at, field)


def kafka_python_knows(name: str, version: int) -> bool:
    try:
        _, (first, last), _ = _kafka_python(name)
    except FileNotFoundError:
        return False
    return first <= version <= last


def kafka_python_again(name: str, version: int, data: bytes) -> bytes:
    """Have kafka-python read all of a message and write it again."""
    struct, _, flexible = _kafka_python(name)
    is_flexible = flexible[0] <= version <= flexible[1]
    buffer = io.BytesIO(data)
    message = struct.decode(buffer, version=version, compact=is_flexible, tagged=is_flexible)
    assert buffer.tell() == len(data), f"kafka-python leaves bytes of {name} v{version}"
    again: bytes = struct.encode(message, version=version, compact=is_flexible, tagged=is_flexible)
    return again

"""DescribeConfigs (key 32), versions 1 to 4 (KIP-226 sources, KIP-569 types).

Topics and this broker can be described. Not done: documentation texts (null).
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from streamcore.broker.handlers.config_entries import (
    SOURCE_DEFAULT,
    ConfigEntry,
    broker_entries,
    topic_entries,
)
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, known_topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 4
TYPES_FROM = 3
TOPIC_RESOURCE = 2
BROKER_RESOURCE = 4


class Resource(NamedTuple):
    """Whose settings are asked for; `keys` None asks for all."""

    type: int
    name: str
    keys: Collection[str] | None


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    reader = WireReader(body, flexible=request.flexible)
    resources = [_read_resource(reader) for _ in range(reader.array_size())]
    with_synonyms = reader.boolean()
    writer = WireWriter(flexible=request.flexible)
    writer.int32(0)  # not throttled
    writer.array_size(len(resources))
    for resource in resources:
        entries: Sequence[ConfigEntry] = ()
        error, message = ErrorCode.NONE, None
        try:
            entries = _entries(services, resource)
        except AdminRefused as refusal:
            error, message = refusal.error, refusal.message
        writer.int16(error)
        writer.string(message)
        writer.int8(resource.type)
        writer.string(resource.name)
        writer.array_size(len(entries))
        for entry in entries:
            _put_entry(writer, entry, version, with_synonyms=with_synonyms)
        writer.end_of_struct()
    writer.end_of_struct()
    return writer.done()


def _read_resource(reader: WireReader) -> Resource:
    resource_type, name = reader.int8(), reader.string()
    count = reader.nullable_array_size()
    keys = None if count is None else {reader.string() for _ in range(count)}
    reader.skip_tags()
    return Resource(resource_type, name, keys)


def _entries(services: BrokerServices, resource: Resource) -> Sequence[ConfigEntry]:
    if resource.type == TOPIC_RESOURCE:
        return topic_entries(services, known_topic(services, resource.name), resource.keys)
    if resource.type == BROKER_RESOURCE and resource.name in ("", str(services.settings.node_id)):
        return broker_entries(services, resource.keys)
    raise AdminRefused(
        ErrorCode.INVALID_REQUEST,
        f"resource type {resource.type} with name {resource.name!r} has no settings here",
    )


def _put_entry(
    writer: WireWriter, entry: ConfigEntry, version: int, *, with_synonyms: bool
) -> None:
    writer.string(entry.name)
    writer.string(entry.value)
    writer.boolean(entry.read_only)
    writer.int8(entry.source)
    writer.boolean(False)  # none is a secret
    synonyms = []
    if with_synonyms:
        synonyms.append((entry.value, entry.source))
        if entry.own_value is not None:
            synonyms.append((entry.own_value, SOURCE_DEFAULT))
    writer.array_size(len(synonyms))
    for value, source in synonyms:
        writer.string(entry.name)
        writer.string(value)
        writer.int8(source)
        writer.end_of_struct()
    if version >= TYPES_FROM:
        writer.int8(entry.type)
        writer.string(None)  # documentation
    writer.end_of_struct()


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_CONFIGS,
    name="DescribeConfigs",
    min_version=1,
    max_version=4,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
    notes="no documentation texts",
)

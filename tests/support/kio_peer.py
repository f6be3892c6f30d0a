"""kio, generated from Kafka's own schemas, as the other end of a conversation.

Requests are given as plain keyword arguments that mean the same in all versions; what a
version lacks is left out.
"""

import dataclasses
import importlib
import io
import typing
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from kio.serial import entity_reader, entity_writer
from kio.static.primitive import i32Timedelta

from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.simulated_broker import answered, ask

Fields = dict[str, Any]


@cache
def _schema(api: ApiKey, version: int, part: str) -> tuple[Any, type[Any]]:
    name = api.name.lower()
    module = importlib.import_module(f"kio.schema.{name}.v{version}.{part}")
    wanted = name.replace("_", "") + part
    found = [value for key, value in vars(module).items() if key.lower() == wanted]
    return module, found[0]


@cache
def _hints(cls: Callable[..., Any]) -> list[tuple[str, Any, bool]]:
    """Each field's name, what it holds, and whether it has to be given."""
    hints = typing.get_type_hints(cls)
    return [
        (field.name, hints[field.name], field.default is dataclasses.MISSING)
        for field in dataclasses.fields(typing.cast(Any, cls))
    ]


def _built(cls: type[Any], fields: Fields) -> Any:
    values = {}
    for name, hint, is_required in _hints(typing.cast(Callable[..., Any], cls)):
        if name in fields:
            values[name] = _value(hint, fields[name])
        elif is_required:
            values[name] = _value(hint, None)
    return cls(**values)


@cache
def _class_in(hint: Any) -> type[Any] | None:
    return next(
        (
            part
            for part in _parts(hint)
            if isinstance(part, type) and dataclasses.is_dataclass(part)
        ),
        None,
    )


def _value(hint: Any, value: Any) -> Any:
    if hint is i32Timedelta:
        return i32Timedelta.parse(timedelta(milliseconds=value or 0))
    inner = _class_in(hint)
    if inner is not None and isinstance(value, dict):
        return _built(inner, value)
    if inner is not None and isinstance(value, list):
        return tuple(_built(inner, item) for item in value)
    if isinstance(value, list):
        return tuple(value)
    if value is None and isinstance(hint, type) and issubclass(hint, int | str):
        return 0 if issubclass(hint, int) else ""
    if value is None and tuple in (typing.get_origin(hint), hint):
        return ()
    return value


def _parts(hint: Any) -> list[Any]:
    arguments = typing.get_args(hint)
    return [hint] if not arguments else [part for arg in arguments for part in _parts(arg)]


def request_bytes(api: ApiKey, version: int, **fields: Any) -> bytes:
    """The body of a request, as kio writes it."""
    _, cls = _schema(api, version, "request")
    buffer = io.BytesIO()
    entity_writer(cls)(buffer, _built(cls, fields))
    return buffer.getvalue()


def response_of(api: ApiKey, version: int, body: bytes) -> Any:
    """The body of a response, as kio reads it; all of it has to be read."""
    _, cls = _schema(api, version, "response")
    entity, size = entity_reader(cls)(body, 0)
    assert size == len(body), f"{len(body) - size} bytes too many"
    return entity


async def converse(services: BrokerServices, api: ApiKey, version: int, **fields: Any) -> Any:
    """Ask a broker as kio would; return the answer as kio reads it."""
    reply = ask(services, api, version, request_bytes(api, version, **fields))
    return response_of(api, version, await answered(reply))

"""Requests as frames: right ones from the oracles' schemas, and what mutation makes of them."""

import importlib
import io
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import Any, Final

from kio.serial import entity_reader, entity_writer
from kio.serial.errors import InvalidUnicode, OutOfBoundValue

from streamcore.broker.handlers.registry import Handler
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, encode
from tests.support.fuzzing.mutations import mutated
from tests.support.fuzzing.vocabulary import Vocabulary
from tests.support.wire_oracles import Side, kafka_python_again, kio_class

CLIENT_ID: Final = b"fuzz"
SOME_VERSIONS: Final = (-32768, -1, 0, 1, 2, 3, 9, 13, 99, 32767)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One frame. `is_whole`: as long as it says, so that an answer or a hang-up is due.

    `is_known`: its head is right, so that an answer can be read.
    """

    handler: Handler
    version: int
    number: int
    data: bytes
    is_whole: bool = True
    is_known: bool = True


def message_class(handler: Handler, side: Side) -> type[Message]:
    """Our own class of a message, for versions that the oracles do not know."""
    module = importlib.import_module(f"streamcore.wire.messages.{handler.api_key.name.lower()}")
    found: type[Message] = getattr(module, handler.name + side.capitalize())
    return found


def right_body(words: Vocabulary, handler: Handler, version: int) -> bytes:
    """The body of a request that follows the schema."""
    cls = kio_class(handler.api_key, version, "request")
    if cls is None:
        own = words.message(message_class(handler, "request"))
        return encode(own, version)
    buffer = io.BytesIO()
    entity_writer(cls)(buffer, words.message(cls))
    return buffer.getvalue()


def read_answer(case: Case, data: bytes) -> Any | None:
    """The answer to a case as the oracle reads it, all of it; None where it does not know."""
    cls = kio_class(case.handler.api_key, case.version, "response")
    is_api_versions = case.handler.api_key is ApiKey.API_VERSIONS
    if cls is None or (is_api_versions and not 0 <= case.version <= 4):
        return None
    start = case.handler.is_flexible(case.version) and not is_api_versions
    try:
        entity, size = entity_reader(cls)(data, int(start))
    except InvalidUnicode:
        # Where records go by, names of topics are not read, and come back as they came.
        assert case.handler.api_key in (ApiKey.PRODUCE, ApiKey.FETCH)
        return None
    except OutOfBoundValue:
        # kio knows no time before 1970; -1 stands for none.
        content = data[start:]
        name = case.handler.name + "Response"
        assert kafka_python_again(name, case.version, content) == content
        return None
    assert start + size == len(data), f"{len(data) - size} bytes too many"
    return entity


def head(api_key: int, version: int, number: int, *, flexible: bool) -> bytes:
    return pack(">hhih", api_key, version, number, len(CLIENT_ID)) + CLIENT_ID + b"\0" * flexible


def framed(content: bytes) -> bytes:
    return pack(">i", len(content)) + content


def make_case(words: Vocabulary, handler: Handler, version: int, number: int) -> Case:
    """A request to an API, right or with something wrong."""
    rng, key = words.rng, handler.api_key
    body = right_body(words, handler, version)
    start = head(key, version, number, flexible=handler.is_flexible(version))
    way = rng.random()
    if way < 0.3:
        content = start + body
    elif way < 0.75:
        content = start + mutated(rng, body, right_body(words, handler, version))
    elif way < 0.8:
        content = start + rng.randbytes(rng.choice((0, 1, 10, 200)))
    else:
        return _odd_case(rng, handler, version, number, body)
    return Case(handler=handler, version=version, number=number, data=framed(content))


def _odd_case(rng: Random, handler: Handler, version: int, number: int, body: bytes) -> Case:
    flexible = handler.is_flexible(version)
    start = head(handler.api_key, version, number, flexible=flexible)
    way = rng.random()
    is_whole = True
    if way < 0.35:  # of another version than it says
        told = rng.choice(SOME_VERSIONS)
        data = framed(head(handler.api_key, told, number, flexible=flexible) + body)
    elif way < 0.45:
        data = framed(
            head(rng.choice((-1, 4, 27, 68, 999)), version, number, flexible=False) + body
        )
    elif way < 0.8:
        data = framed(mutated(rng, start) + body)
    else:  # longer or shorter than it says
        size = rng.choice((-1, 0, 3, 9, len(start), 1 << 20, 1 << 30, 2**31 - 1, len(start) + 5000))
        data = pack(">i", size) + start + body
        is_whole = False
    return Case(
        handler=handler,
        version=version,
        number=number,
        data=data,
        is_whole=is_whole,
        is_known=False,
    )

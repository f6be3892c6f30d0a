"""Values of a type hint from a seed: what a message could hold, edges included."""

import dataclasses
import types
import typing
import uuid
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from random import Random
from typing import Any

from kio.static.primitive import Interval, i32Timedelta, i64Timedelta

from streamcore.wire.cold import Part

# Names that a test's broker knows are among them, so that requests meet something.
TEXTS = ("", "t", "g", "t", "göteborg", "\N{OLD PERSONAL COMPUTER}\0", "x" * 300)
MS_MAX = 2**31 - 1


def made_up(hint: Any, rng: Random) -> Any:
    """Return a value of a hint of kio's classes or of ours; a field's names are looked at, too,
    where its type alone does not say what it may be."""
    inner = [part for part in typing.get_args(hint) if part is not type(None)]
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return None if rng.random() < 0.25 else made_up(inner[0], rng)
    if typing.get_origin(hint) is typing.Annotated:
        return made_up(inner[0], rng)
    if typing.get_origin(hint) is tuple:
        return tuple(made_up(inner[0], rng) for _ in range(rng.choice((0, 1, 1, 2, 3))))
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{f.name: made_up(hints[f.name], rng) for f in dataclasses.fields(hint)})  # type: ignore[operator]  # a class, not an instance
    if issubclass(hint, Part):
        fields = typing.get_type_hints(hint, include_extras=True).items()
        wanted = {name: h for name, h in fields if typing.get_origin(h) is typing.Annotated}
        return hint(**{name: made_up(h, rng) for name, h in wanted.items()})
    return _primitive(hint, rng)


def _primitive(hint: type[Any], rng: Random) -> Any:
    if issubclass(hint, Interval):
        return rng.choice((hint.__low__, -1, 0, 1, rng.randint(0, 100), hint.__high__))
    if issubclass(hint, IntEnum):
        return rng.choice(list(hint))
    if issubclass(hint, i32Timedelta | i64Timedelta):
        return hint.parse(timedelta(milliseconds=rng.choice((0, 1, 5000, MS_MAX))))
    if issubclass(hint, datetime):
        return datetime.fromtimestamp(rng.randint(0, 2**31), tz=UTC)
    if issubclass(hint, bool):
        return rng.random() < 0.5
    if issubclass(hint, int):
        return rng.randint(0, 100)
    if issubclass(hint, str):
        return rng.choice(TEXTS)
    if issubclass(hint, bytes):
        return hint(rng.randbytes(rng.choice((0, 1, 200))))
    assert issubclass(hint, uuid.UUID), hint
    return uuid.UUID(int=rng.getrandbits(128), version=4)

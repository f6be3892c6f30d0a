"""Requests with very many elements in one place, and as little as can be in all the others."""

import types
import typing
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeAlias

from kio.static.primitive import i32Timedelta, i64Timedelta

from tests.support.fuzzing.vocabulary import PLAUSIBLE, field_kind, fits, structure_hints

Path: TypeAlias = tuple[str, ...]


def array_paths(cls: Any, above: Path = ()) -> Iterator[Path]:
    """Where a message of kio's has arrays: the names of the fields that lead there."""
    for name, hint in structure_hints(cls).items():
        element = _element(hint)
        if element is not None:
            yield (*above, name)
        inner = element or _present(hint)
        if structure_hints(inner):
            yield from array_paths(inner, (*above, name))


def dense_message(cls: Any, path: Path, count: int, *, known: bool) -> Any:
    """A message with `count` elements in the array at `path`, one in each that leads there, and
    none in any other. Its values are empty, or such that the broker knows what they name."""
    values = {
        name: _value(hint, path if path[:1] == (name,) else (), count, known, name, cls.__name__)
        for name, hint in structure_hints(cls).items()
    }
    return cls(**values)


def _value(hint: Any, path: Path, count: int, known: bool, name: str, owner: str) -> Any:
    element = _element(hint)
    if element is not None:
        if not path:
            return ()
        one = _inner(element, path[1:], count, known, name, owner)
        return (one,) * (count if len(path) == 1 else 1)
    return _inner(_present(hint), path[1:], count, known, name, owner)


def _inner(hint: Any, path: Path, count: int, known: bool, name: str, owner: str) -> Any:
    if structure_hints(hint):
        return dense_message(hint, path, count, known=known)
    return _least(hint, field_kind(name, owner) if known else "")


def _least(hint: Any, kind: str) -> Any:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if issubclass(hint, i32Timedelta | i64Timedelta):
        return hint.parse(timedelta(seconds=10))
    if issubclass(hint, uuid.UUID):
        return uuid.UUID(int=0)
    if issubclass(hint, bytes):
        return hint(b"")
    fitting = [value for value in PLAUSIBLE.get(kind, ()) if fits(hint, value)]
    nothing: str | int = "" if issubclass(hint, str) else 0
    return hint(fitting[0] if fitting else nothing)


def _present(hint: Any) -> Any:
    """The hint of a value that is there."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _element(hint: Any) -> Any | None:
    """What an array holds; None for what is no array."""
    hint = _present(hint)
    return typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else None

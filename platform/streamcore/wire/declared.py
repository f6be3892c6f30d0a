"""How rare messages are declared: classes with annotated fields, each with its versions."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import get_annotations
from typing import Any, ClassVar, Final, NoReturn, dataclass_transform, get_type_hints

from streamcore.wire.kinds import Kind

VERSION_MAX: Final = 32767


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a message that carry a field, both ends included."""

    since: int = 0
    until: int = VERSION_MAX

    def __contains__(self, version: int) -> bool:
        return self.since <= version <= self.until


@dataclass(frozen=True, slots=True)
class Tag:
    """The field is a tagged one (KIP-482) of this number: sent where it is not its default."""

    number: int


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Part:
    """A structure inside messages. A subclass declares annotated fields, as a dataclass does.

    Frozen and keyword-only, but no dataclass: those write and compile source text for each
    class, a millisecond apiece, and a broker has fifty of these to declare before it is ready.
    """

    _names: ClassVar[frozenset[str]] = frozenset()
    _needed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        declared = frozenset(get_annotations(cls)) - {"FLEXIBLE_FROM"}
        cls._names = cls._names | declared
        cls._needed = cls._needed | {name for name in declared if name not in cls.__dict__}

    def __init__(self, **values: Any) -> None:
        given = values.keys()
        if not self._needed <= given <= self._names:
            wrong = sorted((self._needed - given) | (given - self._names))
            raise TypeError(f"{type(self).__name__}: missing or unknown: {', '.join(wrong)}")
        # A field that is not given is found on the class: its default.
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in sorted(self._names))
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._names)

    def __hash__(self) -> int:
        return hash(tuple([getattr(self, name) for name in sorted(self._names)]))


class Message(Part):
    """A request or a response.

    Fields that a version lacks need a default: a reader sets it, a writer leaves it out.
    `FLEXIBLE_FROM` is the first version with compact lengths and tagged fields (KIP-482).
    """

    FLEXIBLE_FROM: ClassVar[int] = VERSION_MAX


def declared_fields(of: type[Any]) -> Iterator[tuple[str, Kind, Versions, Tag | None]]:
    """The fields of a class in order of declaration: name, how it travels, when, and as what."""
    for name, hint in get_type_hints(of, include_extras=True).items():
        kind, versions, tag = None, Versions(), None
        for extra in getattr(hint, "__metadata__", ()):
            if isinstance(extra, Versions):
                versions = extra
            elif isinstance(extra, Tag):
                tag = extra
            else:
                kind = extra
        if kind is not None:
            yield name, kind, versions, tag

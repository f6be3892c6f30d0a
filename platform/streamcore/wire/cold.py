"""The codec of rare messages: each is declared once, as annotated fields, for all its versions.

`Annotated` says how a field travels and in which versions; the class is turned into
a list of fields per version on first use. Encoding or decoding costs some microseconds
a message: right for groups and administration, too slow for Produce and Fetch, which
have codecs of their own. Written instead of taken from kio because importing kio costs
a third of a second and 14 MB; the tests use kio as the oracle.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import get_annotations
from typing import (
    Any,
    ClassVar,
    Final,
    NoReturn,
    Protocol,
    TypeVar,
    dataclass_transform,
    get_type_hints,
)

from streamcore.wire.reading import Malformed, WireReader
from streamcore.wire.writing import WireWriter

VERSION_MAX: Final = 32767


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a message that carry a field, both ends included."""

    since: int = 0
    until: int = VERSION_MAX

    def __contains__(self, version: int) -> bool:
        return self.since <= version <= self.until


class Kind(Protocol):
    """How a value travels."""

    def read(self, reader: WireReader, version: int) -> Any: ...
    def write(self, writer: WireWriter, value: Any, version: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Primitive:
    """A value that looks alike in all versions, but for compact lengths."""

    reads: Callable[[WireReader], Any]
    writes: Callable[[WireWriter, Any], None]

    def read(self, reader: WireReader, version: int) -> Any:
        return self.reads(reader)

    def write(self, writer: WireWriter, value: Any, version: int) -> None:
        self.writes(writer, value)


@dataclass(frozen=True, slots=True)
class Array:
    """A counted row of values, read into a tuple; null, where the schema has it, is None."""

    of: Kind

    def read(self, reader: WireReader, version: int) -> Any:
        size = reader.nullable_array_size()
        if size is None:
            return None
        return tuple([self.of.read(reader, version) for _ in range(size)])

    def write(self, writer: WireWriter, value: Any, version: int) -> None:
        writer.array_size(None if value is None else len(value))
        for element in value or ():
            self.of.write(writer, element, version)


@dataclass(frozen=True, slots=True)
class RequiredArray(Array):
    """An array that has no null."""

    def read(self, reader: WireReader, version: int) -> Any:
        start = reader.position
        # Named in full: a class with slots is a copy, which a bare super() does not know.
        value = Array.read(self, reader, version)
        if value is None:
            raise Malformed("array that is not null", position=start)
        return value


@dataclass(frozen=True, slots=True)
class Structure:
    """A message, or a part of one: its fields in order of declaration, then tagged fields."""

    of: type[Any]

    def read(self, reader: WireReader, version: int) -> Any:
        values = {name: kind.read(reader, version) for name, kind in _fields(self.of, version)}
        reader.skip_tags()
        return self.of(**values)

    def write(self, writer: WireWriter, value: Any, version: int) -> None:
        for name, kind in _fields(self.of, version):
            kind.write(writer, getattr(value, name), version)
        writer.end_of_struct()


def _fields(of: type[Any], version: int) -> list[tuple[str, Kind]]:
    fields = _FIELDS.get((of, version))
    if fields is None:
        fields = [
            (name, kind) for name, kind, versions in _declared_fields(of) if version in versions
        ]
        _FIELDS[of, version] = fields
    return fields


# Bounded by what is declared: handlers are not called with versions that they do not list.
_FIELDS: dict[tuple[type[Any], int], list[tuple[str, Kind]]] = {}


def _declared_fields(of: type[Any]) -> Iterator[tuple[str, Kind, Versions]]:
    for name, hint in get_type_hints(of, include_extras=True).items():
        kind, versions = None, Versions()
        for extra in getattr(hint, "__metadata__", ()):
            if isinstance(extra, Versions):
                versions = extra
            else:
                kind = extra
        if kind is not None:
            yield name, kind, versions


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


M = TypeVar("M", bound=Message)


def decode(of: type[M], version: int, body: memoryview | bytes) -> M:
    """Read a whole message. Raises `Malformed` when it is cut short, null where it must not
    be, or longer than its last field. Nothing in the result refers to `body`."""
    reader = WireReader(memoryview(body), flexible=version >= of.FLEXIBLE_FROM)
    message: M = Structure(of).read(reader, version)
    if reader.position != len(reader.view):
        raise Malformed(f"end of {of.__name__} v{version}", position=reader.position)
    return message


def encode(message: Message, version: int) -> bytes:
    """Write a whole message in the form of `version`, without header or size."""
    writer = WireWriter(flexible=version >= message.FLEXIBLE_FROM)
    Structure(type(message)).write(writer, message, version)
    return writer.done()


def _required_bytes(reader: WireReader) -> bytes:
    start = reader.position
    data = reader.nullable_bytes()
    if data is None:
        raise Malformed("bytes that are not null", position=start)
    return bytes(data)


INT8 = Primitive(WireReader.int8, WireWriter.int8)
INT16 = Primitive(WireReader.int16, WireWriter.int16)
INT32 = Primitive(WireReader.int32, WireWriter.int32)
INT64 = Primitive(WireReader.int64, WireWriter.int64)
BOOL = Primitive(WireReader.boolean, WireWriter.boolean)
STRING = Primitive(WireReader.string, WireWriter.string)
NULLABLE_STRING = Primitive(WireReader.nullable_string, WireWriter.string)
UUID16 = Primitive(WireReader.uuid, WireWriter.uuid)
BYTES = Primitive(_required_bytes, WireWriter.sized_bytes)


def array(of: Kind | type[Any], *, nullable: bool = False) -> Array:
    """Return the kind of an array of values, or of structures of the class `of`."""
    element = Structure(of) if isinstance(of, type) else of
    return Array(element) if nullable else RequiredArray(element)

"""The codec of rare messages: each is declared once, as a dataclass, for all its versions.

`Annotated` says how a field travels and in which versions; the class is turned into
a list of fields per version on first use. Encoding or decoding costs some microseconds
a message: right for groups and administration, too slow for Produce and Fetch, which
have codecs of their own. Written instead of taken from kio because importing kio costs
a third of a second and 14 MB; the tests use kio as the oracle.

Flexible versions (KIP-482) use compact lengths and end each structure with tagged
fields: unknown tags are skipped when read, and none are ever written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, ClassVar, Final, Protocol, TypeVar, get_type_hints

VERSION_MAX: Final = 32767
_VARINT_BYTES_MAX: Final = 5
_INT16 = Struct(">h")
_INT32 = Struct(">i")


class MessageMalformed(Exception):
    """The bytes are not a message of the named kind. `position` counts from the body's start."""

    def __init__(self, *, message: str, fault: str, position: int) -> None:
        super().__init__(f"{message}: {fault} at byte {position}")
        self.message = message
        self.fault = fault
        self.position = position


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a message that carry a field, both ends included."""

    since: int = 0
    until: int = VERSION_MAX

    def __contains__(self, version: int) -> bool:
        return self.since <= version <= self.until


class Cursor:
    """A place in a message that is being read. Every read is checked against the end."""

    __slots__ = ("_message", "_view", "flexible", "position", "version")

    def __init__(self, view: memoryview, *, message: str, version: int, flexible: bool) -> None:
        self._view = view
        self._message = message
        self.position = 0
        self.version = version
        self.flexible = flexible

    @property
    def remaining(self) -> int:
        return len(self._view) - self.position

    def malformed(self, fault: str) -> MessageMalformed:
        return MessageMalformed(
            message=f"{self._message} v{self.version}", fault=fault, position=self.position
        )

    def take(self, size: int) -> memoryview:
        if size < 0 or size > self.remaining:
            raise self.malformed(f"{size} bytes wanted, {self.remaining} left")
        start = self.position
        self.position = start + size
        return self._view[start : self.position]

    def fixed(self, layout: Struct) -> Any:
        return layout.unpack(self.take(layout.size))[0]

    def unsigned_varint(self) -> int:
        value = 0
        for index in range(_VARINT_BYTES_MAX):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value
        raise self.malformed("a varint longer than five bytes")

    def length(self, layout: Struct) -> int:
        """Return the length that stands here; -1 is null."""
        size = self.unsigned_varint() - 1 if self.flexible else int(self.fixed(layout))
        if size < -1:
            raise self.malformed(f"length {size}")
        return size

    def skip_tagged_fields(self) -> None:
        if not self.flexible:
            return
        for _ in range(self.unsigned_varint()):
            self.unsigned_varint()
            self.take(self.unsigned_varint())


@dataclass(slots=True)
class Sink:
    """A message that is being written."""

    out: bytearray
    version: int
    flexible: bool

    def unsigned_varint(self, value: int) -> None:
        while value >= 0x80:
            self.out.append(value & 0x7F | 0x80)
            value >>= 7
        self.out.append(value)

    def length(self, layout: Struct, size: int) -> None:
        if self.flexible:
            self.unsigned_varint(size + 1)
        else:
            self.out += layout.pack(size)

    def no_tagged_fields(self) -> None:
        if self.flexible:
            self.out.append(0)


class Kind(Protocol):
    """How a value travels."""

    def read(self, cursor: Cursor) -> Any: ...
    def write(self, sink: Sink, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A number of fixed width, or a flag."""

    layout: Struct

    def read(self, cursor: Cursor) -> Any:
        return cursor.fixed(self.layout)

    def write(self, sink: Sink, value: Any) -> None:
        sink.out += self.layout.pack(value)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes behind their length; `text` is UTF-8. Null is -1, or 0 in compact form."""

    layout: Struct
    text: bool
    nullable: bool

    def read(self, cursor: Cursor) -> Any:
        size = cursor.length(self.layout)
        if size >= 0:
            return self._decoded(cursor, cursor.take(size))
        if not self.nullable:
            raise cursor.malformed("null where a value is demanded")
        return None

    def _decoded(self, cursor: Cursor, data: memoryview) -> str | bytes:
        if not self.text:
            return bytes(data)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise cursor.malformed("text that is not UTF-8") from error

    def write(self, sink: Sink, value: Any) -> None:
        if value is None:
            assert self.nullable, "null in a field that has no null"
            sink.length(self.layout, -1)
            return
        data = value.encode() if self.text else value
        sink.length(self.layout, len(data))
        sink.out += data


@dataclass(frozen=True, slots=True)
class Uuid:
    """Sixteen bytes as they are."""

    def read(self, cursor: Cursor) -> Any:
        return bytes(cursor.take(16))

    def write(self, sink: Sink, value: Any) -> None:
        assert len(value) == 16
        sink.out += value


@dataclass(frozen=True, slots=True)
class Array:
    """A counted row of values, read into a tuple."""

    of: Kind
    nullable: bool

    def read(self, cursor: Cursor) -> Any:
        count = cursor.length(_INT32)
        if count < 0:
            if not self.nullable:
                raise cursor.malformed("null where an array is demanded")
            return None
        if count > cursor.remaining:  # an element takes a byte at least: refuse before building
            raise cursor.malformed(f"{count} elements in {cursor.remaining} bytes")
        return tuple([self.of.read(cursor) for _ in range(count)])

    def write(self, sink: Sink, value: Any) -> None:
        if value is None:
            assert self.nullable, "null in an array that has no null"
            sink.length(_INT32, -1)
            return
        sink.length(_INT32, len(value))
        for element in value:
            self.of.write(sink, element)


@dataclass(frozen=True, slots=True)
class Structure:
    """A message, or a part of one: its fields in order of declaration, then tagged fields."""

    of: type[Any]

    def read(self, cursor: Cursor) -> Any:
        values = {name: kind.read(cursor) for name, kind in _fields(self.of, cursor.version)}
        cursor.skip_tagged_fields()
        return self.of(**values)

    def write(self, sink: Sink, value: Any) -> None:
        for name, kind in _fields(self.of, sink.version):
            kind.write(sink, getattr(value, name))
        sink.no_tagged_fields()


def _fields(of: type[Any], version: int) -> list[tuple[str, Kind]]:
    fields = _FIELDS.get((of, version))
    if fields is None:
        fields = [
            (name, kind) for name, kind, versions in _declared_fields(of) if version in versions
        ]
        _FIELDS[of, version] = fields
    return fields


# Bounded by what is declared: handlers refuse versions that they do not list.
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


class Message:
    """A request or a response. Subclasses are frozen dataclasses of annotated fields.

    Fields that a version lacks need a default: a reader sets it, a writer leaves it out.
    """

    __slots__ = ()
    FLEXIBLE_FROM: ClassVar[int] = VERSION_MAX


M = TypeVar("M", bound=Message)


def decode(of: type[M], version: int, body: memoryview | bytes) -> M:
    """Read a whole message. Raises `MessageMalformed` when it is cut short, null where it must
    not be, or longer than its last field."""
    flexible = version >= of.FLEXIBLE_FROM
    cursor = Cursor(memoryview(body), message=of.__name__, version=version, flexible=flexible)
    message: M = Structure(of).read(cursor)
    if cursor.remaining:
        raise cursor.malformed(f"{cursor.remaining} bytes too many")
    return message


def encode(message: Message, version: int) -> bytes:
    """Write a whole message in the form of `version`, without header or size."""
    sink = Sink(out=bytearray(), version=version, flexible=version >= message.FLEXIBLE_FROM)
    Structure(type(message)).write(sink, message)
    return bytes(sink.out)


INT8 = Fixed(Struct(">b"))
INT16 = Fixed(_INT16)
INT32 = Fixed(_INT32)
INT64 = Fixed(Struct(">q"))
BOOL = Fixed(Struct(">?"))
UUID = Uuid()
STRING = Blob(_INT16, text=True, nullable=False)
NULLABLE_STRING = Blob(_INT16, text=True, nullable=True)
BYTES = Blob(_INT32, text=False, nullable=False)


def array(of: Kind | type[Any], *, nullable: bool = False) -> Array:
    """Return the kind of an array of values, or of structures of the class `of`."""
    return Array(Structure(of) if isinstance(of, type) else of, nullable)

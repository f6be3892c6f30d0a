"""How single values travel in rare messages: numbers, texts, rows; version by version."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from streamcore.wire.reading import ELEMENTS_MAX, Malformed, WireReader, too_many_elements
from streamcore.wire.writing import WireWriter

# Characters of an error's message.
ERROR_MESSAGE_MAX: Final = 1_000


class ColdReader(WireReader):
    """A reader that knows how many elements its message may still have."""

    __slots__ = ("elements_left",)

    def __init__(self, view: memoryview, *, flexible: bool) -> None:
        super().__init__(view, flexible=flexible)
        self.elements_left = ELEMENTS_MAX

    def take_elements(self, count: int) -> None:
        self.elements_left -= count
        if self.elements_left < 0:
            raise too_many_elements(self.position)


class ColdWriter(WireWriter):
    """A writer that knows whether it has written an error code."""

    __slots__ = ("has_errors",)

    def __init__(self, *, flexible: bool) -> None:
        super().__init__(flexible=flexible)
        self.has_errors = False


class Codec(NamedTuple):
    """How a value travels in one version."""

    read: Callable[[ColdReader], Any]
    write: Callable[[ColdWriter, Any], None]


class Kind(Protocol):
    """How a value travels, version by version."""

    def at(self, version: int) -> Codec: ...


@dataclass(frozen=True, slots=True)
class Primitive:
    """A value that looks alike in all versions, but for compact lengths."""

    reads: Callable[[ColdReader], Any]
    writes: Callable[[ColdWriter, Any], None]

    def at(self, version: int) -> Codec:
        return Codec(self.reads, self.writes)


@dataclass(frozen=True, slots=True)
class NullableSince:
    """A value that older versions require and newer ones may leave null."""

    required: Kind
    nullable: Kind
    since: int

    def at(self, version: int) -> Codec:
        return (self.nullable if version >= self.since else self.required).at(version)


@dataclass(frozen=True, slots=True)
class Array:
    """A counted row of values, read into a tuple; a null one is None."""

    of: Kind

    def at(self, version: int) -> Codec:
        read_one, write_one = self.of.at(version)

        def read(reader: ColdReader) -> Any:
            size = reader.nullable_array_size()
            if size is None:
                return None
            reader.take_elements(size)
            return tuple([read_one(reader) for _ in range(size)])

        def write(writer: ColdWriter, value: Any) -> None:
            writer.array_size(None if value is None else len(value))
            for element in value or ():
                write_one(writer, element)

        return Codec(read, write)


@dataclass(frozen=True, slots=True)
class Required:
    """A value that may not be null, of a kind that could be. `what` names it in a refusal."""

    of: Kind
    what: str

    def at(self, version: int) -> Codec:
        read_nullable, write_nullable = self.of.at(version)

        def read(reader: ColdReader) -> Any:
            start = reader.position
            value = read_nullable(reader)
            if value is None:
                raise Malformed(f"{self.what} that is not null", position=start)
            return value

        def write(writer: ColdWriter, value: Any) -> None:
            assert value is not None, f"no version written here has null for this {self.what}"
            write_nullable(writer, value)

        return Codec(read, write)


def _nullable_bytes(reader: ColdReader) -> bytes | None:
    data = reader.nullable_bytes()
    return None if data is None else bytes(data)


def _required_text(writer: WireWriter, text: str) -> None:
    assert text is not None, "no version written here has null for this string"
    writer.string(text)


def _noted_error(writer: ColdWriter, error: int) -> None:
    writer.int16(error)
    if error:
        writer.has_errors = True


def _clipped_text(writer: WireWriter, text: str | None) -> None:
    writer.string(None if text is None else text[:ERROR_MESSAGE_MAX])


INT8 = Primitive(WireReader.int8, WireWriter.int8)
INT16 = Primitive(WireReader.int16, WireWriter.int16)
INT32 = Primitive(WireReader.int32, WireWriter.int32)
INT64 = Primitive(WireReader.int64, WireWriter.int64)
BOOL = Primitive(WireReader.boolean, WireWriter.boolean)
ERROR_CODE = Primitive(WireReader.int16, _noted_error)
# It may repeat what the client has sent, in more characters than the client has sent it.
ERROR_MESSAGE = Primitive(WireReader.nullable_string, _clipped_text)
UUID16 = Primitive(WireReader.uuid, WireWriter.uuid)
STRING = Primitive(WireReader.string, _required_text)
NULLABLE_STRING = Primitive(WireReader.nullable_string, WireWriter.string)
_TEXT_OR_EMPTY = Primitive(WireReader.string, lambda writer, text: writer.string(text or ""))
BYTES = Required(Primitive(_nullable_bytes, WireWriter.sized_bytes), "bytes")


def nullable_string(*, since: int, empty_before: bool = False) -> Kind:
    """Return the kind of a string that may be null since a version.

    With `empty_before` a null is written to older versions as the empty text.
    """
    return NullableSince(_TEXT_OR_EMPTY if empty_before else STRING, NULLABLE_STRING, since)

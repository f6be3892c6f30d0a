"""The codec of rare messages: each is declared once, as annotated fields, for all its versions.

`Annotated` says how a field travels and in which versions; class and version are turned
into a reader and a writer on first use. Encoding or decoding costs some microseconds
a message: right for groups and administration, too slow for Produce and Fetch, which
have codecs of their own. Written instead of taken from kio because importing kio costs
a third of a second and 14 MB; the tests use kio as the oracle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from streamcore.wire.declared import Message, Part, Tag, Versions, declared_fields
from streamcore.wire.errors_within import AnswerWithErrors, errors_within
from streamcore.wire.kinds import (
    BOOL,
    BYTES,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT16,
    INT32,
    INT64,
    NULLABLE_STRING,
    STRING,
    UUID16,
    Array,
    Codec,
    ColdReader,
    ColdWriter,
    Kind,
    NullableSince,
    Required,
    nullable_string,
)
from streamcore.wire.reading import ELEMENTS_MAX, Malformed

# What a module of messages needs is imported from here.
__all__ = [
    "BOOL",
    "BYTES",
    "ELEMENTS_MAX",
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "NULLABLE_STRING",
    "STRING",
    "UUID16",
    "Message",
    "Part",
    "Structure",
    "Tag",
    "Versions",
    "array",
    "decode",
    "encode",
    "nullable",
    "nullable_string",
]

NULL_STRUCTURE: Final = -1


@dataclass(frozen=True, slots=True)
class Structure:
    """A message, or a part of one: its fields in order of declaration, then tagged fields."""

    of: type[Any]

    def at(self, version: int) -> Codec:
        codec = _CODECS.get((self.of, version))
        if codec is None:
            codec = _CODECS[self.of, version] = _structure_codec(self.of, version)
        return codec


@dataclass(frozen=True, slots=True)
class NullableStructure:
    """A part with a byte before it that says whether it is there."""

    of: type[Any]

    def at(self, version: int) -> Codec:
        read_part, write_part = Structure(self.of).at(version)

        def read(reader: ColdReader) -> Any:
            return None if reader.int8() < 0 else read_part(reader)

        def write(writer: ColdWriter, value: Any) -> None:
            writer.int8(NULL_STRUCTURE if value is None else 1)
            if value is not None:
                write_part(writer, value)

        return Codec(read, write)


# Bounded by what is declared: handlers are not called with versions that they do not list.
_CODECS: dict[tuple[type[Any], int], Codec] = {}


class _TaggedField(NamedTuple):
    tag: int
    name: str
    codec: Codec


def _structure_codec(of: type[Any], version: int) -> Codec:
    fields, tagged = _fields(of, version)
    readers = [(name, codec.read) for name, codec in fields]
    writers = [(name, codec.write) for name, codec in fields]
    tagged_readers = {field.tag: (field.name, field.codec.read) for field in tagged}
    make = _maker(of)

    def read(reader: ColdReader) -> Any:
        values = {name: read_field(reader) for name, read_field in readers}
        if tagged_readers:
            _read_tagged(reader, tagged_readers, values)
        else:
            reader.skip_tags()
        return make(values)

    def write(writer: ColdWriter, value: Any) -> None:
        for name, write_field in writers:
            write_field(writer, getattr(value, name))
        if tagged:
            _write_tagged(writer, tagged, value)
        else:
            writer.end_of_struct()

    return Codec(read, write)


def _fields(of: type[Any], version: int) -> tuple[list[tuple[str, Codec]], list[_TaggedField]]:
    fields: list[tuple[str, Codec]] = []
    tagged: list[_TaggedField] = []
    for name, kind, versions, tag in declared_fields(of):
        if version not in versions:
            assert hasattr(of, name), f"{of.__name__}.{name} needs a default for v{version}"
        elif tag is None:
            fields.append((name, kind.at(version)))
        else:
            tagged.append(_TaggedField(tag.number, name, kind.at(version)))
    return fields, sorted(tagged)


def _maker(of: type[Any]) -> Callable[[dict[str, Any]], Any]:
    """Parts are made without the check of names that everybody else's values need."""
    if not issubclass(of, Part) or "__slots__" in of.__dict__:
        return lambda values: of(**values)
    new, put = of.__new__, object.__setattr__

    def make(values: dict[str, Any]) -> Any:
        part = new(of)
        put(part, "__dict__", values)
        return part

    return make


def _read_tagged(
    reader: ColdReader,
    known: dict[int, tuple[str, Callable[[ColdReader], Any]]],
    values: dict[str, Any],
) -> None:
    """Read the tagged fields that are known, and pass over those of newer peers."""
    for _ in range(reader.uvarint()):
        tag, size = reader.uvarint(), reader.uvarint()
        start = reader.position
        reader.span(size)
        if tag in known:
            name, read_field = known[tag]
            reader.position = start
            values[name] = read_field(reader)
            if reader.position != start + size:
                raise Malformed(f"{name} of {size} bytes", position=start)


def _write_tagged(writer: ColdWriter, tagged: list[_TaggedField], value: Any) -> None:
    present: list[tuple[int, bytes]] = []
    for tag, name, codec in tagged:
        field = getattr(value, name)
        if field != getattr(type(value), name):
            content = ColdWriter(flexible=True)
            codec.write(content, field)
            writer.has_errors |= content.has_errors
            present.append((tag, content.done()))
    writer.uvarint(len(present))
    for tag, data in present:
        writer.uvarint(tag)
        writer.uvarint(len(data))
        writer.raw(data)


M = TypeVar("M", bound=Message)


def decode(of: type[M], version: int, body: memoryview | bytes) -> M:
    """Read a whole message. Raises `Malformed` when it is cut short, or null where it must not
    be. Bytes behind the last field are passed over, as by Kafka: librdkafka 2.16 sends one with
    Metadata 13. Nothing in the result refers to `body`."""
    reader = ColdReader(memoryview(body), flexible=version >= of.FLEXIBLE_FROM)
    message: M = Structure(of).at(version).read(reader)
    return message


def encode(message: Message, version: int, *, about: Message | None = None) -> bytes:
    """Write a whole message in the form of `version`, without header or size.

    An answer with error codes in it comes with a summary of them, for the journal: `about` is
    the request, where the answer does not say what it is about.
    """
    writer = ColdWriter(flexible=version >= message.FLEXIBLE_FROM)
    Structure(type(message)).at(version).write(writer, message)
    if writer.has_errors:
        return AnswerWithErrors(writer.done(), errors_within(message, about))
    return writer.done()


def array(
    of: Kind | type[Any], *, nullable: bool = False, nullable_since: int | None = None
) -> Kind:
    """Return the kind of an array of values, or of structures of the class `of`."""
    row = Array(Structure(of) if isinstance(of, type) else of)
    if nullable:
        return row
    required = Required(row, "array")
    return required if nullable_since is None else NullableSince(required, row, nullable_since)


def nullable(of: type[Any]) -> Kind:
    """Return the kind of a structure that may be missing."""
    return NullableStructure(of)

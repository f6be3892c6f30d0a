"""Reads the primitive types of the Kafka protocol from a request or a response.

One reader serves both encodings of a schema: with `flexible` (KIP-482) strings,
bytes and arrays have a varint length of n + 1, and structures end in tagged fields.
"""

from struct import Struct
from uuid import UUID

INT8 = Struct(">b")
INT16 = Struct(">h")
INT32 = Struct(">i")
INT64 = Struct(">q")
FLOAT64 = Struct(">d")

# Elements of all arrays of one message together. An element may take one byte of a request
# but a hundred times that in memory, so the size of the request alone is no bound.
ELEMENTS_MAX = 200_000

# Bytes of a text: what its length can say in versions without tagged fields holds in all, as in
# Kafka, for what comes in one may go out in the other.
TEXT_BYTES_MAX = 32_767

# A schema's uvarint has at most 32 bits, hence at most five bytes.
UVARINT_SHIFTS = (0, 7, 14, 21, 28)


class Malformed(Exception):
    """The bytes do not follow the schema. Says what was expected and where."""

    def __init__(self, expected: str, *, position: int) -> None:
        super().__init__(f"{expected} at byte {position}")
        self.expected = expected
        self.position = position


def too_many_elements(position: int) -> Malformed:
    return Malformed(f"at most {ELEMENTS_MAX} elements", position=position)


class WireReader:
    """A cursor over one message. Raises `Malformed` instead of reading past the end."""

    __slots__ = ("flexible", "position", "view")

    def __init__(self, view: memoryview, *, flexible: bool, position: int = 0) -> None:
        self.view = view
        self.flexible = flexible
        self.position = position

    def _number(self, layout: Struct) -> int:
        position = self.position
        if position + layout.size > len(self.view):
            raise Malformed(f"{layout.size}-byte number", position=position)
        self.position = position + layout.size
        value: int = layout.unpack_from(self.view, position)[0]
        return value

    def int8(self) -> int:
        return self._number(INT8)

    def int16(self) -> int:
        return self._number(INT16)

    def int32(self) -> int:
        return self._number(INT32)

    def int64(self) -> int:
        return self._number(INT64)

    def boolean(self) -> bool:
        return self._number(INT8) != 0

    def uvarint(self) -> int:
        view, position = self.view, self.position
        value = 0
        try:
            for shift in UVARINT_SHIFTS:
                part = view[position]
                position += 1
                value |= (part & 0x7F) << shift
                if part < 0x80:
                    self.position = position
                    return value
        except IndexError:
            raise Malformed("varint", position=self.position) from None
        raise Malformed("varint of at most five bytes", position=self.position)

    def span(self, size: int) -> memoryview:
        """Return the next `size` bytes without copying: valid as long as the message is."""
        end = self.position + size
        if size < 0 or end > len(self.view):
            raise Malformed(f"{size} bytes", position=self.position)
        part = self.view[self.position : end]
        self.position = end
        return part

    def uuid(self) -> UUID:
        return UUID(bytes=bytes(self.span(16)))

    def _text(self, size: int) -> str:
        start = self.position
        if size > TEXT_BYTES_MAX:
            raise Malformed(f"at most {TEXT_BYTES_MAX} bytes of text", position=start)
        try:
            return str(self.span(size), "utf-8")
        except UnicodeDecodeError:
            raise Malformed("UTF-8 text", position=start) from None

    def nullable_string(self) -> str | None:
        size = self.uvarint() - 1 if self.flexible else self.int16()
        return None if size == -1 else self._text(size)

    def string(self) -> str:
        text = self.nullable_string()
        if text is None:
            raise Malformed("string that is not null", position=self.position)
        return text

    def nullable_bytes(self) -> memoryview | None:
        size = self.uvarint() - 1 if self.flexible else self.int32()
        return None if size == -1 else self.span(size)

    def nullable_array_size(self) -> int | None:
        size = self.uvarint() - 1 if self.flexible else self.int32()
        if size > len(self.view) - self.position:
            # Every element takes a byte at least; a larger number would only waste memory.
            raise Malformed(f"array of {size}", position=self.position)
        return None if size < 0 else size

    def array_size(self) -> int:
        """Return the number of elements that follow; null counts as none."""
        return self.nullable_array_size() or 0

    def skip_tags(self) -> None:
        """Skip the tagged fields of a structure; nothing to skip where the schema has none."""
        if not self.flexible:
            return
        position = self.position
        if position < len(self.view) and self.view[position] == 0:
            self.position = position + 1  # by far the usual: no tagged field
            return
        for _ in range(self.uvarint()):
            self.uvarint()
            self.span(self.uvarint())

"""Writes the primitive types of the Kafka protocol; the counterpart of `reading`."""

from uuid import UUID

from streamcore.wire.reading import FLOAT64, INT8, INT16, INT32, INT64

NO_TAGS = b"\x00"


def encode_uvarint(value: int) -> bytes:
    """Encode an unsigned number, seven bits a byte, lowest first."""
    if value < 0x80:
        return bytes((value,))
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


class WireWriter:
    """Collects one message. `flexible` (KIP-482) chooses compact lengths and tagged fields."""

    __slots__ = ("flexible", "written")

    def __init__(self, *, flexible: bool) -> None:
        self.flexible = flexible
        self.written = bytearray()

    def int8(self, value: int) -> None:
        self.written += INT8.pack(value)

    def int16(self, value: int) -> None:
        self.written += INT16.pack(value)

    def int32(self, value: int) -> None:
        self.written += INT32.pack(value)

    def int64(self, value: int) -> None:
        self.written += INT64.pack(value)

    def float64(self, value: float) -> None:
        self.written += FLOAT64.pack(value)

    def boolean(self, value: bool) -> None:
        self.written.append(value)

    def uvarint(self, value: int) -> None:
        self.written += encode_uvarint(value)

    def raw(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def uuid(self, value: UUID) -> None:
        self.written += value.bytes

    def string(self, text: str | None) -> None:
        """Write text, or null where the schema's field is nullable."""
        data = None if text is None else text.encode()
        if self.flexible:
            self.uvarint(0 if data is None else len(data) + 1)
        else:
            self.int16(-1 if data is None else len(data))
        self.written += data or b""

    def sized_bytes(self, data: bytes | bytearray | memoryview | None) -> None:
        self.array_size(None if data is None else len(data))
        self.written += data or b""

    def array_size(self, size: int | None) -> None:
        """Write how many elements follow; None is the null array."""
        if self.flexible:
            self.uvarint(0 if size is None else size + 1)
        else:
            self.int32(-1 if size is None else size)

    def end_of_struct(self) -> None:
        """Close a structure that has no tagged field to send."""
        if self.flexible:
            self.written += NO_TAGS

    def done(self) -> bytes:
        return bytes(self.written)

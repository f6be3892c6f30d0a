"""What is written is read again, and short or wrong bytes are named, not passed over."""

import uuid

import pytest

from streamcore.wire.reading import Malformed, WireReader
from streamcore.wire.writing import WireWriter, encode_uvarint


@pytest.mark.parametrize("flexible", [False, True])
def test_every_primitive_survives_the_way_there_and_back(flexible: bool) -> None:
    writer = WireWriter(flexible=flexible)
    some_id = uuid.UUID(int=77)
    writer.int8(-3)
    writer.int16(-300)
    writer.int32(1 << 30)
    writer.int64(-(1 << 40))
    writer.boolean(True)
    writer.string("Göteborg")
    writer.string(None)
    writer.sized_bytes(b"abc" * 100)
    writer.sized_bytes(None)
    writer.array_size(3)
    writer.array_size(None)
    writer.uuid(some_id)
    writer.end_of_struct()

    reader = WireReader(memoryview(writer.done() + b"rest"), flexible=flexible)
    assert (reader.int8(), reader.int16(), reader.int32(), reader.int64()) == (
        -3,
        -300,
        1 << 30,
        -(1 << 40),
    )
    assert reader.boolean() is True
    assert reader.string() == "Göteborg"
    assert reader.nullable_string() is None
    assert bytes(reader.nullable_bytes() or b"") == b"abc" * 100
    assert reader.nullable_bytes() is None
    assert reader.array_size() == 3
    assert reader.nullable_array_size() is None
    assert reader.uuid() == some_id
    reader.skip_tags()
    assert bytes(reader.span(4)) == b"rest"


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, (1 << 28) - 1, (1 << 32) - 1])
def test_varints_of_every_width_are_read(value: int) -> None:
    reader = WireReader(memoryview(encode_uvarint(value)), flexible=True)
    assert reader.uvarint() == value


def test_tagged_fields_of_a_newer_peer_are_skipped() -> None:
    reader = WireReader(memoryview(b"\x02\x00\x03abc\x05\x01x!"), flexible=True)
    reader.skip_tags()
    assert bytes(reader.span(1)) == b"!"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff\xff\xff",  # a varint without end
        b"\x7fabc",  # a string longer than what is there
        b"\x00",  # null where null may not be
        b"\x03\xff\xfe",  # not UTF-8
    ],
)
def test_a_bad_string_is_named_with_its_position(data: bytes) -> None:
    with pytest.raises(Malformed, match="at byte"):
        WireReader(memoryview(data), flexible=True).string()


def test_an_array_larger_than_the_message_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(Malformed, match="array of 2000000000"):
        WireReader(memoryview((2_000_000_000).to_bytes(4)), flexible=False).array_size()


def test_a_number_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Malformed, match="4-byte number at byte 0"):
        WireReader(memoryview(b"\x00\x01"), flexible=False).int32()

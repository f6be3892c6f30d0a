"""The cold codec itself: what it refuses, what it passes over. Its messages have oracles of
their own (`tests/property/test_wire_oracles.py`)."""

from typing import Annotated, ClassVar

import pytest

from streamcore.wire.cold import (
    ELEMENTS_MAX,
    INT8,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Tag,
    Versions,
    array,
    decode,
    encode,
    nullable,
    nullable_string,
)
from streamcore.wire.messages.delete_groups import DeleteGroupsRequest
from streamcore.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from streamcore.wire.reading import Malformed


class Place(Part):
    name: Annotated[str, STRING]


class Letter(Message):
    """Has one field of each kind that is not everywhere."""

    FLEXIBLE_FROM: ClassVar[int] = 2
    sender: Annotated[str | None, nullable_string(since=1)] = ""
    lines: Annotated[tuple[str, ...] | None, array(STRING, nullable_since=1)] = ()
    place: Annotated[Place | None, nullable(Place), Versions(since=1)] = None
    weight: Annotated[int, INT32, Versions(since=2), Tag(5)] = 0
    note: Annotated[str | None, NULLABLE_STRING, Versions(since=3), Tag(1)] = None


def test_a_part_is_made_whole_and_stays_as_it_is() -> None:
    part = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
    assert part == HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
    assert part != HeartbeatRequest(group_id="g", generation_id=2, member_id="m")
    assert "generation_id=1, group_id='g'" in repr(part)
    with pytest.raises(TypeError, match="HeartbeatRequest: missing or unknown: member_id, size"):
        HeartbeatRequest(group_id="g", generation_id=1, size=3)  # type: ignore[call-arg]  # wrong
    with pytest.raises(AttributeError, match="generation_id is frozen"):
        part.generation_id = 2  # type: ignore[misc]  # wrong


def test_a_part_that_was_read_stays_as_it_is_too() -> None:
    message = decode(HeartbeatResponse, 1, encode(HeartbeatResponse(error_code=7), 1))
    with pytest.raises(AttributeError, match="error_code is frozen"):
        message.error_code = 2  # type: ignore[misc]  # wrong
    assert hash(message) == hash(HeartbeatResponse(error_code=7))


def test_null_travels_only_in_the_versions_that_have_it() -> None:
    bare = Letter(sender=None, lines=None)
    assert decode(Letter, 1, encode(bare, 1)) == bare
    for letter in (Letter(sender=None), Letter(lines=None)):
        with pytest.raises(AssertionError, match="no version written here has null"):
            encode(letter, 0)
    with pytest.raises(Malformed, match="string that is not null"):
        decode(Letter, 0, b"\xff\xff\0\0\0\0")
    with pytest.raises(Malformed, match="array that is not null at byte 2"):
        decode(Letter, 0, b"\0\0\xff\xff\xff\xff")


def test_a_structure_may_be_missing() -> None:
    letter = Letter(place=Place(name="g"))
    assert encode(letter, 1) == b"\0\0\0\0\0\0\x01\0\x01g"
    assert decode(Letter, 1, encode(letter, 1)) == letter
    assert encode(Letter(), 1) == b"\0\0\0\0\0\0\xff"


def test_tagged_fields_are_sent_in_order_of_their_numbers_where_they_say_something() -> None:
    assert encode(Letter(), 3) == b"\x01\x01\xff\x00"
    assert encode(Letter(weight=9), 3) == b"\x01\x01\xff\x01\x05\x04\0\0\0\x09"
    both = Letter(weight=9, note="n")
    assert encode(both, 3) == b"\x01\x01\xff\x02\x01\x02\x02n\x05\x04\0\0\0\x09"
    assert decode(Letter, 3, encode(both, 3)) == both


def test_a_tagged_field_that_its_version_lacks_is_passed_over() -> None:
    later = encode(Letter(weight=9, note="n"), 3)
    assert decode(Letter, 2, later) == Letter(weight=9)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\x01\x05\x05\0\0\0\x09\0", "weight of 5 bytes"),
        (b"\x01\x05\x02\0\0", "4-byte number"),
        (b"\x01\x05\x7f\0", "127 bytes"),
        (b"\x01\x63\x7f\0", "127 bytes"),
        (b"\x02\x63\x00", "varint"),
    ],
)
def test_a_tagged_field_of_a_wrong_size_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        decode(Letter, 2, b"\x01\x01\xff" + data)


def test_a_field_that_a_version_lacks_has_a_default() -> None:
    class Hasty(Message):
        late: Annotated[int, INT8, Versions(since=1)]

    with pytest.raises(AssertionError, match=r"Hasty\.late needs a default for v0"):
        decode(Hasty, 0, b"")


def test_bytes_behind_the_last_field_are_passed_over() -> None:
    body = encode(HeartbeatResponse(error_code=27), 1)
    assert decode(HeartbeatResponse, 1, body + b"\0more").error_code == 27


def test_a_count_larger_than_the_message_is_refused_before_anything_is_built() -> None:
    with pytest.raises(Malformed, match="array of 2147483647 at byte 4"):
        decode(DeleteGroupsRequest, 0, b"\x7f\xff\xff\xff")


def test_a_message_of_very_many_elements_is_refused() -> None:
    def names(count: int) -> bytes:
        return count.to_bytes(4) + bytes(2 * count)

    assert len(decode(DeleteGroupsRequest, 0, names(ELEMENTS_MAX)).groups_names) == ELEMENTS_MAX
    with pytest.raises(Malformed, match=f"at most {ELEMENTS_MAX} elements"):
        decode(DeleteGroupsRequest, 0, names(ELEMENTS_MAX + 1))


def test_a_null_array_is_refused_where_the_message_has_none() -> None:
    with pytest.raises(Malformed, match="array that is not null at byte 0"):
        decode(DeleteGroupsRequest, 0, b"\xff\xff\xff\xff")


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8 text"):
        decode(DeleteGroupsRequest, 0, b"\0\0\0\1\0\1\xff")

"""The cold codec against kio, which is generated from Kafka's own schemas."""

import importlib
import io
import random
import types
import typing
from typing import Any

import pytest
from kio.serial import entity_reader, entity_writer

from streamcore.wire.cold import Message, Part, decode, encode
from streamcore.wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
)
from streamcore.wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from streamcore.wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from streamcore.wire.messages.describe_user_scram_credentials import (
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)
from streamcore.wire.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from streamcore.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from streamcore.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from streamcore.wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse
from streamcore.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from streamcore.wire.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse
from streamcore.wire.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from streamcore.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
from streamcore.wire.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)
from streamcore.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse
from streamcore.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from streamcore.wire.reading import Malformed

VERSIONS: dict[str, tuple[type[Message], type[Message], range]] = {
    "find_coordinator": (FindCoordinatorRequest, FindCoordinatorResponse, range(5)),
    "join_group": (JoinGroupRequest, JoinGroupResponse, range(10)),
    "sync_group": (SyncGroupRequest, SyncGroupResponse, range(6)),
    "heartbeat": (HeartbeatRequest, HeartbeatResponse, range(5)),
    "leave_group": (LeaveGroupRequest, LeaveGroupResponse, range(6)),
    "offset_commit": (OffsetCommitRequest, OffsetCommitResponse, range(2, 10)),
    "offset_fetch": (OffsetFetchRequest, OffsetFetchResponse, range(1, 10)),
    "list_groups": (ListGroupsRequest, ListGroupsResponse, range(5)),
    "describe_groups": (DescribeGroupsRequest, DescribeGroupsResponse, range(6)),
    "delete_groups": (DeleteGroupsRequest, DeleteGroupsResponse, range(3)),
    "offset_delete": (OffsetDeleteRequest, OffsetDeleteResponse, range(1)),
    "sasl_handshake": (SaslHandshakeRequest, SaslHandshakeResponse, range(2)),
    "sasl_authenticate": (SaslAuthenticateRequest, SaslAuthenticateResponse, range(3)),
    "describe_user_scram_credentials": (
        DescribeUserScramCredentialsRequest,
        DescribeUserScramCredentialsResponse,
        range(1),
    ),
    "alter_user_scram_credentials": (
        AlterUserScramCredentialsRequest,
        AlterUserScramCredentialsResponse,
        range(1),
    ),
}
CASES = [
    pytest.param(message, module, version, id=f"{api}-v{version}-{module}")
    for api, (request, response, versions) in VERSIONS.items()
    for version in versions
    for message, module in ((request, f"{api}.request"), (response, f"{api}.response"))
]


def kio_class(message: type[Message], module: str, version: int) -> Any:
    api, side = module.split(".")
    return getattr(importlib.import_module(f"kio.schema.{api}.v{version}.{side}"), message.__name__)


def made_up(hint: Any, rng: random.Random) -> Any:
    """Return a value of the hinted type; numbers are small enough for every width and are
    error codes that Kafka knows."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return made_up(next(a for a in arguments if a is not type(None)), rng)
    if origin is tuple:
        return tuple(made_up(arguments[0], rng) for _ in range(rng.randint(0, 3)))
    if isinstance(hint, type) and issubclass(hint, Part):
        fields = typing.get_type_hints(hint, include_extras=True)
        return hint(
            **{
                name: made_up(typing.get_args(field)[0], rng)
                for name, field in fields.items()
                if typing.get_origin(field) is typing.Annotated
            }
        )
    made: dict[Any, Any] = {
        int: rng.randint(0, 100),
        bool: rng.random() < 0.5,
        str: rng.choice(("", "göteborg", "x" * 200)),
        bytes: rng.randbytes(rng.randint(0, 200)),
    }
    return made[hint]


@pytest.mark.parametrize(("message", "module", "version"), CASES)
def test_kio_reads_what_we_write_and_writes_the_same_bytes(
    message: type[Message], module: str, version: int
) -> None:
    entity = kio_class(message, module, version)
    for seed in range(5):
        ours = encode(made_up(message, random.Random(seed)), version)
        theirs, size = entity_reader(entity)(ours, 0)
        written = io.BytesIO()
        entity_writer(entity)(written, theirs)
        assert size == len(ours)
        assert written.getvalue() == ours


@pytest.mark.parametrize(("message", "module", "version"), CASES)
def test_what_was_written_is_read_back_and_every_cut_is_refused(
    message: type[Message], module: str, version: int
) -> None:
    body = encode(made_up(message, random.Random(version)), version)
    again = decode(message, version, body)
    assert encode(again, version) == body
    for size in range(0, len(body), 1 + len(body) // 50):
        with pytest.raises(Malformed):
            decode(message, version, body[:size])


def test_a_part_is_made_whole_and_stays_as_it_is() -> None:
    part = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
    assert part == HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
    assert part != HeartbeatRequest(group_id="g", generation_id=2, member_id="m")
    assert "generation_id=1, group_id='g'" in repr(part)
    with pytest.raises(TypeError, match="HeartbeatRequest: missing or unknown: member_id, size"):
        HeartbeatRequest(group_id="g", generation_id=1, size=3)  # type: ignore[call-arg]  # wrong
    with pytest.raises(AttributeError, match="generation_id is frozen"):
        part.generation_id = 2  # type: ignore[misc]  # wrong


def test_bytes_after_the_last_field_are_refused() -> None:
    body = encode(HeartbeatResponse(), 1)
    with pytest.raises(Malformed, match="end of HeartbeatResponse v1 at byte 6"):
        decode(HeartbeatResponse, 1, body + b"\0")


def test_unknown_tagged_fields_are_skipped() -> None:
    body = encode(HeartbeatResponse(error_code=27), 4)
    assert decode(HeartbeatResponse, 4, body[:-1] + b"\x01\x05\x02hi").error_code == 27


def test_a_count_larger_than_the_message_is_refused_before_anything_is_built() -> None:
    with pytest.raises(Malformed, match="array of 2147483647 at byte 4"):
        decode(DeleteGroupsRequest, 0, b"\x7f\xff\xff\xff")


def test_a_null_array_is_refused_where_the_message_has_none() -> None:
    with pytest.raises(Malformed, match="array that is not null at byte 0"):
        decode(DeleteGroupsRequest, 0, b"\xff\xff\xff\xff")


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8 text"):
        decode(DeleteGroupsRequest, 0, b"\0\0\0\1\0\1\xff")

"""Every version that a handler lists, held against kio and kafka-python: bytes for bytes.

Driven by the registry: a version that is listed and that the oracles do not bear out fails here.
"""

import importlib
from random import Random

import pytest

from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Handler, PendingReply
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, Structure, decode, encode
from streamcore.wire.kinds import ColdWriter
from streamcore.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from streamcore.wire.messages.delete_groups import DeletedGroup, DeleteGroupsResponse
from streamcore.wire.reading import Malformed
from tests.support.broker_questions import create
from tests.support.made_up import made_up
from tests.support.simulated_broker import ask, simulated_broker
from tests.support.wire_oracles import (
    SIDES,
    Side,
    kafka_python_again,
    kafka_python_knows,
    kio_again,
    kio_class,
    kio_made_up,
)

SEEDS = range(10)

# Codecs of the hot path are written by hand, and so have no classes of messages. What they answer
# is held against the oracles all the same.
HAND_WRITTEN = {ApiKey.PRODUCE, ApiKey.FETCH}

# kio 0.6.5 is older than these. Their other oracle has had the fields added by hand, and bytes of
# Apache Kafka itself stand below.
NEWER_THAN_KIO = {
    (ApiKey.API_VERSIONS, 5),
    (ApiKey.DELETE_GROUPS, 3),
    (ApiKey.TXN_OFFSET_COMMIT, 6),
}


def message_class(handler: Handler, side: Side) -> type[Message] | None:
    try:
        module = importlib.import_module(f"streamcore.wire.messages.{handler.api_key.name.lower()}")
    except ModuleNotFoundError:
        return None
    found: type[Message] = getattr(module, handler.name + side.capitalize())
    return found


LISTED = [
    pytest.param(handler, version, id=f"{handler.name}-v{version}")
    for handler in REGISTRY.handlers
    for version in range(handler.min_version, handler.max_version + 1)
]
DECLARED = [
    pytest.param(handler, version, side, cls, id=f"{handler.name}-v{version}-{side}")
    for handler in REGISTRY.handlers
    for side in SIDES
    if (cls := message_class(handler, side)) is not None
    for version in range(handler.min_version, handler.max_version + 1)
]


def some_bytes(handler: Handler, version: int, side: Side, seed: int) -> bytes:
    """A message that is not of our making, where kio knows the version."""
    rng = Random(seed)
    if (handler.api_key, version) not in NEWER_THAN_KIO:
        return kio_made_up(handler.api_key, version, side, rng)
    cls = message_class(handler, side)
    assert cls is not None
    return encode(made_up(cls, rng), version)


def assert_oracles_agree(handler: Handler, version: int, side: Side, data: bytes) -> None:
    assert kafka_python_again(handler.name + side.capitalize(), version, data) == data
    if (handler.api_key, version) not in NEWER_THAN_KIO:
        assert kio_again(handler.api_key, version, side, data) == data


@pytest.mark.parametrize(("handler", "version"), LISTED)
def test_both_oracles_know_what_is_listed(handler: Handler, version: int) -> None:
    for side in SIDES:
        in_kio = kio_class(handler.api_key, version, side) is not None
        assert in_kio != ((handler.api_key, version) in NEWER_THAN_KIO)
        assert kafka_python_knows(handler.name + side.capitalize(), version)


def test_a_version_that_nobody_knows_would_be_seen() -> None:
    assert kio_class(ApiKey.HEARTBEAT, 99, "request") is None
    assert not kafka_python_knows("HeartbeatRequest", 99)
    assert not kafka_python_knows("ShareFetchRequest", 1)


def test_only_the_hot_path_is_written_by_hand() -> None:
    undeclared = {h.api_key for h in REGISTRY.handlers if message_class(h, "request") is None}
    assert undeclared <= HAND_WRITTEN


@pytest.mark.parametrize(("handler", "version", "side", "cls"), DECLARED)
def test_what_others_write_is_read_and_written_alike(
    handler: Handler, version: int, side: Side, cls: type[Message]
) -> None:
    assert handler.is_flexible(version) == (version >= cls.FLEXIBLE_FROM)
    for seed in SEEDS:
        data = some_bytes(handler, version, side, seed)
        message = decode(cls, version, data)
        assert encode(message, version) == data
        assert decode(cls, version, data) == message
        assert_oracles_agree(handler, version, side, data)


class FutureWriter(ColdWriter):
    """Writes as a newer peer does, with tagged fields at the end of every structure."""

    def end_of_struct(self) -> None:
        if self.flexible:
            self.uvarint(2)
            for tag, data in ((300, b""), (1 << 20, b"of the future")):
                self.uvarint(tag)
                self.uvarint(len(data))
                self.raw(data)


@pytest.mark.parametrize(("handler", "version", "side", "cls"), DECLARED)
def test_tagged_fields_of_the_future_are_passed_over(
    handler: Handler, version: int, side: Side, cls: type[Message]
) -> None:
    for seed in SEEDS:
        message = decode(cls, version, some_bytes(handler, version, side, seed))
        writer = FutureWriter(flexible=handler.is_flexible(version))
        Structure(cls).at(version).write(writer, message)
        assert decode(cls, version, writer.done()) == message


@pytest.mark.parametrize(("handler", "version", "side", "cls"), DECLARED)
def test_a_message_that_is_cut_short_is_refused(
    handler: Handler, version: int, side: Side, cls: type[Message]
) -> None:
    data = some_bytes(handler, version, side, seed=version)
    for size in range(0, len(data), 1 + len(data) // 50):
        with pytest.raises(Malformed):
            decode(cls, version, data[:size])


@pytest.mark.parametrize(("handler", "version"), LISTED)
async def test_whatever_is_asked_both_oracles_read_the_answer(
    handler: Handler, version: int
) -> None:
    async with simulated_broker() as services:
        create(services)
        for seed in SEEDS:
            reply = ask(
                services, handler.api_key, version, some_bytes(handler, version, "request", seed)
            )
            if isinstance(reply, PendingReply):
                services.appends.flush()
                reply = reply.body
            if reply is not None:
                body = b"".join(reply) if isinstance(reply, list) else reply
                assert_oracles_agree(handler, version, "response", body)


def test_bytes_of_apache_kafka_that_are_newer_than_the_oracles() -> None:
    asked = bytes.fromhex("056861696c04312e30066f746865720000000100")
    assert decode(ApiVersionsRequest, 5, asked) == ApiVersionsRequest(
        client_software_name="hail",
        client_software_version="1.0",
        cluster_id="other",
        node_id=1,
    )
    refused = ApiVersionsResponse(error_code=129)
    assert encode(refused, 5) == bytes.fromhex("0081010000000000")
    deleted = DeleteGroupsResponse(
        results=(
            DeletedGroup(group_id="live", error_code=0),
            DeletedGroup(group_id="nope", error_code=69),
        )
    )
    assert encode(deleted, 3) == bytes.fromhex(
        "00000000 03 056c697665 0000 00 00 056e6f7065 0045 00 00 00"
    )

"""What a request says is not what it costs: counts, lengths and packed records are not believed."""

import contextlib
import io
import os
from collections.abc import Callable
from random import Random
from struct import pack
from typing import Any, Final

import pytest
from kio.serial import entity_writer

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Handler, PendingReply, Reply
from streamcore.broker.receive_buffer import BadFrame
from streamcore.broker.services import BrokerServices
from streamcore.record.compression import (
    XERIAL_HEADER_SIZE,
    XERIAL_MAGIC,
    Codec,
    UndecodableRecords,
    compressed,
    decompressed,
)
from streamcore.wire.reading import ELEMENTS_MAX
from tests.support.broker_questions import create
from tests.support.fuzzing.dense import array_paths, dense_message
from tests.support.fuzzing.mutations import NUMBERS
from tests.support.fuzzing.peers import Peer
from tests.support.fuzzing.requests import framed, head, right_body
from tests.support.fuzzing.scene import journal
from tests.support.fuzzing.vocabulary import Vocabulary
from tests.support.peak_memory import process_peak, python_peak
from tests.support.simulated_broker import ask, simulated_broker
from tests.support.virtual_loop import turns
from tests.support.wire_oracles import kio_class

MIB: Final = 1 << 20
# What one more element of a request takes: what is read of it, and what is answered.
ELEMENT_BYTES: Final = 1_500
ELEMENTS: Final = 50
# Of a request with one false number in it: to do what it asks for otherwise, and to read it.
USUAL_BYTES: Final = 512 << 10
PER_BYTE: Final = 100
SEED: Final = os.environ.get("HAILSTREAM_FUZZ_SEED", "1")
LIES_OF_ONE_VERSION: Final = 4 * int(os.environ.get("HAILSTREAM_FUZZ_CASES", "5"))


def some_versions(handler: Handler) -> list[int]:
    """The oldest and the newest of an API that the oracle can write."""
    versions = range(handler.min_version, handler.max_version + 1)
    known = [v for v in versions if kio_class(handler.api_key, v, "request") is not None]
    return sorted({known[0], known[-1]})


# -- many elements --


def test_the_elements_of_a_request_take_a_bounded_amount_of_memory_together() -> None:
    assert ELEMENTS_MAX * ELEMENT_BYTES <= 300_000_000


@pytest.mark.parametrize("handler", REGISTRY.handlers, ids=lambda handler: handler.name)
async def test_an_element_takes_little_memory_wherever_it_stands(handler: Handler) -> None:
    async with simulated_broker() as services:
        create(services)
        for version in some_versions(handler):
            cls = kio_class(handler.api_key, version, "request")
            for path in array_paths(cls):
                for known in (False, True):
                    few, many = [
                        await peak_of(
                            services,
                            handler,
                            version,
                            written(cls, dense_message(cls, path, count, known=known)),
                        )
                        for count in (ELEMENTS, 3 * ELEMENTS)
                    ]
                    per_element = (many - few) / (2 * ELEMENTS)
                    assert per_element < ELEMENT_BYTES, (version, path, known)


def written(cls: Any, message: Any) -> bytes:
    buffer = io.BytesIO()
    entity_writer(cls)(buffer, message)
    return buffer.getvalue()


async def peak_of(services: BrokerServices, handler: Handler, version: int, body: bytes) -> int:
    reply: Reply = None
    with python_peak() as peak:
        # A producer that waits for no answer is cut where it is refused.
        with contextlib.suppress(BadFrame):
            reply = ask(services, handler.api_key, version, body)
        await turns(5)
    if isinstance(reply, PendingReply) and not reply.is_over:
        reply.abandon()
    return peak.grown_bytes


# -- numbers that are not so --


@pytest.mark.parametrize("handler", REGISTRY.handlers, ids=lambda handler: handler.name)
async def test_a_false_number_takes_no_memory_wherever_it_stands(handler: Handler) -> None:
    rng = Random(f"{SEED} {handler.name}")
    words = Vocabulary(rng)
    with journal():
        async with simulated_broker(clock=VirtualClock(), partitions_per_topic_max=8) as services:
            create(services)
            for version in some_versions(handler):
                for number in range(LIES_OF_ONE_VERSION):
                    data = lying_request(words, handler, version)
                    peer = Peer(services, 10_000 + number)
                    with python_peak() as peak:
                        peer.send(data)
                        await turns(5)
                    peer.lose()
                    allowed = USUAL_BYTES + PER_BYTE * len(data)
                    assert peak.grown_bytes < allowed, (version, data.hex())


def lying_request(words: Vocabulary, handler: Handler, version: int) -> bytes:
    """A right request with a number anywhere in it, most often in its body."""
    rng = words.rng
    start = head(handler.api_key, version, 1, flexible=handler.is_flexible(version))
    body = right_body(words, handler, version)
    number = rng.choice(NUMBERS)
    at = rng.randrange(len(body) + 1)
    changed = body[:at] + number + body[at + len(number) * rng.randrange(2) :]
    return framed(start + changed)


# -- packed records --

PLAIN_BYTES_MAX: Final = 8 * MIB
BOMB: Final = bytes(64 * MIB)


def in_javas_frames(*blocks: bytes) -> bytes:
    head = XERIAL_MAGIC.ljust(XERIAL_HEADER_SIZE, b"\0")
    return head + b"".join(len(block).to_bytes(4) + block for block in blocks)


def zstd_frame(descriptor: int, claim: bytes) -> bytes:
    """A head that claims what it likes, and one block: 128 KiB of zeros (RFC 8878)."""
    is_last, repeats = 1, 1 << 1
    block = (is_last | repeats | (128 << 10) << 3).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd" + bytes((descriptor,)) + claim + block


BOMBS: Final[dict[str, tuple[Codec, Callable[[], bytes]]]] = {
    "gzip": (Codec.GZIP, lambda: compressed(Codec.GZIP, BOMB[: 20 * MIB])),
    "gzip-of-many-members": (Codec.GZIP, lambda: compressed(Codec.GZIP, BOMB[:MIB]) * 64),
    "lz4": (Codec.LZ4, lambda: compressed(Codec.LZ4, BOMB)),
    "lz4-of-many-frames": (Codec.LZ4, lambda: compressed(Codec.LZ4, BOMB[:MIB]) * 64),
    "zstd": (Codec.ZSTD, lambda: compressed(Codec.ZSTD, BOMB)),
    "zstd-of-many-frames": (Codec.ZSTD, lambda: compressed(Codec.ZSTD, BOMB[:MIB]) * 64),
    "zstd-in-zstd": (Codec.ZSTD, lambda: compressed(Codec.ZSTD, compressed(Codec.ZSTD, BOMB))),
    "zstd-claims-a-terabyte": (Codec.ZSTD, lambda: zstd_frame(0xE0, pack("<Q", 1 << 40))),
    "zstd-claims-a-window-of-gigabytes": (Codec.ZSTD, lambda: zstd_frame(0, bytes((21 << 3,)))),
    "snappy": (Codec.SNAPPY, lambda: compressed(Codec.SNAPPY, BOMB[: 20 * MIB])),
    "snappy-claims-gigabytes": (Codec.SNAPPY, lambda: b"\xff\xff\xff\xff\x0f\0a"),
    "snappy-in-javas-frames": (
        Codec.SNAPPY,
        lambda: in_javas_frames(*[compressed(Codec.SNAPPY, BOMB[:MIB])] * 20),
    ),
    "snappy-in-a-frame-that-claims-gigabytes": (
        Codec.SNAPPY,
        lambda: in_javas_frames() + b"\x7f\xff\xff\xff\0",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_packed_records_take_no_more_memory_than_they_may(name: str) -> None:
    codec, make = BOMBS[name]
    bomb = make()
    with process_peak() as peak:
        try:
            plain = decompressed(codec, bomb, bytes_max=PLAIN_BYTES_MAX)
        except UndecodableRecords:
            plain = b""
    assert len(plain) <= PLAIN_BYTES_MAX
    # Once as it is unpacked; twice where blocks are put together.
    assert peak.grown_bytes < 2 * PLAIN_BYTES_MAX + MIB

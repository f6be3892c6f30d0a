"""The short way of one-partition produce requests answers and keeps as the general way does."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamcore.broker.handlers.produce import HANDLER, answer, answer_any
from streamcore.broker.handlers.registry import Answer, PendingReply, ReplyBody, Request
from streamcore.broker.receive_buffer import BadFrame
from streamcore.wire import produce
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.reading import Malformed
from streamcore.wire.writing import WireWriter
from tests.support.broker_questions import create, id_of
from tests.support.simulated_broker import assembled, batch_of

PARTITIONS = 2
VERSIONS = range(HANDLER.min_version, HANDLER.max_version + 1)
TOPICS = ("t", "missing", "__consumer_offsets", "", "x" * 130, "x" * 256)
GOOD = batch_of(b"a", b"b")
SOME_ID = UUID(int=7)
OTHER_ID = UUID(int=1)

usual = st.sampled_from([GOOD, batch_of(b"c" * 300), batch_of(b"d" * 20_000)])
records = st.one_of(usual, st.none(), st.binary(max_size=80), usual.map(lambda b: b[:-1] + b"?"))
partitions = st.lists(st.tuples(st.integers(-1, PARTITIONS), records), max_size=2)
one_good = st.tuples(st.integers(0, PARTITIONS - 1), usual).map(lambda part: [part])
topics = st.one_of(
    st.tuples(st.just("t"), one_good).map(lambda topic: [topic]),
    st.lists(st.tuples(st.sampled_from(TOPICS), partitions), max_size=2),
)


class Asked(NamedTuple):
    """A request, and what is changed in its bytes: a cut, an extra end, a byte."""

    version: int
    transactional_id: str | None
    acks: int
    topics: list[tuple[str, list[tuple[int, bytes | None]]]]
    cut: int
    extra: bytes
    flip: tuple[int, int]

    def body(self, topic_id: UUID = SOME_ID) -> bytes:
        """`topic_id` is that of topic "t"."""
        writer = WireWriter(flexible=self.version >= 9)
        writer.string(self.transactional_id)
        writer.int16(self.acks)
        writer.int32(30_000)
        writer.array_size(len(self.topics))
        for name, parts in self.topics:
            if self.version >= produce.TOPIC_IDS_FROM:
                writer.uuid(topic_id if name == "t" else OTHER_ID)
            else:
                writer.string(name)
            writer.array_size(len(parts))
            for partition, data in parts:
                writer.int32(partition)
                writer.sized_bytes(data)
                writer.end_of_struct()
            writer.end_of_struct()
        writer.end_of_struct()
        body = bytearray(writer.done())
        at, bits = self.flip
        body[at % len(body)] ^= bits
        return bytes(body[: len(body) - self.cut]) + self.extra


asked = st.builds(
    Asked,
    version=st.sampled_from(VERSIONS),
    transactional_id=st.sampled_from([None, None, None, "tx"]),
    acks=st.sampled_from([1, -1, 0, 2]),
    topics=topics,
    cut=st.sampled_from([0, 0, 0, 0, 1, 3, 20]),
    extra=st.sampled_from([b"", b"", b"", b"\0", b"\1\0\0"]),
    flip=st.tuples(st.integers(0, 60), st.sampled_from([0, 0, 0, 1, 0x80, 0xFF])),
)
Outcome = tuple[list[ReplyBody | str | None], list[int]]


async def outcome(way: Answer, requests: list[Asked]) -> Outcome:
    """The answers, and how far each partition has come."""
    services = assembled(message_bytes_max=10_000)
    create(services, "t", PARTITIONS)
    topic_id = id_of(services, "t")
    answers: list[ReplyBody | str | None] = []
    for one in requests:
        request = Request(
            api_key=ApiKey.PRODUCE,
            api_version=one.version,
            client_id="test",
            client_host="127.0.0.1",
            flexible=one.version >= 9,
        )
        try:
            reply = way(services, request, memoryview(bytearray(one.body(topic_id))))
        except Malformed:
            answers.append("malformed")
            continue
        except BadFrame as fault:
            answers.append(str(fault))
            continue
        services.appends.flush()
        answers.append(reply.body if isinstance(reply, PendingReply) else reply)
    ends = [int(replica.high_watermark) for replica in services.topics.replicas()]
    await services.durability.close()
    services.topics.close()
    return answers, ends


USUAL = Asked(10, None, 1, [("t", [(1, GOOD)])], 0, b"", (0, 0))


@example([USUAL, USUAL, USUAL._replace(version=7), USUAL._replace(acks=0)])
@given(st.lists(asked, max_size=4))
@settings(deadline=None, max_examples=150)
def test_both_ways_answer_and_keep_the_same(requests: list[Asked]) -> None:
    short = asyncio.run(outcome(answer, requests))
    assert short == asyncio.run(outcome(answer_any, requests))


def test_the_usual_request_takes_the_short_way() -> None:
    for version in VERSIONS:
        one = USUAL._replace(version=version)
        cut = produce.cut_one_partition(memoryview(one.body()), version)
        if version < produce.ONE_PARTITION_FROM:
            assert cut is None
        else:
            assert cut is not None
            assert cut[1] == GOOD
            key = SOME_ID.bytes if version >= produce.TOPIC_IDS_FROM else b"t"
            assert produce.read_prefix(cut[0], version) == (1, key, 1)

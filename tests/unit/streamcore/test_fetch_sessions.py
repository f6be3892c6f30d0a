"""Fetch sessions (KIP-227): a client says what changed, and is told what is new."""

from typing import Any

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.fetch_sessions import ALL_TOGETHER, KEY_BYTES_MAX
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, create, produce, wanted
from tests.support.kio_peer import converse
from tests.support.simulated_broker import simulated_broker

Told = dict[tuple[str, int], tuple[str, int, int]]


async def fetch(
    services: BrokerServices, version: int, session_id: int, epoch: int, **fields: Any
) -> tuple[Any, Told]:
    """Fetch; return the answer, and by topic and partition: error, high watermark, bytes."""
    answer = await converse(
        services,
        ApiKey.FETCH,
        version,
        session_id=session_id,
        session_epoch=epoch,
        max_bytes=1 << 20,
        **fields,
    )
    names = {topic.topic_id: topic.name for topic in services.topics.all()}
    told = {
        (topic.topic if version < 13 else names[topic.topic_id], part.partition_index): (
            code(part),
            part.high_watermark,
            len(part.records or b""),
        )
        for topic in answer.responses
        for part in topic.partitions
    }
    return answer, told


SIZE = 69  # of a batch with one record of one byte


@pytest.mark.parametrize("version", [7, 12, 13, 18])
async def test_a_session_is_told_of_news_alone(version: int) -> None:
    async with simulated_broker() as services:
        create(services, "a")
        create(services, "b")
        topics = wanted(services, 0, name="a") + wanted(services, 0, name="b")
        answer, told = await fetch(services, version, 0, 0, topics=topics)
        session = answer.session_id
        assert session > 0
        assert told == {("a", 0): (NONE, 0, 0), ("b", 0): (NONE, 0, 0)}
        await produce(services, b"x", name="a")
        _, told = await fetch(services, version, session, 1)
        assert told == {("a", 0): (NONE, 1, SIZE)}
        _, told = await fetch(services, version, session, 2, topics=wanted(services, 1, name="a"))
        assert told == {}
        await produce(services, b"y", name="b")
        _, told = await fetch(services, version, session, 3)
        assert told == {("b", 0): (NONE, 1, SIZE)}


@pytest.mark.parametrize("version", [7, 18])
async def test_what_a_session_forgets_is_told_no_more(version: int) -> None:
    async with simulated_broker() as services:
        create(services, "a")
        topics = wanted(services, 0, name="a")
        answer, _ = await fetch(services, version, 0, 0, topics=topics)
        forgotten = [
            {"topic": "a", "topic_id": topics[0]["topic_id"], "partitions": [0]},
        ]
        await produce(services, b"x", name="a")
        _, told = await fetch(
            services, version, answer.session_id, 1, forgotten_topics_data=forgotten
        )
        assert told == {}
        _, told = await fetch(services, version, answer.session_id, 2, topics=topics)
        assert told == {("a", 0): (NONE, 1, SIZE)}


async def test_an_error_is_told_and_so_is_its_end() -> None:
    async with simulated_broker() as services:
        create(services, "a")
        answer, told = await fetch(services, 12, 0, 0, topics=wanted(services, 5, name="a"))
        assert told == {("a", 0): ("offset_out_of_range", 0, 0)}
        _, told = await fetch(services, 12, answer.session_id, 1)
        assert told == {("a", 0): ("offset_out_of_range", 0, 0)}
        _, told = await fetch(
            services, 12, answer.session_id, 2, topics=wanted(services, 0, name="a")
        )
        assert told == {("a", 0): (NONE, 0, 0)}


async def test_partitions_with_records_go_behind_the_others() -> None:
    async with simulated_broker() as services:
        for name in ("a", "b"):
            create(services, name)
            for _ in range(2):
                await produce(services, b"x", name=name)
        topics = wanted(services, 0, name="a") + wanted(services, 0, name="b")
        answer, _ = await fetch(services, 12, 0, 0, topics=topics)
        limited = await converse(
            services, ApiKey.FETCH, 12, session_id=answer.session_id, session_epoch=1, max_bytes=1
        )
        assert [topic.topic for topic in limited.responses] == ["a"]
        limited = await converse(
            services, ApiKey.FETCH, 12, session_id=answer.session_id, session_epoch=2, max_bytes=1
        )
        assert [topic.topic for topic in limited.responses] == ["b"]


async def test_epochs_are_kept_in_step() -> None:
    async with simulated_broker() as services:
        create(services)
        answer, _ = await fetch(services, 12, 0, 0, topics=wanted(services, 0))
        session = answer.session_id
        for given, epoch, error in [
            (session, 2, "invalid_fetch_session_epoch"),
            (session + 1, 1, "fetch_session_id_not_found"),
            (0, 5, "fetch_session_id_not_found"),
            (session, 1, NONE),
            (session, 1, "invalid_fetch_session_epoch"),
        ]:
            assert code((await fetch(services, 12, given, epoch))[0]) == error
        answer, _ = await fetch(services, 13, session, 2)
        assert code(answer) == "fetch_session_topic_id_error"


async def test_a_whole_request_replaces_or_ends_the_session_it_names() -> None:
    async with simulated_broker() as services:
        create(services)
        first, _ = await fetch(services, 12, 0, 0, topics=wanted(services, 0))
        second, _ = await fetch(services, 12, first.session_id, 0, topics=wanted(services, 0))
        assert len(services.fetch_sessions) == 1
        assert code((await fetch(services, 12, first.session_id, 1))[0]) == (
            "fetch_session_id_not_found"
        )
        last, _ = await fetch(services, 12, second.session_id, -1, topics=wanted(services, 0))
        assert (last.session_id, len(services.fetch_sessions)) == (0, 0)


async def test_sessions_are_bounded_and_only_idle_ones_make_room() -> None:
    clock = VirtualClock()
    async with simulated_broker(
        clock=clock,
        max_incremental_fetch_session_cache_slots=1,
        fetch_session_partitions_max=1,
        fetch_session_evictable_after_ms=1000,
    ) as services:
        create(services, "a")
        create(services, "b")
        one, two = wanted(services, 0, name="a"), wanted(services, 0, name="b")
        kept, _ = await fetch(services, 12, 0, 0, topics=one)
        declined, told = await fetch(services, 12, 0, 0, topics=one)
        assert (declined.session_id, len(told)) == (0, 1)
        clock.advance(1000)
        fresh, _ = await fetch(services, 12, 0, 0, topics=one)
        assert fresh.session_id > 0
        assert code((await fetch(services, 12, kept.session_id, 1))[0]) == (
            "fetch_session_id_not_found"
        )
        too_large, told = await fetch(services, 12, 0, 0, topics=one + two)
        assert (too_large.session_id, len(told)) == (0, 2)
        grown, told = await fetch(services, 12, fresh.session_id, 1, topics=two)
        assert (code(grown), len(services.fetch_sessions)) == (NONE, 0)


async def test_what_all_sessions_remember_is_bounded_together() -> None:
    clock = VirtualClock()
    async with simulated_broker(
        clock=clock, fetch_session_partitions_max=2, fetch_session_evictable_after_ms=1000
    ) as services:
        create(services, "a")
        create(services, "b")
        one, two = wanted(services, 0, name="a"), wanted(services, 0, name="b")
        for _ in range(ALL_TOGETHER - 1):
            assert (await fetch(services, 12, 0, 0, topics=one + two))[0].session_id > 0
        growing, _ = await fetch(services, 12, 0, 0, topics=one)
        declined, told = await fetch(services, 12, 0, 0, topics=one + two)
        assert (declined.session_id, len(told)) == (0, 2)
        last, _ = await fetch(services, 12, 0, 0, topics=one)
        assert last.session_id > 0
        grown, _ = await fetch(services, 12, growing.session_id, 1, topics=two)
        assert code(grown) == NONE, "this request is answered"
        ended, _ = await fetch(services, 12, growing.session_id, 2)
        assert code(ended) == "fetch_session_id_not_found"
        assert (await fetch(services, 12, 0, 0, topics=one))[0].session_id > 0
        clock.advance(1000)
        assert (await fetch(services, 12, 0, 0, topics=one + two))[0].session_id > 0
        assert len(services.fetch_sessions) == ALL_TOGETHER + 1, "only so many made room as had to"


async def test_the_end_of_a_session_makes_room_for_another() -> None:
    async with simulated_broker(fetch_session_partitions_max=1) as services:
        create(services, "a")
        one = wanted(services, 0, name="a")
        for _ in range(3 * ALL_TOGETHER):
            begun, _ = await fetch(services, 12, 0, 0, topics=one)
            assert begun.session_id > 0
            await fetch(services, 12, begun.session_id, -1)


async def test_what_no_topic_is_called_is_not_remembered() -> None:
    async with simulated_broker() as services:
        create(services, "a")
        one = wanted(services, 0, name="a")
        odd = [{**one[0], "topic": "x" * (KEY_BYTES_MAX + 1)}]
        declined = await converse(
            services, ApiKey.FETCH, 12, session_id=0, session_epoch=0, topics=odd
        )
        assert (code(declined), declined.session_id) == (NONE, 0)
        begun, _ = await fetch(services, 12, 0, 0, topics=one)
        told = await converse(
            services,
            ApiKey.FETCH,
            12,
            session_id=begun.session_id,
            session_epoch=1,
            topics=odd,
        )
        assert code(told) == NONE
        assert len(services.fetch_sessions) == 0


async def test_topics_without_partitions_are_not_remembered() -> None:
    async with simulated_broker() as services:
        create(services, "a")
        none = [{**wanted(services, 0, name="a")[0], "partitions": []}]
        begun, _ = await fetch(services, 12, 0, 0, topics=none)
        session = services.fetch_sessions.find(begun.session_id)
        assert session is not None
        assert session.topics() == []

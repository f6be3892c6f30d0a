"""What one request may cost is bounded, and a sane client never comes near it.

The numbers of what is held for longer are tested where it is held: groups in
`test_group_bounds.py`, fetch sessions in `test_fetch_sessions.py`.
"""

from struct import pack
from typing import Annotated, Any, ClassVar

import pytest

from streamcore.broker.handlers.metadata import CREATED_AT_ONCE_MAX
from streamcore.broker.handlers.repetitions import REPETITIONS_MAX
from streamcore.broker.internal_log import BATCH_BYTES, ENTRIES_PER_BATCH, Entry, _batches_for
from streamcore.broker.security.credentials import USERS_MAX
from streamcore.broker.services import BrokerServices
from streamcore.wire import fetch, produce
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import ERROR_MESSAGE, Message, decode, encode
from streamcore.wire.kinds import ERROR_MESSAGE_MAX
from streamcore.wire.messages.heartbeat import HeartbeatRequest
from streamcore.wire.reading import ELEMENTS_MAX, TEXT_BYTES_MAX, Malformed
from streamcore.wire.writing import encode_uvarint
from tests.support.broker_questions import NONE, code, create
from tests.support.group_questions import commit, make_topic
from tests.support.kio_peer import converse
from tests.support.simulated_broker import simulated_broker
from tests.support.transactional_producer import TransactionalProducer

# -- texts --


@pytest.mark.parametrize("version", [1, 4], ids=["plain", "compact"])
def test_a_text_may_be_as_long_as_its_oldest_form_can_say(version: int) -> None:
    asked = HeartbeatRequest(group_id="g" * TEXT_BYTES_MAX, generation_id=1, member_id="m")
    assert decode(HeartbeatRequest, version, encode(asked, version)) == asked


def test_a_text_that_only_a_compact_form_can_say_is_refused_as_by_kafka() -> None:
    asked = HeartbeatRequest(group_id="g" * (TEXT_BYTES_MAX + 1), generation_id=1, member_id="m")
    with pytest.raises(Malformed, match="at most 32767 bytes of text"):
        decode(HeartbeatRequest, 4, encode(asked, 4))


def test_an_error_message_that_repeats_a_long_text_is_cut_short() -> None:
    class Excuse(Message):
        FLEXIBLE_FROM: ClassVar[int] = 99
        message: Annotated[str | None, ERROR_MESSAGE]

    told = decode(Excuse, 0, encode(Excuse(message="é" * 30_000), 0))
    assert told.message == "é" * ERROR_MESSAGE_MAX
    assert decode(Excuse, 0, encode(Excuse(message=None), 0)).message is None


# -- counts in hot messages; `test_cold_codec.py` has the others --


def counted(count: int, *, compact: bool) -> bytes:
    return encode_uvarint(count + 1) if compact else pack(">i", count)


def fetch_request(version: int, *counts: int, forgotten: tuple[int, ...] = ()) -> memoryview:
    """A request for so many partitions of a topic each."""
    compact = version >= fetch.FLEXIBLE_FROM
    tags = b"\0" * compact
    row = {4: 16, 7: 24, 9: 28, 12: 33, 13: 33, 18: 33}[version]
    head = pack(">iiib", 0, 0, 1, 0) if version >= 15 else pack(">iiiib", -1, 0, 0, 1, 0)
    head += pack(">ii", 0, -1) if version >= 7 else b""
    key = bytes(16) if version >= 13 else (b"\x02t" if compact else b"\0\1t")
    topics = b"".join(
        key + counted(count, compact=compact) + bytes(row * count) + tags for count in counts
    )
    dropped = b"".join(
        key + counted(count, compact=compact) + bytes(4 * count) + tags for count in forgotten
    )
    body = head + counted(len(counts), compact=compact) + topics
    if version >= 7:
        body += counted(len(forgotten), compact=compact) + dropped
    return memoryview(body + (b"\0\1" if version >= 11 else b"") + tags)


@pytest.mark.parametrize("version", [4, 7, 9, 12, 13, 18])
def test_a_fetch_of_very_many_partitions_is_refused(version: int) -> None:
    half = ELEMENTS_MAX // 2
    most = fetch.decode_request(fetch_request(version, half, half - 2), version)
    assert [len(topic.partitions) for topic in most.topics] == [half, half - 2]
    with pytest.raises(Malformed, match=f"at most {ELEMENTS_MAX} elements"):
        fetch.decode_request(fetch_request(version, half, half), version)


@pytest.mark.parametrize("version", [7, 12, 18])
def test_partitions_that_a_fetch_forgets_count_too(version: int) -> None:
    half = ELEMENTS_MAX // 2
    request = fetch_request(version, half, forgotten=(half - 2,))
    assert len(fetch.decode_request(request, version).forgotten[0][1]) == half - 2
    with pytest.raises(Malformed, match=f"at most {ELEMENTS_MAX} elements"):
        fetch.decode_request(fetch_request(version, half, forgotten=(half,)), version)


def produce_request(version: int, *counts: int) -> memoryview:
    """A request with so many partitions of a topic each, and no records."""
    compact = version >= produce.FLEXIBLE_FROM
    tags = b"\0" * compact
    head = (b"\0" if compact else b"\xff\xff") + pack(">hi", -1, 0)
    key = bytes(16) if version >= 13 else (b"\x02t" if compact else b"\0\1t")
    partition = pack(">i", 0) + (b"\0" if compact else b"\xff\xff\xff\xff") + tags
    topics = b"".join(
        key + counted(count, compact=compact) + partition * count + tags for count in counts
    )
    return memoryview(head + counted(len(counts), compact=compact) + topics + tags)


@pytest.mark.parametrize("version", [3, 9, 13])
@pytest.mark.parametrize("topics", [1, 2])
def test_a_produce_request_of_very_many_partitions_is_refused(version: int, topics: int) -> None:
    most = [(ELEMENTS_MAX - topics) // topics] * topics
    decoded = produce.decode_request(produce_request(version, *most), version)
    assert [len(partitions) for _, partitions in decoded.topics] == most
    too_many = [count + 2 for count in most]
    with pytest.raises(Malformed, match=f"at most {ELEMENTS_MAX} elements"):
        produce.decode_request(produce_request(version, *too_many), version)


# -- what a request names again and again --


async def groups(services: BrokerServices, names: list[str]) -> list[str]:
    answer = await converse(services, ApiKey.DESCRIBE_GROUPS, 5, groups=names)
    return [each.group_id for each in answer.groups]


async def configs(services: BrokerServices, names: list[str]) -> list[str]:
    resources = [{"resource_type": 2, "resource_name": name} for name in names]
    answer = await converse(services, ApiKey.DESCRIBE_CONFIGS, 4, resources=resources)
    return [each.resource_name for each in answer.results]


async def producers(services: BrokerServices, names: list[str]) -> list[str]:
    topics = [{"name": name, "partition_indexes": [0]} for name in names]
    answer = await converse(services, ApiKey.DESCRIBE_PRODUCERS, 0, topics=topics)
    return [each.name for each in answer.topics for _ in each.partitions]


async def transactions(services: BrokerServices, names: list[str]) -> list[str]:
    answer = await converse(services, ApiKey.DESCRIBE_TRANSACTIONS, 0, transactional_ids=names)
    return [each.transactional_id for each in answer.transaction_states]


async def all_offsets(services: BrokerServices, names: list[str]) -> list[str]:
    wanted = [{"group_id": name, "topics": None} for name in names]
    answer = await converse(services, ApiKey.OFFSET_FETCH, 8, groups=wanted)
    return [each.group_id for each in answer.groups]


@pytest.mark.parametrize("described", [groups, configs, producers, transactions, all_offsets])
async def test_what_is_named_again_is_described_again_but_not_for_ever(described: Any) -> None:
    async with simulated_broker() as services:
        assert await described(services, ["t", "u", "t"]) == ["t", "u", "t"], "as by Kafka"
        told = await described(services, ["t"] * 1000 + ["u"])
        assert told == ["t"] * (1 + REPETITIONS_MAX) + ["u"]


async def test_offsets_that_are_asked_for_by_name_are_told_as_often_as_they_are_named() -> None:
    async with simulated_broker() as services:
        make_topic(services)
        await commit(services, 7)
        topics = [{"name": "pings", "partition_indexes": [0] * 50}]
        wanted = [{"group_id": "g", "topics": topics}] * 50
        answer = await converse(services, ApiKey.OFFSET_FETCH, 8, groups=wanted)
        told = [
            partition.committed_offset
            for group in answer.groups
            for topic in group.topics
            for partition in topic.partitions
        ]
        assert told == [7] * 2500


async def test_an_offset_that_is_named_twice_is_deleted_once_and_told_twice() -> None:
    async with simulated_broker() as services:
        make_topic(services)
        await commit(services, 7)
        before = written_of_groups(services)
        partitions = [{"partition_index": number} for number in (0, 0, 9)]
        topics = [{"name": "pings", "partitions": partitions}]
        answer = await converse(services, ApiKey.OFFSET_DELETE, 0, group_id="g", topics=topics)
        assert [code(each) for each in answer.topics[0].partitions] == [
            *(NONE, NONE),
            "unknown_topic_or_partition",
        ]
        assert written_of_groups(services) == before + 1


def written_of_groups(services: BrokerServices) -> int:
    """Records of `__consumer_offsets`."""
    topic = services.topics.find("__consumer_offsets")
    assert topic is not None
    return sum(int(replica.high_watermark) for replica in topic.replicas)


async def test_of_a_transaction_that_is_named_twice_the_last_word_counts() -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=False)
        await producer.init()
        asked = [
            {
                "transactional_id": "tx",
                "producer_id": producer.producer_id,
                "producer_epoch": producer.epoch,
                "verify_only": False,
                "topics": [{"name": "t", "partitions": [number]}],
            }
            for number in (0, 1)
        ]
        answer = await converse(services, ApiKey.ADD_PARTITIONS_TO_TXN, 4, transactions=asked)
        (told,) = answer.results_by_transaction
        (partition,) = told.topic_results[0].results_by_partition
        assert partition.partition_index == 1
        found = services.transactions.coordinator.find(told.transactional_id)
        assert found is not None
        assert found.places == {("t", 1)}


# -- what a request makes --


def new_topic(name: str, partitions: int) -> dict[str, object]:
    return {"name": name, "num_partitions": partitions, "replication_factor": 1}


async def test_partitions_of_all_topics_together_are_bounded() -> None:
    async with simulated_broker(partitions_max=10, num_partitions=4) as services:
        create(services, "t", 3)
        answer = await converse(
            services,
            ApiKey.CREATE_TOPICS,
            7,
            topics=[new_topic("large", 8), new_topic("fits", 6)],
        )
        assert [code(each) for each in answer.topics] == ["policy_violation", NONE]
        grown = await converse(
            services,
            ApiKey.CREATE_PARTITIONS,
            3,
            topics=[
                {"name": "fits", "count": 8, "assignments": None},
                {"name": "t", "count": 4, "assignments": None},
            ],
        )
        assert [code(each) for each in grown.results] == ["policy_violation", NONE]
        asked = await converse(
            services, ApiKey.METADATA, 9, topics=[{"name": "new"}], allow_auto_topic_creation=True
        )
        assert code(asked.topics[0]) == "policy_violation"
        assert services.topics.partition_count == 10


async def test_who_asks_for_very_many_new_topics_gets_some_now_and_the_rest_later() -> None:
    async with simulated_broker(num_partitions=1) as services:
        names = [f"t{number}" for number in range(2 * CREATED_AT_ONCE_MAX)]
        topics = [{"name": name} for name in ["bad/name", *names]]
        for times in (1, 2):
            answer = await converse(
                services, ApiKey.METADATA, 9, topics=topics, allow_auto_topic_creation=True
            )
            assert code(answer.topics[0]) == "invalid_topic_exception"
            told = [code(each) for each in answer.topics[1:]]
            made = times * CREATED_AT_ONCE_MAX
            # Every client asks again after this error.
            assert told == [NONE] * made + ["leader_not_available"] * (len(names) - made)


async def test_users_that_one_request_adds_count_together() -> None:
    async with simulated_broker() as services:
        whole = {"iterations": 4096, "salt": b"salt", "salted_password": b"p" * 32, "mechanism": 1}
        names = [f"u{number}" for number in range(USERS_MAX + 2)]
        answer = await converse(
            services,
            ApiKey.ALTER_USER_SCRAM_CREDENTIALS,
            0,
            deletions=[],
            upsertions=[{"name": name, **whole} for name in names],
        )
        refused = [each.user for each in answer.results if each.error_code.value]
        assert refused == names[USERS_MAX:]


async def test_a_pattern_that_takes_much_memory_is_refused() -> None:
    async with simulated_broker() as services:
        for pattern, error in [
            (r"\pL{300}", "invalid_regular_expression"),  # megabytes
            (r"(orders|invoices)-\pL{1,5}-[0-9]{1,20}", NONE),
        ]:
            listed = await converse(
                services,
                ApiKey.LIST_TRANSACTIONS,
                2,
                duration_filter=-1,
                transactional_id_pattern=pattern,
            )
            assert code(listed) == error


# -- what becomes of it in the broker's own logs --


def test_entries_are_cut_into_batches_that_stay_below_what_their_topic_takes() -> None:
    small = [(number, Entry(b"k", b"v")) for number in range(2 * ENTRIES_PER_BATCH + 1)]
    assert [len(some) for some in _batches_for(small)] == [ENTRIES_PER_BATCH] * 2 + [1]
    large = [(number, Entry(b"k", bytes(BATCH_BYTES // 2))) for number in range(5)]
    batches = list(_batches_for(large))
    assert [len(some) for some in batches] == [2, 2, 1]
    assert [number for some in batches for number, _ in some] == list(range(5))

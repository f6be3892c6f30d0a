"""Transactions of older and newer clients against a whole broker: all or nothing is read."""

from typing import Any

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.handlers.registry import PendingReply
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import FlushAcks
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, create, produce, wanted
from tests.support.committed_reading import committed_values
from tests.support.kio_peer import converse, request_bytes, response_of
from tests.support.simulated_broker import answered, ask, simulated_broker
from tests.support.transactional_producer import TransactionalProducer

pytestmark = pytest.mark.parametrize("is_new", [False, True], ids=["older", "newer"])


@pytest.mark.parametrize("commit", [True, False])
async def test_records_are_read_once_their_transaction_is_committed(
    is_new: bool, commit: bool
) -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        assert await producer.init() == NONE
        for partition in (0, 1):
            assert await producer.send(b"a", b"b", partition=partition) == NONE
            assert await committed_values(services, "t", partition) == []
        assert await producer.end(commit=commit) == NONE
        for partition in (0, 1):
            expected = [b"a", b"b"] if commit else []
            assert await committed_values(services, "t", partition) == expected


async def test_an_open_transaction_holds_back_what_stands_behind_it(is_new: bool) -> None:
    async with simulated_broker() as services:
        create(services)
        await produce(services, b"before")
        one = TransactionalProducer(services, "one", is_new=is_new)
        two = TransactionalProducer(services, "two", is_new=is_new)
        await one.init()
        await two.init()
        await one.send(b"1")
        await produce(services, b"between")
        await two.send(b"2")
        await two.end(commit=True)
        assert await committed_values(services, "t") == [b"before"]
        await one.end(commit=False)
        assert await committed_values(services, "t") == [b"before", b"between", b"2"]


async def test_several_transactions_of_one_producer_follow_one_another(is_new: bool) -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        for number in range(6):
            assert await producer.send(b"%d" % number) == NONE
            assert await producer.end(commit=number % 2 == 0) == NONE
        assert await committed_values(services, "t") == [b"0", b"2", b"4"]


async def test_a_newer_producer_fences_an_older_one_and_aborts_what_it_left(is_new: bool) -> None:
    async with simulated_broker() as services:
        create(services)
        old = TransactionalProducer(services, is_new=is_new)
        await old.init()
        await old.send(b"old")
        new = TransactionalProducer(services, is_new=is_new)
        assert await new.init() == "concurrent_transactions"
        assert await new.init() == NONE
        assert await new.send(b"new") == NONE
        error = await old.produce(b"zombie", sequence=1)
        assert error == "invalid_producer_epoch"
        assert await old.end(commit=True) == "producer_fenced"
        assert await new.end(commit=True) == NONE
        assert await committed_values(services, "t") == [b"new"]


async def test_records_outside_their_transaction_are_refused(is_new: bool) -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=False)
        await producer.init()
        assert await producer.produce(b"x", sequence=0) == "invalid_txn_state"
        stranger = TransactionalProducer(services, "nobody", is_new=is_new)
        stranger.producer_id, stranger.epoch = 5, 0
        assert await stranger.produce(b"x", sequence=0) == "invalid_producer_id_mapping"
        assert await committed_values(services, "t") == []


async def test_a_disk_without_room_for_producer_ids_refuses_and_recovers(
    is_new: bool, caplog: pytest.LogCaptureFixture
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        disk.room_bytes = 0
        assert await producer.init() == "coordinator_not_available"
        assert "no producer id: " in caplog.text
        disk.room_bytes = None
        assert await producer.init() == NONE
        assert await producer.send(b"x") == NONE
        assert await producer.end(commit=True) == NONE
        assert await committed_values(services, "t") == [b"x"]


async def test_a_transaction_that_takes_too_long_is_aborted(is_new: bool) -> None:
    clock = VirtualClock()
    async with simulated_broker(clock=clock) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init(timeout_ms=1_000)
        await producer.send(b"x")
        clock.advance(1_001)
        services.transactions.keep_time()
        for _ in range(5):
            services.appends.flush()
        await produce(services, b"behind")
        assert await committed_values(services, "t") == [b"behind"]
        assert await producer.end(commit=True) == "producer_fenced"


@pytest.mark.parametrize("commit", [True, False])
async def test_offsets_count_when_their_transaction_does(is_new: bool, commit: bool) -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        assert await producer.commit_offset("g", 7, metadata="m") == NONE
        assert await _fetched_offset(services) == (-1, "", NONE)
        assert await _fetched_offset(services, require_stable=True) == (
            -1,
            "",
            "unstable_offset_commit",
        )
        await producer.end(commit=commit)
        expected = (7, "m", NONE) if commit else (-1, "", NONE)
        assert await _fetched_offset(services, require_stable=True) == expected


async def test_the_offset_that_was_written_last_counts_also_after_a_restart(is_new: bool) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.commit_offset("g", 5)
        await _commit_plainly(services, 9)
        await producer.end(commit=True)
        assert (await _fetched_offset(services))[0] == 9
    async with simulated_broker(disk) as services:
        assert (await _fetched_offset(services))[0] == 9


async def test_what_was_open_is_open_after_a_restart(is_new: bool) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.send(b"x")
        await producer.commit_offset("g", 3)
    async with simulated_broker(disk) as services:
        producer.services = services
        assert await committed_values(services, "t") == []
        assert await _fetched_offset(services, require_stable=True) == (
            -1,
            "",
            "unstable_offset_commit",
        )
        assert await producer.send(b"y") == NONE
        assert await producer.end(commit=True) == NONE
        assert await committed_values(services, "t") == [b"x", b"y"]
        assert (await _fetched_offset(services))[0] == 3


@pytest.mark.parametrize("has_restarted", [False, True])
async def test_no_marker_brings_back_an_offset_that_was_deleted_meanwhile(
    is_new: bool, has_restarted: bool
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await _commit_plainly(services, 9)
        await producer.commit_offset("g", 5)
        answer = await converse(services, ApiKey.DELETE_GROUPS, 2, groups_names=["g"])
        assert code(answer.results[0]) == NONE
        if not has_restarted:
            assert await producer.end(commit=True) == NONE
            assert await _fetched_offset(services) == (-1, "", NONE)
    async with simulated_broker(disk) as services:
        producer.services = services
        assert await _fetched_offset(services, require_stable=True) == (-1, "", NONE)
        if has_restarted:
            assert await producer.end(commit=True) == NONE
        assert await _fetched_offset(services) == (-1, "", NONE)


async def test_a_decision_that_a_disk_kept_from_partitions_reaches_them_later(
    is_new: bool,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.send(b"x")
        # Room for the decision, but not for the marker behind it.
        disk.room_bytes = 150
        assert await producer.end(commit=True) == NONE
        disk.room_bytes = 0
        assert await committed_values(services, "t") == []
        disk.room_bytes = None
        services.transactions.keep_time()
        for _ in range(5):
            services.appends.flush()
        assert await committed_values(services, "t") == [b"x"]
        assert await producer.send(b"y") == NONE


async def test_what_could_not_be_decided_is_as_before(is_new: bool) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.send(b"x")
        disk.room_bytes = 10
        assert await producer.end(commit=True) == "coordinator_not_available"
        disk.room_bytes = None
        assert await producer.end(commit=True) == NONE
        assert await committed_values(services, "t") == [b"x"]


async def test_with_synced_acknowledgements_a_transaction_ends_all_the_same(is_new: bool) -> None:
    async with simulated_broker(flush_acks=FlushAcks.WAIT) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new, conversation=_converse_synced)
        assert await producer.init() == NONE
        assert await producer.send(b"x") == NONE
        assert await producer.end(commit=True) == NONE
        assert await committed_values(services, "t") == [b"x"]


async def test_a_deleted_topic_does_not_hold_up_a_commit(is_new: bool) -> None:
    async with simulated_broker() as services:
        create(services, "t")
        create(services, "gone")
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.send(b"x")
        await producer.send(b"y", topic="gone")
        await converse(services, ApiKey.DELETE_TOPICS, 1, topic_names=["gone"])
        assert await producer.end(commit=True) == NONE
        assert await committed_values(services, "t") == [b"x"]


async def test_a_waiting_reader_of_committed_records_wakes_with_the_commit(is_new: bool) -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.send(b"x")
        body = request_bytes(
            ApiKey.FETCH,
            11,
            max_wait=1000,
            min_bytes=1,
            max_bytes=1 << 20,
            isolation_level=1,
            topics=wanted(services, 0),
        )
        reply = ask(services, ApiKey.FETCH, 11, body)
        assert services.fetches.parked_count == 1
        await producer.send(b"y")
        assert services.fetches.parked_count == 1, "nothing new that it may read"
        await producer.end(commit=True)
        assert services.fetches.parked_count == 0
        assert b"x" in await answered(reply)


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_transactions_and_producers_are_told_to_operators(is_new: bool, version: int) -> None:
    async with simulated_broker() as services:
        create(services)
        producer = TransactionalProducer(services, is_new=is_new)
        await producer.init()
        await producer.send(b"x")
        listed = await converse(
            services,
            ApiKey.LIST_TRANSACTIONS,
            version,
            state_filters=["Ongoing", "Odd"],
            duration_filter=-1,
            transactional_id_pattern="t.",
        )
        assert [each.transactional_id for each in listed.transaction_states] == ["tx"]
        assert listed.unknown_state_filters == ("Odd",)
        described = await converse(
            services, ApiKey.DESCRIBE_TRANSACTIONS, 0, transactional_ids=["tx", "other", ""]
        )
        known, unknown, empty = described.transaction_states
        assert (known.transaction_state, known.producer_id) == ("Ongoing", producer.producer_id)
        assert [(each.topic, each.partitions) for each in known.topics] == [("t", (0,))]
        assert [code(unknown), code(empty)] == ["transactional_id_not_found", "invalid_request"]
        writing = await converse(
            services,
            ApiKey.DESCRIBE_PRODUCERS,
            0,
            topics=[{"name": "t", "partition_indexes": [0, 9]}],
        )
        here, nowhere = writing.topics[0].partitions
        (active,) = here.active_producers
        assert (active.producer_id, active.current_txn_start_offset) == (producer.producer_id, 0)
        assert code(nowhere) == "unknown_topic_or_partition"


async def test_a_pattern_that_is_none_is_refused_and_one_that_never_ends_is_harmless(
    is_new: bool,
) -> None:
    async with simulated_broker() as services:
        producer = TransactionalProducer(services, "a" * 60, is_new=is_new)
        await producer.init()
        for pattern, error in [("(", "invalid_regular_expression"), ("(a+)+b", NONE)]:
            listed = await converse(
                services,
                ApiKey.LIST_TRANSACTIONS,
                2,
                duration_filter=-1,
                transactional_id_pattern=pattern,
            )
            assert (code(listed), listed.transaction_states) == (error, ())


async def _fetched_offset(
    services: BrokerServices, *, require_stable: bool = False
) -> tuple[int, str, str]:
    """The offset that group g has committed for partition 0, its metadata and the error."""
    answer = await converse(
        services,
        ApiKey.OFFSET_FETCH,
        7,
        group_id="g",
        topics=[{"name": "t", "partition_indexes": [0]}],
        require_stable=require_stable,
    )
    (partition,) = answer.topics[0].partitions
    return partition.committed_offset, partition.metadata or "", code(partition)


async def _commit_plainly(services: BrokerServices, offset: int) -> None:
    partition = {"partition_index": 0, "committed_offset": offset, "committed_metadata": ""}
    answer = await converse(
        services,
        ApiKey.OFFSET_COMMIT,
        8,
        group_id="g",
        generation_id=-1,
        generation_id_or_member_epoch=-1,
        member_id="",
        topics=[{"name": "t", "partitions": [partition]}],
    )
    assert code(answer.topics[0].partitions[0]) == NONE


async def _converse_synced(
    services: BrokerServices, api: ApiKey, version: int, **fields: Any
) -> Any:
    """Ask where answers wait for the disk: sync until the answer is there."""
    reply = ask(services, api, version, request_bytes(api, version, **fields))
    assert isinstance(reply, PendingReply)
    while reply.body is None:
        services.appends.flush()
        await services.durability.sync(checkpoint=False)
    return response_of(api, version, await answered(reply))

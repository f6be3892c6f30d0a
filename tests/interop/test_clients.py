"""What every Kafka client must be able to do, said once and held by three real ones."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from groundwork.real.clocks import SystemClock
from tests.support.broker_process import BrokerProcess
from tests.support.kafka_clients import CLIENTS, Client, Member, Read, Sent

pytestmark = [
    pytest.mark.interop,
    # kafka-python reads its schemas in a way that Python 3.11 and 3.12 only warn about.
    # It also drops sockets of connections that failed without closing them.
    pytest.mark.filterwarnings("ignore:.*<socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
]

PARTITIONS = 4
WITHIN_MS = 40_000
# Lately: retention would take older records away under the test.
START_MS = SystemClock().now_ms() - 3_600_000
CODECS = ("gzip", "snappy", "lz4", "zstd")


@pytest.fixture(autouse=True)
def _collect_garbage() -> Iterator[None]:
    """What a client leaves behind is collected here, not in somebody else's test."""
    yield
    gc.collect()


@pytest.fixture(params=list(CLIENTS))
def client_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(client_name: str, address: str) -> Client:
    return made(client_name, address)


@pytest.fixture
def join(client: Client) -> Iterator[Callable[[str, str], Member]]:
    """Make members that are closed whatever happens."""
    members: list[Member] = []

    def make(topic: str, group: str) -> Member:
        members.append(client.member(topic, group))
        return members[-1]

    yield make
    for member in members:
        member.close()


def made(client_name: str, address: str) -> Client:
    return CLIENTS[client_name](address)  # type: ignore[call-arg]  # each takes its address


def numbered(count: int, *, first: int = 0) -> list[Sent]:
    return [
        Sent(
            key=b"key-%d" % (number % 50),
            value=b"value-%d" % number,
            timestamp_ms=START_MS + number * 1000,
            headers=(("n", b"%d" % number), ("empty", b"")),
        )
        for number in range(first, first + count)
    ]


def poll_until(members: list[Member], fact: Callable[[list[Read]], bool]) -> list[Read]:
    """Poll all members until `fact` holds of what they have read together."""
    read: list[Read] = []
    deadline = SystemClock().monotonic_ms() + WITHIN_MS
    while not fact(read):
        so_far = f"{len(read)} records, {[member.assigned() for member in members]}"
        assert SystemClock().monotonic_ms() < deadline, so_far
        for member in members:
            read += member.poll()
    return read


def by_key(records: list[Sent]) -> list[Sent]:
    return sorted(records, key=lambda record: (record.timestamp_ms, record.key))


def test_topics_are_created_described_and_deleted(client: Client, name: str) -> None:
    client.create_topic(name, partitions=3)
    assert client.partition_count(name) == 3
    client.delete_topic(name)
    assert client.partition_count(name) == 0


def test_a_group_reads_every_record_once_and_whole(
    client: Client, name: str, join: Callable[[str, str], Member]
) -> None:
    sent = [*numbered(500), Sent(key=b"gone", value=None, timestamp_ms=START_MS)]
    client.produce(name, sent)
    read = poll_until([join(name, name)], lambda read: len(read) >= len(sent))
    assert by_key([record.sent for record in read]) == by_key(sent)
    assert len({(record.partition, record.offset) for record in read}) == len(sent)


@pytest.mark.parametrize("codec", CODECS)
def test_compressed_batches_pass_unharmed(
    client: Client, client_name: str, address: str, name: str, codec: str
) -> None:
    sent = numbered(300)
    try:
        client.produce(name, sent, codec=codec)
    except (AssertionError, RuntimeError) as error:
        if "ibraries for" in str(error) or "ompression" in str(error):
            pytest.skip(f"{client_name} has no {codec} here: {error}")
        raise
    reader = made("confluent-kafka", address).member(name, name)
    try:
        read = poll_until([reader], lambda read: len(read) >= len(sent))
    finally:
        reader.close()
    assert by_key([record.sent for record in read]) == by_key(sent)


def test_partitions_are_shared_when_a_second_member_joins_and_taken_back_when_it_leaves(
    client: Client, name: str, join: Callable[[str, str], Member]
) -> None:
    client.create_topic(name, partitions=PARTITIONS)
    first = join(name, name)
    poll_until([first], lambda _: len(first.assigned()) == PARTITIONS)
    second = client.member(name, name)
    poll_until(
        [first, second],
        lambda _: (
            len(first.assigned()) == len(second.assigned()) == PARTITIONS // 2
            and not first.assigned() & second.assigned()
        ),
    )
    second.close()
    poll_until([first], lambda _: len(first.assigned()) == PARTITIONS)


def test_partitions_of_a_killed_member_go_to_the_other(
    client: Client, client_name: str, address: str, name: str, join: Callable[[str, str], Member]
) -> None:
    client.create_topic(name, partitions=PARTITIONS)
    command = [sys.executable, "-m", "tests.support.group_member", client_name, address, name, name]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "assigned\n"
            member = join(name, name)
            poll_until([member], lambda _: len(member.assigned()) == PARTITIONS // 2)
        finally:
            other.kill()
    poll_until([member], lambda _: len(member.assigned()) == PARTITIONS)


def test_a_group_goes_on_where_it_has_committed(client: Client, name: str) -> None:
    client.produce(name, numbered(100))
    first = client.member(name, name)
    read = poll_until([first], lambda read: len(read) >= 100)
    first.commit()
    first.close()
    client.produce(name, numbered(50, first=100))
    second = client.member(name, name)
    more = poll_until([second], lambda read: len(read) >= 50)
    second.close()
    assert by_key([record.sent for record in more]) == numbered(50, first=100)
    assert len(read) == 100


def test_offsets_are_found_by_time(client: Client, name: str) -> None:
    client.create_topic(name, partitions=1)
    client.produce(name, numbered(100))
    assert client.offsets_at(name, 1, START_MS) == {0: 0}
    assert client.offsets_at(name, 1, START_MS + 41_500) == {0: 42}
    assert client.offsets_at(name, 1, START_MS + 1_000_000) == {0: None}


def test_after_kill_9_the_log_is_whole_and_the_group_goes_on(
    client_name: str, tmp_path: Path, name: str
) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        client = made(client_name, broker.address)
        client.produce(name, numbered(200))
        first = client.member(name, name)
        poll_until([first], lambda read: len(read) >= 200)
        first.commit()
        client.produce(name, numbered(100, first=200))
        broker.kill()
        broker.start()
        first.close()
        second = made(client_name, broker.address).member(name, name)
        more = poll_until([second], lambda read: len(read) >= 100)
        second.close()
    assert by_key([record.sent for record in more]) == numbered(100, first=200)


def test_a_running_member_reads_on_after_the_broker_was_killed(
    client_name: str, tmp_path: Path, name: str
) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        client = made(client_name, broker.address)
        client.produce(name, numbered(50))
        member = client.member(name, name)
        poll_until([member], lambda read: len(read) >= 50)
        member.commit()
        broker.kill()
        broker.start()
        made(client_name, broker.address).produce(name, numbered(50, first=50))
        more = poll_until([member], lambda read: len(read) >= 50)
        member.commit()
        member.close()
    assert by_key([record.sent for record in more]) == numbered(50, first=50)

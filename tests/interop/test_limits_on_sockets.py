"""Peers that are too many, too silent or too slow, on real sockets: cut, and nobody else is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamcore.wire.api_keys import ApiKey
from tests.support.broker_process import BrokerProcess
from tests.support.certificates import Certificates, make_certificates
from tests.support.eventually import eventually
from tests.support.kio_peer import request_bytes
from tests.support.raw_kafka import RawConnection
from tests.support.secured_clients import Login, tls_connection

pytestmark = pytest.mark.interop

VALUE_BYTES = 900_000
VALUES = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def bystander(broker: BrokerProcess) -> Iterator[RawConnection]:
    """Somebody else's connection: answered before, and answered after."""
    with RawConnection(broker.address) as connection:
        assert connection.is_answered()
        yield connection
        assert connection.is_answered()


@pytest.fixture(scope="module")
def broker(
    tmp_path_factory: pytest.TempPathFactory, files: Certificates
) -> Iterator[BrokerProcess]:
    """Impatient, and with a topic that holds more than sockets do."""
    data_dir: Path = tmp_path_factory.mktemp("limits") / "broker"
    process = BrokerProcess(
        data_dir,
        slow_peer_timeout_ms=1_500,
        max_connections_per_ip=12,
        ssl_certificate_location=files.server,
    )
    with process.listening_too("SSL") as broker:
        fill(broker.address)
        yield broker


def fill(address: str) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    for _ in range(VALUES):
        producer.produce("large", bytes(VALUE_BYTES), partition=0)
    assert producer.flush(40) == 0


def fetch_all() -> bytes:
    """A request for all of it at once."""
    partition = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 30}
    return request_bytes(
        ApiKey.FETCH,
        4,
        replica_id=-1,
        max_wait=0,
        min_bytes=1,
        max_bytes=1 << 30,
        topics=[{"topic": "large", "partitions": [partition]}],
    )


async def test_a_peer_that_takes_none_of_its_answers_is_cut(
    broker: BrokerProcess, bystander: RawConnection
) -> None:
    with RawConnection(broker.address) as greedy:
        greedy.send_request(ApiKey.FETCH, 4, fetch_all())
        peer = f"127.0.0.1:{greedy.local_port}"
        await eventually(lambda: cut_in(broker, peer, "it does not take its answers"))


async def test_a_peer_that_takes_none_of_its_answers_over_tls_is_cut(
    broker: BrokerProcess, files: Certificates, bystander: RawConnection
) -> None:
    login = Login(protocol="SSL", ca=files.ca)
    with tls_connection(broker.addresses["SSL"], login) as greedy:
        body = fetch_all()
        head = b"\0\1\0\4\0\0\0\1\0\3raw"
        greedy.sendall((len(head) + len(body)).to_bytes(4) + head + body)
        peer = f"127.0.0.1:{greedy.getsockname()[1]}"
        await eventually(lambda: cut_in(broker, peer, "it does not take its answers"))


def cut_in(broker: BrokerProcess, peer: str, reason: str) -> bool:
    lines = broker.journal_path.read_text().splitlines()
    return any(peer in line and reason in line for line in lines)


async def test_connections_of_one_host_are_bounded(
    broker: BrokerProcess, bystander: RawConnection
) -> None:
    connections = [RawConnection(broker.address) for _ in range(20)]
    answered = [connection.is_answered() for connection in connections]
    assert 8 <= sum(answered) <= 11
    assert "it has 12 connections already" in broker.journal_path.read_text()
    for connection in connections:
        connection.close()
    await eventually(lambda: is_let_in(broker))


def is_let_in(broker: BrokerProcess) -> bool:
    with RawConnection(broker.address) as connection:
        return connection.is_answered()


async def test_silence_ends_a_connection_and_requests_keep_it(tmp_path: Path) -> None:
    with (
        BrokerProcess(tmp_path / "broker", connections_max_idle_ms=1_500) as broker,
        RawConnection(broker.address) as silent,
        RawConnection(broker.address) as busy,
    ):
        await eventually(lambda: busy.is_answered() and silent.has_ended())
        assert busy.is_answered()
        assert broker.journal_path.read_text() == "", "silence is nobody's fault"

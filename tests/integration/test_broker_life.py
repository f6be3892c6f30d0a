"""A broker process: how it starts, how it ends, and what is left when it is killed."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_process import BrokerProcess
from tests.support.kio_peer import request_bytes, response_of
from tests.support.raw_client import RawClient
from tests.support.simulated_broker import batch_of

pytestmark = pytest.mark.integration

PRODUCER = {"producer_id": 5, "producer_epoch": 0}
TOPIC = "life"


def create_topic(client: RawClient) -> None:
    body = request_bytes(
        ApiKey.METADATA, 4, topics=[{"name": TOPIC}], allow_auto_topic_creation=True
    )
    answer = response_of(ApiKey.METADATA, 4, client.ask(ApiKey.METADATA, 4, body))
    assert answer.topics[0].error_code.name == "none"


def produce_body(number: int) -> bytes:
    batch = batch_of(b"value %d" % number, **PRODUCER, base_sequence=number)
    partitions = [{"index": 0, "records": batch}]
    return request_bytes(
        ApiKey.PRODUCE, 7, acks=-1, topic_data=[{"name": TOPIC, "partition_data": partitions}]
    )


def base_offset(body: bytes) -> int:
    answer = response_of(ApiKey.PRODUCE, 7, body)
    partition = answer.responses[0].partition_responses[0]
    assert partition.error_code.name == "none"
    return int(partition.base_offset)


def fetch_body(offset: int, *, max_wait_ms: int = 0, bytes_min: int = 0) -> bytes:
    partitions = [{"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20}]
    return request_bytes(
        ApiKey.FETCH,
        11,
        max_wait=max_wait_ms,
        min_bytes=bytes_min,
        topics=[{"topic": TOPIC, "partitions": partitions}],
    )


def fetched(client: RawClient, offset: int) -> Any:
    answer = response_of(ApiKey.FETCH, 11, client.ask(ApiKey.FETCH, 11, fetch_body(offset)))
    return answer.responses[0].partitions[0]


def all_values(client: RawClient) -> list[bytes | None]:
    values: list[bytes | None] = []
    while True:
        data = bytes(fetched(client, len(values)).records or b"")
        if not data:
            return values
        while data:
            size = int.from_bytes(data[8:12]) + 12
            values += [record.value for record in read_records(data[:size])]
            data = data[size:]


def broker_command(data_dir: Path, address: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "streamcore.commands",
        "broker",
        "--listen",
        address,
        "--data-dir",
        str(data_dir),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_is_lost_and_no_retry_doubles_when_it_is_killed(
    tmp_path: Path, seed: int
) -> None:
    broker = BrokerProcess(tmp_path / "data", checkpoint_interval_ms=20, flush_interval_ms=5)
    broker.start()
    in_flight = 5
    acknowledged = 0
    with RawClient(broker.address) as client:
        create_topic(client)
        for number in range(200 + 50 * seed):
            client.send(ApiKey.PRODUCE, 7, produce_body(number))
            if number >= in_flight:
                assert base_offset(client.receive()) == acknowledged
                acknowledged += 1
    broker.kill()

    broker.start()
    with RawClient(broker.address) as client:
        end = fetched(client, 0).high_watermark
        assert end >= acknowledged
        # As a client does that saw no answer: everything unacknowledged is sent again.
        for number in range(acknowledged, acknowledged + in_flight):
            assert base_offset(client.ask(ApiKey.PRODUCE, 7, produce_body(number))) == number
        assert all_values(client) == [b"value %d" % n for n in range(acknowledged + in_flight)]
    assert broker.stop() == 0


def test_it_ends_in_order_and_starts_again_without_a_check(tmp_path: Path) -> None:
    broker = BrokerProcess(tmp_path / "data")
    broker.start()
    with RawClient(broker.address) as client, RawClient(broker.address) as waiting:
        create_topic(client)
        assert base_offset(client.ask(ApiKey.PRODUCE, 7, produce_body(0))) == 0
        waiting.send(ApiKey.FETCH, 11, fetch_body(1, max_wait_ms=60_000, bytes_min=1))
        client.ask(ApiKey.API_VERSIONS, 0, b"")
        started = time.monotonic()  # noqa: TID251  # how long a real process takes to end
        assert broker.stop() == 0
        assert time.monotonic() - started < 5  # noqa: TID251  # how long a real process takes to end
        answer = response_of(ApiKey.FETCH, 11, waiting.receive())
        assert answer.responses[0].partitions[0].high_watermark == 1
    broker.start()
    with RawClient(broker.address) as client:
        assert all_values(client) == [b"value 0"]
    assert broker.stop() == 0
    assert broker.journal_path.read_text() == ""


def test_a_busy_port_is_one_line_and_status_1(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "one") as broker:
        ended = subprocess.run(
            broker_command(tmp_path / "two", broker.address),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert ended.returncode == 1
        assert ended.stderr == f"broker cannot start: {broker.address} is in use\n"
        assert ended.stdout == ""


def test_a_data_directory_has_one_broker(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "one"):
        ended = subprocess.run(
            broker_command(tmp_path / "one", "127.0.0.1:0"),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert ended.returncode == 1
        assert "is in use by another broker" in ended.stderr


def test_a_catalogue_that_cannot_be_read_is_said_and_left_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "topics.json").write_text("{")
    ended = subprocess.run(
        broker_command(data_dir, "127.0.0.1:0"),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert "topics.json is unreadable" in ended.stderr
    assert (data_dir / "topics.json").read_text() == "{"


def test_it_ends_on_an_interrupt_too(tmp_path: Path) -> None:
    process = subprocess.Popen(
        broker_command(tmp_path / "data", "127.0.0.1:0"), stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready kafka://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def kernel_timers(port: int) -> set[str]:
    """The timers of a port's connections, as proc(5) numbers them: 02 is keepalive."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        row[5].split(":")[0] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"
    }


def test_the_kernel_watches_peers_that_may_vanish(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "data") as broker, RawClient(broker.address) as client:
        client.ask(ApiKey.API_VERSIONS, 0, b"")
        assert kernel_timers(int(broker.address.rpartition(":")[2])) == {"02"}


def test_its_figures_are_served_for_prometheus(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        BrokerProcess(tmp_path / "data", metrics_port=port) as broker,
        RawClient(broker.address) as client,
    ):
        create_topic(client)
        client.ask(ApiKey.PRODUCE, 7, produce_body(0))
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{port}/other", timeout=10)
    assert "hailstream_broker_appended_batches_total 1\n" in text
    assert "hailstream_broker_connections 1\n" in text

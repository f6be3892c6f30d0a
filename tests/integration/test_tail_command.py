"""`hailstream tail` against a real broker: where it begins, where it stops, what it shows."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from groundwork.real.clocks import SystemClock
from hailstream.tail import app
from rideflow.contracts.pings import PING
from rideflow.contracts.topics import DRIVER_PINGS
from tests.support.broker_process import running_broker
from tests.support.commands import Commands
from tests.support.kafka_clients import ConfluentClient, Sent

pytestmark = pytest.mark.integration

RECORDS = 20
LOOK_EVERY_S = 0.1
START_MS = SystemClock().now_ms() - 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("tail")) as address:
        client = ConfluentClient(address)
        client.create_topic("events", partitions=2)
        client.produce(
            "events",
            [
                Sent(
                    key=b"%d" % (number % 5),
                    value=b'{"number": %d}' % number,
                    timestamp_ms=START_MS + number,
                    headers=(("trace", b"\xff"),),
                )
                for number in range(RECORDS)
            ],
        )
        ping = np.zeros(1, PING)
        ping["lat_e7"], ping["lon_e7"] = 577_089_000, 119_746_000
        client.create_topic(DRIVER_PINGS.name, partitions=1)
        client.produce(
            DRIVER_PINGS.name, [Sent(key=b"d1", value=ping.tobytes(), timestamp_ms=START_MS)]
        )
        yield address


@pytest.fixture
def tail(address: str) -> Commands:
    return Commands(address, app)


def shown(tail: Commands, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tail.run(*words).splitlines()]


def numbers(lines: list[dict[str, Any]]) -> list[int]:
    return sorted(line["value"]["number"] for line in lines)


def test_it_stops_at_the_end_when_it_was_told_where_to_begin(tail: Commands) -> None:
    assert numbers(shown(tail, "events", "--from", "earliest")) == list(range(RECORDS))
    when = datetime.fromtimestamp((START_MS + 15) / 1000, UTC).isoformat()
    assert numbers(shown(tail, "events", "--since", when)) == list(range(15, RECORDS))
    assert len(shown(tail, "events", "--since", "1h")) == RECORDS
    assert shown(tail, "events", "--from", "latest") == []


def test_records_are_chosen_by_partition_place_key_and_number(tail: Commands) -> None:
    found = shown(tail, "events", "--from", "2", "-p", "1")
    assert {line["partition"] for line in found} == {1}
    assert [line["offset"] for line in found] == list(range(2, 2 + len(found)))
    assert {line["key"] for line in shown(tail, "events", "--from", "0", "--key", "3")} == {"3"}
    assert len(shown(tail, "events", "--from", "earliest", "-n", "7")) == 7
    assert [line["partition"] for line in shown(tail, "events", "--last", "1")] in (
        [0, 1],
        [1, 0],
    )


def test_headers_are_shown_where_they_are_asked_for(tail: Commands) -> None:
    (line,) = shown(tail, "events", "--from", "0", "-n", "1", "--headers")
    assert line["headers"] == {"trace": "base64:/w=="}
    (line,) = shown(tail, "events", "--from", "0", "-n", "1")
    assert line.keys() == {"partition", "offset", "timestamp_ms", "key", "value"}


def test_our_packed_formats_are_unpacked(tail: Commands) -> None:
    (line,) = shown(tail, DRIVER_PINGS.name, "--from", "earliest")
    assert (line["key"], line["timestamp_ms"]) == ("d1", START_MS)
    assert (line["value"]["lat"], line["value"]["lon"]) == (57.7089, 11.9746)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("event",), "no topic 'event'"),
        (("events", "-p", "4"), "events has no partition 4; it has 2"),
        (("events", "--from", "-x"), "--from '-x' is neither earliest, latest nor an offset"),
        (("events", "--since", "noon"), "--since 'noon' is not a time"),
        (("events", "--since", "1h", "--last", "3"), "give one of --from, --since and --last"),
    ],
)
def test_what_cannot_be_shown_is_said(tail: Commands, words: tuple[str, ...], why: str) -> None:
    assert why in tail.refusal(*words)


@pytest.mark.parametrize(
    "words", [("--count", "100"), ("--last", "1", "--follow")], ids=["new", "follow"]
)
def test_it_waits_for_what_comes_until_it_is_told_to_stop(
    address: str, words: tuple[str, ...]
) -> None:
    topic = f"live{words[0]}"
    client = ConfluentClient(address)
    client.create_topic(topic, partitions=1)
    command = [sys.executable, "-m", "hailstream", "tail", topic, *words]
    process = subprocess.Popen(
        [*command, "--bootstrap-servers", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        sent = 0
        while not select.select([process.stdout], [], [], LOOK_EVERY_S)[0]:
            client.produce(topic, [Sent(key=b"k", value=b"%d" % sent, timestamp_ms=START_MS)])
            sent += 1
        assert json.loads(process.stdout.readline())["value"] < sent
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")

"""The commands of the log against a real broker: what they print, and how they fail."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from groundwork.real.clocks import SystemClock
from streamcore.commands.app import app
from tests.support.broker_process import BrokerDidNotStart, BrokerProcess
from tests.support.kafka_clients import ConfluentClient, Sent

pytestmark = pytest.mark.integration

RECORDS = 30
# Lately: retention would take older records away under the test.
START_MS = SystemClock().now_ms() - 60_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    data_dir: Path = tmp_path_factory.mktemp("commands") / "broker"
    with BrokerProcess(data_dir) as broker:
        client = ConfluentClient(broker.address)
        client.create_topic("pings", partitions=2)
        client.produce(
            "pings",
            [
                Sent(
                    key=b"%d" % number,
                    value=b"v\xff" if number else None,
                    timestamp_ms=START_MS + number,
                )
                for number in range(RECORDS)
            ],
        )
        member = client.member("pings", "readers")
        read = 0
        while read < RECORDS:
            read += len(member.poll())
        member.commit()
        member.close()
        yield broker


def run(*arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == (1 if fails else 0), result.output
    return result.output


def at(broker: BrokerProcess) -> tuple[str, str]:
    return "--bootstrap-servers", broker.address


def test_topics_are_created_listed_described_and_deleted(broker: BrokerProcess) -> None:
    made = ("topics", "create", "mine", "--partitions", "3", "--config", "retention.ms=60000")
    run(*made, *at(broker))
    listed = json.loads(run("topics", "list", "--json", *at(broker)))
    assert {"topic": "mine", "partitions": 3} in listed
    described = json.loads(run("topics", "describe", "mine", "--json", *at(broker)))
    assert described["configs"] == {"retention.ms": "60000"}
    assert [row["partition"] for row in described["partitions"]] == [0, 1, 2]
    assert "already exists" in run(*made, *at(broker), fails=True)
    run("topics", "delete", "mine", *at(broker))
    assert "no topic 'mine'" in run("topics", "describe", "mine", *at(broker), fails=True)


def test_lag_is_what_a_group_has_not_read(broker: BrokerProcess) -> None:
    described = json.loads(run("groups", "describe", "readers", "--json", *at(broker)))
    assert described["state"] == "empty"
    assert [row["lag"] for row in described["partitions"]] == [0, 0]
    run("groups", "reset-offsets", "readers", "--topic", "pings", "--to", "earliest", *at(broker))
    described = json.loads(run("groups", "describe", "readers", "--json", *at(broker)))
    assert sum(row["lag"] for row in described["partitions"]) == RECORDS


def test_a_dry_run_only_shows_the_offsets_of_a_time(broker: BrokerProcess) -> None:
    when = datetime.fromtimestamp((START_MS + 10) / 1000, UTC).isoformat()
    arguments = ("reset-offsets", "idlers", "--topic", "pings", "--to", when, "--dry-run", "--json")
    rows = json.loads(run("groups", *arguments, *at(broker)))
    assert 0 < sum(row["after"] for row in rows) < RECORDS
    assert "no group 'idlers'" in run("groups", "describe", "idlers", *at(broker), fails=True)


def test_a_place_that_is_none_is_refused(broker: BrokerProcess) -> None:
    arguments = ("groups", "reset-offsets", "readers", "--topic", "pings", "--to", "noon")
    assert "--to 'noon' is neither" in run(*arguments, *at(broker), fails=True)


def test_a_group_is_deleted(broker: BrokerProcess) -> None:
    arguments = ("reset-offsets", "passing", "--topic", "pings", "--to", "latest")
    run("groups", *arguments, *at(broker))
    assert "passing" in run("groups", "list", *at(broker))
    run("groups", "delete", "passing", *at(broker))
    assert "passing" not in run("groups", "list", *at(broker))


def test_a_segment_is_dumped_batch_by_batch(broker: BrokerProcess) -> None:
    rows = []
    for file in sorted(broker.data_dir.glob("logs/pings@*/*/*.log")):
        out = run("dump-segment", str(file), "--records", "--json")
        rows += [json.loads(line) for line in out.splitlines()]
    batches = [row for row in rows if "crc" in row]
    records = [row for row in rows if "key" in row]
    assert sum(batch["records"] for batch in batches) == len(records) == RECORDS
    assert {record["value"] for record in records} == {None, "0x76ff"}


def test_a_corrupt_segment_is_named_with_its_place(broker: BrokerProcess, tmp_path: Path) -> None:
    file = next(f for f in broker.data_dir.glob("logs/pings@*/*/*.log") if f.stat().st_size)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    (tmp_path / "bad.log").write_bytes(data)
    out = run("dump-segment", str(tmp_path / "bad.log"), fails=True)
    assert "bad.log: at byte" in out
    assert "CRC-32C does not match" in out
    assert "missing.log: No such file" in run("dump-segment", "missing.log", fails=True)


def test_a_broker_that_does_not_answer_is_named() -> None:
    out = run("topics", "list", "--bootstrap-servers", "127.0.0.1:1", fails=True)
    assert "127.0.0.1:1: no broker answers" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--listen", "nowhere"), "--listen 'nowhere' is not HOST:PORT"),
        (("-X", "no.such=1"), "unknown setting 'no.such'"),
        (("-X", "num.partitions=many"), "'many' is not a whole number"),
        (("-X", "num.partitions"), "-X 'num.partitions' is not key=value"),
    ],
    ids=["listen", "unknown", "unreadable", "no-value"],
)
def test_a_wrong_option_of_the_broker_is_named(
    tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    assert why in run("broker", "--data-dir", str(tmp_path), *arguments, fails=True)


def test_a_busy_port_is_said_in_one_line(broker: BrokerProcess, tmp_path: Path) -> None:
    second = BrokerProcess(tmp_path / "other", port=int(broker.address.rpartition(":")[2]))
    with pytest.raises(BrokerDidNotStart, match=r"broker cannot start: 127\.0\.0\.1:\d+ is in use"):
        second.start()

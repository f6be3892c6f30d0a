"""Each part of the broker's bench has figures, and none of a log that is wrong."""

import json
from pathlib import Path

import pytest

from loadlab.broker import paced, starting, upkeep
from loadlab.broker.run import PARTS, main
from loadlab.broker.topics import WrongCount, check_count, make_topic
from tests.support.broker_process import BrokerProcess

pytestmark = pytest.mark.integration

SMALL = {
    "raw": ["--seconds", "0.05"],
    "librdkafka": ["--records", "3000"],
    "paced": ["--rate", "2000", "--paced-seconds", "0.3"],
    "starting": ["--gigabytes", "0.001"],
    "upkeep": [],
}


@pytest.fixture(autouse=True)
def short_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # put back, whatever a bench makes of it
    monkeypatch.setattr(paced, "WARM_UP_S", 0.1)
    monkeypatch.setattr(starting, "STARTS", 1)
    monkeypatch.setattr(starting, "IDLE_S", 0.1)
    monkeypatch.setattr(upkeep, "CHECKED_BYTES", 500_000)
    monkeypatch.setattr(upkeep, "COMPACTED_BYTES", 500_000)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_rows_with_figures(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.json"
    main([part, *SMALL[part], "--json", str(file)])
    rows = json.loads(file.read_text())
    assert rows
    assert all(value >= 0 for row in rows for value in row["figures"].values())
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(row["load"]) for line, row in zip(lines, rows, strict=True))


def test_a_broker_of_any_make_can_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        named = ["--against", broker.address, "--pid", str(broker.pid)]
        main(["librdkafka", *SMALL["librdkafka"], *named])
    assert capsys.readouterr().out.count("us/record") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "'nonsense' is not one of raw, librdkafka, paced, starting, upkeep"),
        (["--against", "127.0.0.1:9092"], "--against and --pid go together"),
        (
            ["starting", "--against", "127.0.0.1:9092", "--pid", "1"],
            "'starting' is not one of raw, librdkafka, paced",
        ),
    ],
)
def test_what_cannot_be_run_is_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert words in capsys.readouterr().err


def test_a_log_that_does_not_hold_what_was_acknowledged_has_no_figures(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        make_topic(broker.address, "t")
        check_count(broker.address, "t", 0)
        with pytest.raises(WrongCount, match="t: 0 records in the log, 1 acknowledged"):
            check_count(broker.address, "t", 1)

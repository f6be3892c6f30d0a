"""`topics` against a real broker: what it changes, what it prints, and how it fails."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from groundwork.real.clocks import SystemClock
from tests.support.broker_process import running_broker
from tests.support.commands import Commands
from tests.support.kafka_clients import ConfluentClient, Sent

pytestmark = pytest.mark.integration

RECORDS = 40
START_MS = SystemClock().now_ms() - 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("topics")) as address:
        yield address


@pytest.fixture
def topics(address: str) -> Commands:
    return Commands(address)


@pytest.fixture
def filled(address: str, topics: Commands) -> str:
    """A topic of two partitions with records a millisecond apart."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    topics.run("topics", "create", name, "--partitions", "2")
    ConfluentClient(address).produce(
        name,
        [
            Sent(key=b"%d" % number, value=b"v", timestamp_ms=START_MS + number)
            for number in range(RECORDS)
        ],
    )
    return name


def own_settings(topics: Commands, name: str) -> dict[str, str]:
    found: dict[str, str] = topics.json("topics", "describe", name)["configs"]
    return found


def deleted(rows: list[dict[str, int]]) -> int:
    return sum(row["deleted"] for row in rows)


def test_a_topic_is_made_grown_altered_and_deleted(topics: Commands) -> None:
    assert topics.json("topics", "create", "life", "--dry-run") == {
        "topic": "life",
        "created": False,
    }
    made = ("topics", "create", "life", "--partitions", "2", "--config", "retention.ms=60000")
    assert topics.json(*made) == {"topic": "life", "created": True}
    assert "already exists" in topics.refusal(*made)
    assert "is there already" in topics.run(*made, "--if-missing")
    grow = ("topics", "add-partitions", "life", "--total", "5")
    assert topics.json(*grow, "--dry-run")["after"] == 2
    assert topics.json(*grow) == {"topic": "life", "before": 2, "after": 5}
    assert "it can only grow" in topics.refusal("topics", "add-partitions", "life", "--total", "1")
    assert {"topic": "life", "partitions": 5} in topics.json("topics", "list")
    assert topics.json("topics", "delete", "life", "--yes") == {"deleted": ["life"]}
    assert "no topic 'life'" in topics.refusal("topics", "describe", "life")


def test_settings_are_altered_one_by_one(topics: Commands, filled: str) -> None:
    alter = ("topics", "alter", filled)
    topics.run(*alter, "--set", "retention.ms=5", "--set", "cleanup.policy=compact", "--dry-run")
    assert own_settings(topics, filled) == {}
    topics.run(*alter, "--set", "retention.ms=90000", "--set", "cleanup.policy=compact")
    topics.run(*alter, "--unset", "retention.ms", "--set", "segment.ms=70000")
    assert own_settings(topics, filled) == {"cleanup.policy": "compact", "segment.ms": "70000"}
    assert "nothing to change" in topics.refusal(*alter)
    assert "there is no remote storage" in topics.refusal(
        *alter, "--set", "remote.storage.enable=true"
    )
    assert "'soon' is not a whole number" in topics.refusal(*alter, "--set", "retention.ms=soon")


def test_all_settings_come_with_where_they_are_from(topics: Commands, filled: str) -> None:
    topics.run("topics", "alter", filled, "--set", "segment.ms=70000")
    told = topics.json("topics", "describe", filled, "--settings")["settings"]
    sources = {row["setting"]: (row["value"], row["source"]) for row in told}
    assert sources["segment.ms"] == ("70000", "topic")
    assert sources["cleanup.policy"] == ("delete", "default")
    table = topics.run("topics", "describe", filled, "--settings")
    assert "segment.ms" in table
    assert "END OFFSET" in table


def test_old_records_are_trimmed_by_time_offset_and_altogether(
    topics: Commands, filled: str
) -> None:
    trim = ("topics", "trim", filled, "--before")
    when = datetime.fromtimestamp((START_MS + RECORDS // 2) / 1000, UTC).isoformat()
    assert deleted(topics.json(*trim, when, "--dry-run")) == RECORDS // 2
    assert deleted(topics.json(*trim, when)) == RECORDS // 2
    assert deleted(topics.json(*trim, when)) == 0
    assert deleted(topics.json(*trim, "1h")) == 0
    (row,) = topics.json(*trim, "end", "--partition", "1")
    assert row["partition"] == 1
    rest = topics.json(*trim, "end")
    assert row["deleted"] + deleted(rest) == RECORDS - RECORDS // 2
    assert "NEW START OFFSET" in topics.run(*trim, "0")


def test_what_cannot_be_trimmed_is_said(topics: Commands, filled: str) -> None:
    assert "is neither an offset, end, nor a time" in topics.refusal(
        "topics", "trim", filled, "--before", "noon"
    )
    assert f"{filled} has no partition 9; it has 2" in topics.refusal(
        "topics", "trim", filled, "--before", "end", "-p", "9"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("describe", "{}"),
        ("alter", "{}", "--set", "retention.ms=1"),
        ("add-partitions", "{}", "--total", "9"),
        ("trim", "{}", "--before", "end"),
        ("delete", "{}"),
    ],
    ids=lambda words: words[0],
)
def test_a_topic_that_is_not_there_is_told_with_names_near_it(
    topics: Commands, filled: str, words: tuple[str, ...]
) -> None:
    wrong = filled[:-1] + "_"
    told = topics.refusal("topics", *[word.format(wrong) for word in words])
    assert f"no topic '{wrong}'" in told
    assert f"did you mean {filled}" in told


def test_a_list_for_people_is_a_table(topics: Commands, filled: str) -> None:
    lines = topics.run("topics", "list").splitlines()
    assert lines[0].split() == ["TOPIC", "PARTITIONS"]
    assert [filled, "2"] in [line.split() for line in lines]


def test_brokers_that_do_not_answer_are_all_named() -> None:
    told = Commands("127.0.0.1:1,127.0.0.1:2").refusal("topics", "list")
    assert "127.0.0.1:1, 127.0.0.1:2: no broker answers (Connection refused" in told
    assert "is not HOST:PORT" in Commands("a:b").refusal("topics", "list")


def test_properties_of_the_client_are_read_from_a_file(
    address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("properties")
    good, bad = folder / "good.properties", folder / "bad.properties"
    good.write_text("# who we are\nclient.id = tools\n\nsecurity.protocol=PLAINTEXT\n")
    bad.write_text("security.protocol=none\n")
    commands = Commands(address)
    listed = commands.run("topics", "list", "--json", "--command-config", str(good))
    assert isinstance(json.loads(listed), list)
    refused = commands.refusal("topics", "list", "--command-config", str(bad))
    assert f"{bad}: security.protocol" in refused
    missing = commands.refusal("topics", "list", "--command-config", str(folder / "none"))
    assert "No such file" in missing


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["topics", "describe", "sh"], ["shell-a", "shell-b"]),
        (["tail", "shell-b"], ["shell-b"]),
        (["groups", "describe", "shell"], ["shell-group"]),
        (["groups", "reset-offsets", "g", "--topic", "shell-a"], ["shell-a"]),
        (["topics", "tri"], ["trim"]),
    ],
    ids=lambda value: value[0],
)
def test_a_shell_completes_names_of_topics_and_groups(
    address: str, topics: Commands, words: list[str], offered: list[str]
) -> None:
    for name in ("shell-a", "shell-b"):
        topics.run("topics", "create", name, "--if-missing")
    reset = ("groups", "reset-offsets", "shell-group", "--topic", "shell-a", "--to", "latest")
    topics.run(*reset)
    environment = {
        **os.environ,
        "HAILSTREAM_BOOTSTRAP_SERVERS": address,
        "_HAILSTREAM_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["hailstream", *words]),
        "COMP_CWORD": str(len(words)),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "hailstream"], env=environment, capture_output=True, text=True
    )
    assert ended.stdout.split() == offered

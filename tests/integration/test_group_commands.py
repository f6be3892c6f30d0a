"""`groups` against a real broker: who reads what, and where it goes on."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from groundwork.real.clocks import SystemClock
from tests.support.broker_process import running_broker
from tests.support.commands import Commands
from tests.support.kafka_clients import ConfluentClient, Member, Sent

pytestmark = pytest.mark.integration

RECORDS = 30
TOPIC = "pings"
START_MS = SystemClock().now_ms() - 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("groups")) as address:
        client = ConfluentClient(address)
        client.create_topic(TOPIC, partitions=2)
        client.create_topic("other", partitions=1)
        client.produce(
            TOPIC,
            [
                Sent(key=b"%d" % number, value=b"v", timestamp_ms=START_MS + number)
                for number in range(RECORDS)
            ],
        )
        yield address


@pytest.fixture
def groups(address: str) -> Commands:
    return Commands(address)


@pytest.fixture
def group() -> str:
    return f"g-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def join(address: str) -> Iterator[Callable[[str], Member]]:
    """Make members of groups that read the topic; they leave with the test."""
    members: list[Member] = []

    def make(group: str) -> Member:
        member = ConfluentClient(address).member(TOPIC, group)
        members.append(member)
        read = 0
        while read < RECORDS:
            read += len(member.poll())
        member.commit()
        return member

    yield make
    for member in members:
        member.close()


def reset(groups: Commands, group: str, *words: str) -> dict[int, int]:
    rows = groups.json("groups", "reset-offsets", group, "--topic", TOPIC, *words)
    return {row["partition"]: row["after"] for row in rows}


def lag(groups: Commands, group: str) -> int:
    found: int = groups.json("groups", "describe", group)["lag"]
    return found


def test_members_are_shown_with_what_each_reads(
    groups: Commands, group: str, join: Callable[[str], Member]
) -> None:
    join(group)
    told = groups.json("groups", "describe", group)
    assert (told["state"], told["assignor"], told["lag"]) == ("stable", "range", 0)
    (member,) = told["members"]
    assert member["partitions"] == {TOPIC: [0, 1]}
    assert {row["member"] for row in told["partitions"]} == {member["member"]}
    table = groups.run("groups", "describe", group, "--members")
    assert f"{group}: stable, 1 members, range, lag 0" in table
    assert f"{TOPIC}:0,1" in table
    assert [row["group"] for row in groups.json("groups", "list", "--state", "stable")] == [group]


def test_a_group_with_members_keeps_its_offsets(
    groups: Commands, group: str, join: Callable[[str], Member]
) -> None:
    join(group)
    to_start = ("reset-offsets", group, "--topic", TOPIC, "--to", "earliest")
    assert "does it have members?" in groups.refusal("groups", *to_start)
    told = groups.refusal("groups", "delete-offsets", group, "--topic", TOPIC)
    assert "GROUP_SUBSCRIBED_TO_TOPIC" in told
    assert "group" in groups.refusal("groups", "delete", group).lower()
    assert lag(groups, group) == 0


def test_offsets_go_to_places_and_moments(groups: Commands, group: str) -> None:
    ends = reset(groups, group, "--to", "latest")
    assert sum(ends.values()) == RECORDS
    assert reset(groups, group, "--to", "earliest") == {0: 0, 1: 0}
    assert lag(groups, group) == RECORDS
    assert reset(groups, group, "--to", "3") == {0: 3, 1: 3}
    assert reset(groups, group, "--by", "2") == {0: 5, 1: 5}
    assert reset(groups, group, "--by", "-4", "--dry-run") == {0: 1, 1: 1}
    assert reset(groups, group, "--by", "-1000") == {0: 0, 1: 0}
    assert reset(groups, group, "--to", "1000000") == ends
    assert reset(groups, group, "--to", "2h") == {0: 0, 1: 0}
    when = datetime.fromtimestamp((START_MS + 10) / 1000, UTC).isoformat()
    assert sum(reset(groups, group, "--to", when).values()) == 10


def test_offsets_of_some_partitions_are_reset_and_forgotten(groups: Commands, group: str) -> None:
    reset(groups, group, "--to", "latest")
    some = ("--topic", f"{TOPIC}:1")
    rows = groups.json("groups", "reset-offsets", group, *some, "--to", "0")
    assert [(row["partition"], row["after"]) for row in rows] == [(1, 0)]
    rows = groups.json("groups", "delete-offsets", group, *some, "--dry-run")
    assert [row["partition"] for row in rows] == [1]
    assert len(groups.json("groups", "delete-offsets", group, *some)) == 1
    told = groups.json("groups", "describe", group)["partitions"]
    assert [row["partition"] for row in told] == [0]
    assert groups.json("groups", "delete-offsets", group, "--all-topics") != []


def test_all_topics_are_those_with_offsets(groups: Commands, group: str) -> None:
    for topic in (TOPIC, "other"):
        groups.run("groups", "reset-offsets", group, "--topic", topic, "--to", "latest")
    rows = groups.json("groups", "reset-offsets", group, "--all-topics", "--to", "earliest")
    assert {row["topic"] for row in rows} == {TOPIC, "other"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--topic", TOPIC, "--to", "noon"), "--to 'noon' is neither earliest nor latest"),
        (("--topic", TOPIC), "give either --to or --by"),
        (("--topic", TOPIC, "--to", "1", "--by", "1"), "give either --to or --by"),
        (("--to", "1"), "say which topics: --topic TOPIC, or --all-topics"),
        (("--to", "1", "--all-topics"), "the group has no offsets"),
        (("--topic", f"{TOPIC}:7", "--to", "1"), f"{TOPIC} has no partition 7; it has 2"),
        (("--topic", f"{TOPIC}:x", "--to", "1"), f"{TOPIC} has no partition x; it has 2"),
        (("--topic", "ping", "--to", "1"), "no topic 'ping'"),
    ],
)
def test_a_reset_that_cannot_be_is_said(
    groups: Commands, group: str, words: tuple[str, ...], why: str
) -> None:
    assert why in groups.refusal("groups", "reset-offsets", group, *words)


def test_groups_are_deleted_and_missing_ones_told_with_names_near(
    groups: Commands, group: str
) -> None:
    reset(groups, group, "--to", "latest")
    told = groups.refusal("groups", "describe", group[:-1] + "_")
    assert f"did you mean {group}" in told
    assert groups.json("groups", "delete", group) == {"deleted": [group]}
    assert f"no group '{group}'" in groups.refusal("groups", "describe", group)

"""The rows and columns of the table client x feature, and the pairs that a client has not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Rows, in the order of the page. A test names its row with `@pytest.mark.feature`.
FEATURES: dict[str, str] = {
    "metadata": "connect; metadata of cluster and topics",
    "topics": "create, describe, delete topics",
    "partitions": "create partitions",
    "records": "keys, headers, null values",
    "acks": "acks 0, 1, all",
    "gzip": "gzip",
    "snappy": "snappy",
    "lz4": "lz4",
    "zstd": "zstd",
    "large-messages": "large messages, and their limit",
    "idempotence": "idempotent producer",
    "seek": "partitions by assignment, seek",
    "offsets-by-time": "offsets by time",
    "group": "group: consume, commit, go on",
    "rebalance": "group: members join and leave",
    "killed-member": "group: a member is killed",
    "static-member": "group: static membership",
    "cooperative": "group: cooperative-sticky",
    "commit-metadata": "metadata beside an offset",
    "groups": "list and describe groups",
    "delete-groups": "delete groups",
    "alter-offsets": "alter a group's offsets",
    "delete-offsets": "delete a group's offsets",
    "delete-records": "delete records",
    "log-dirs": "log directories",
    "configs": "describe and alter configs",
    "log-append-time": "log append time",
    "compaction": "compacted topic",
    "transactions": "transactions: commit, abort, read_committed",
    "fencing": "transactions: an older producer is fenced",
    "transactional-offsets": "transactions: offsets of a group",
    "transactions-told": "list and describe transactions, producers",
    "tls": "TLS",
    "sasl-plain": "SASL PLAIN",
    "scram-256": "SASL SCRAM-SHA-256",
    "scram-512": "SASL SCRAM-SHA-512",
    "topic-anew": "a topic deleted and made anew under a consumer",
    "broker-restart": "the broker killed and started under both ends",
}

NO_ADMIN = "a command for reading and writing; it administrates nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A client: what it is called on the page, and which features it has not, with the reason."""

    title: str
    lacks: Mapping[str, str] = field(default_factory=dict)
    keeps_time: bool = True  # whether a record's time can be given to it
    keeps_nulls: bool = True  # whether it can write a null value


CLIENTS: dict[str, Kind] = {
    "confluent-kafka": Kind(
        title="confluent-kafka",
        lacks={
            "delete-offsets": "librdkafka has it, its Python package does not hand it on",
            "log-dirs": "not in librdkafka",
            "transactions-told": "not in librdkafka",
        },
    ),
    "kafka-python": Kind(title="kafka-python"),
    "aiokafka": Kind(
        title="aiokafka",
        lacks={
            "cooperative": "no such assignor",
            "delete-groups": "no such call",
            "alter-offsets": "no such call",
            "delete-offsets": "no such call",
            "log-dirs": "no such call",
            "transactions-told": "no such call",
        },
    ),
    "kcat": Kind(
        title="kcat, Debian's",
        keeps_time=False,
        lacks=dict.fromkeys(
            (
                *("topics", "partitions", "groups", "delete-groups", "alter-offsets"),
                *("delete-offsets", "delete-records", "log-dirs", "configs", "transactions-told"),
            ),
            NO_ADMIN,
        )
        | {
            **dict.fromkeys(
                ("scram-256", "scram-512"),
                "librdkafka before 2.6.1 doubles the nonce, which Apache Kafka refuses too",
            ),
            "commit-metadata": "it commits without a text",
            "transactions": "one transaction per run, committed at its end",
            "fencing": "one transaction per run, committed at its end",
            "transactional-offsets": "one transaction per run, committed at its end",
            "broker-restart": "a run ends with its input",
        },
    ),
    "kafkajs": Kind(
        title="kafkajs",
        lacks=dict.fromkeys(("snappy", "lz4", "zstd"), "a codec of a package of its own")
        | dict.fromkeys(("static-member", "cooperative"), "not in kafkajs")
        | dict.fromkeys(("delete-offsets", "log-dirs", "transactions-told"), "no such call"),
    ),
    "platformatic": Kind(
        title="@platformatic/kafka",
        lacks={
            "snappy": "it reads bare snappy alone, not the framed one that others write",
            "zstd": "needs Node 22",
            "log-append-time": "it shows each record's own time, whatever its batch says",
            "topic-anew": "it asks for the topic id it knows, for ever",
            "cooperative": "no such assignor before its version 2",
            "commit-metadata": "it commits without a text",
            "fencing": "it asks for producer 0 of the id, which only the first of an id can be",
            "transactions-told": "no such call",
        },
    ),
    "java": Kind(title="Java client and Admin"),
    "franz-go": Kind(
        title="franz-go",
        lacks={"topic-anew": "it reads the first topic of a name alone, says its README"},
    ),
    "sarama": Kind(
        title="sarama",
        lacks=dict.fromkeys(("scram-256", "scram-512"), "its SCRAM is a package of its own")
        | {"transactions-told": "no such call"},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Features, and what they are tried with."""

    title: str
    features: Mapping[str, str]
    kinds: Mapping[str, Kind]
    excluded: Mapping[str, str] = field(default_factory=dict)  # parts left out, with the reason


WHOLES = {
    "at-least-once": "counting with a changelog, at least once; stopped, started elsewhere",
    "exactly-once": "the same exactly once; killed, started elsewhere",
}
FRAMEWORKS = {
    "kafka-streams": Kind(title="Kafka Streams"),
    "quix-streams": Kind(title="Quix Streams"),
}

SUITES = {"own-suite": "its own integration suite"}
TESTED_BY_THEMSELVES = {"kafka-python-suite": Kind(title="kafka-python")}
SUITE_EXCLUSIONS = Path(__file__).parent / "kafka_python" / "excluded.txt"


def suite_exclusions() -> dict[str, str]:
    """The tests of kafka-python's suite that are not run, with the reason of each."""
    lines = SUITE_EXCLUSIONS.read_text(encoding="utf-8").splitlines()
    told = (line.partition(": ") for line in lines if line and not line.startswith("#"))
    return {test: reason for test, _, reason in told}


TABLES = (
    Table(title="Clients", features=FEATURES, kinds=CLIENTS),
    Table(title="Frameworks", features=WHOLES, kinds=FRAMEWORKS),
    Table(
        title="Suites of clients",
        features=SUITES,
        kinds=TESTED_BY_THEMSELVES,
        excluded=suite_exclusions(),
    ),
)


def kinds_of(feature: str) -> list[str]:
    """Return the names of those that have a feature."""
    return [
        name
        for table in TABLES
        if feature in table.features
        for name, kind in table.kinds.items()
        if feature not in kind.lacks
    ]

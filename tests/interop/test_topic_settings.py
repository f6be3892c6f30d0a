"""Topic settings through real clients: altered, read back, and felt by producers and consumers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from groundwork.real.clocks import SystemClock
from tests.support.kafka_clients import ConfluentClient, KafkaPythonClient, Sent

pytestmark = [
    pytest.mark.interop,
    # kafka-python reads its schemas in a way that Python 3.11 and 3.12 only warn about.
    pytest.mark.filterwarnings("ignore:.*<socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*alter_configs.*:DeprecationWarning"),
]

TOPIC_CODECS = ("uncompressed", "gzip", "snappy", "lz4", "zstd")
CODECS = ("gzip", "snappy", "lz4", "zstd")
WITHIN_MS = 40_000
RECORDS = 200

# A topic's name and its new settings (None: back to the default) -> nothing.
Alter = Callable[[str, dict[str, str | None]], None]
# A topic's name -> the settings that it has of its own.
ReadBack = Callable[[str], dict[str, str]]


def confluent_ways(address: str, *, incremental: bool) -> tuple[Alter, ReadBack]:
    import confluent_kafka.admin as api

    of: Any = api
    admin = of.AdminClient({"bootstrap.servers": address, "log_level": 0})

    def alter(topic: str, settings: dict[str, str | None]) -> None:
        if incremental:
            entries = [
                of.ConfigEntry(
                    name,
                    value,
                    incremental_operation=of.AlterConfigOpType.SET
                    if value
                    else of.AlterConfigOpType.DELETE,
                )
                for name, value in settings.items()
            ]
            resource = of.ConfigResource(
                of.ConfigResource.Type.TOPIC, topic, incremental_configs=entries
            )
            (future,) = admin.incremental_alter_configs([resource]).values()
        else:
            kept = {name: value for name, value in settings.items() if value is not None}
            resource = of.ConfigResource(of.ConfigResource.Type.TOPIC, topic, set_config=kept)
            (future,) = admin.alter_configs([resource]).values()
        future.result(20)

    def read_back(topic: str) -> dict[str, str]:
        resource = of.ConfigResource(of.ConfigResource.Type.TOPIC, topic)
        (future,) = admin.describe_configs([resource]).values()
        own = of.ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        return {
            name: entry.value for name, entry in future.result(20).items() if entry.source == own
        }

    return alter, read_back


def kafka_python_ways(address: str, *, incremental: bool) -> tuple[Alter, ReadBack]:
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

    def alter(topic: str, settings: dict[str, str | None]) -> None:
        admin = KafkaAdminClient(bootstrap_servers=address)
        wanted = {
            name: ("SET", value) if value else ("DELETE", None)
            for name, value in settings.items()
            if value or incremental
        }
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)
        answer = admin.alter_configs([resource], incremental=incremental)
        admin.close()
        assert "error" not in str(answer).lower(), answer

    def read_back(topic: str) -> dict[str, str]:
        admin = KafkaAdminClient(bootstrap_servers=address)
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        answer = admin.describe_configs([resource])
        admin.close()
        return {name: entry["value"] for name, entry in answer["topic"][topic].items()}

    return alter, read_back


WAYS = {"confluent-kafka": confluent_ways, "kafka-python": kafka_python_ways}


@pytest.mark.parametrize("incremental", [True, False], ids=["incremental", "all"])
@pytest.mark.parametrize("client", WAYS)
def test_settings_are_altered_and_read_back(
    client: str, incremental: bool, address: str, name: str
) -> None:
    alter, read_back = WAYS[client](address, incremental=incremental)
    ConfluentClient(address).create_topic(name, partitions=1)
    alter(name, {"retention.ms": "1234", "cleanup.policy": "compact,delete"})
    assert read_back(name) == {"retention.ms": "1234", "cleanup.policy": "compact,delete"}
    if incremental:  # else kafka-python sends all that it was not told about along
        alter(name, {"retention.ms": "99", "cleanup.policy": None})
        assert read_back(name) == {"retention.ms": "99"}


@pytest.fixture
def topic(address: str, name: str) -> Callable[..., str]:
    """Make a topic of one partition with these settings; return its name."""

    def make(**settings: str) -> str:
        import confluent_kafka.admin as api

        of: Any = api
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        admin = of.AdminClient({"bootstrap.servers": address, "log_level": 0})
        admin.create_topics([of.NewTopic(name, 1, 1, config=configs)])[name].result(20)
        return name

    return make


def numbered(count: int) -> list[Sent]:
    start_ms = SystemClock().now_ms() - 60_000
    return [
        Sent(key=b"%d" % n, value=b"value-%d" % n + b"-" * 50, timestamp_ms=start_ms + n)
        for n in range(count)
    ]


@pytest.fixture(params=[ConfluentClient, KafkaPythonClient], ids=["confluent", "kafka-python"])
def reader(request: pytest.FixtureRequest, address: str) -> Iterator[Callable[[str], list[Sent]]]:
    """Read `RECORDS` records of a topic from its start."""
    client = request.param(address)
    members = []

    def read(topic: str) -> list[Sent]:
        members.append(client.member(topic, f"readers of {topic}"))
        found: list[Sent] = []
        deadline = SystemClock().monotonic_ms() + WITHIN_MS
        while len(found) < RECORDS and SystemClock().monotonic_ms() < deadline:
            found += [read.sent for read in members[-1].poll()]
        return found

    yield read
    for member in members:
        member.close()


@pytest.mark.parametrize("wanted", TOPIC_CODECS)
def test_batches_that_were_packed_anew_are_read_by_everyone(
    wanted: str,
    address: str,
    topic: Callable[..., str],
    reader: Callable[[str], list[Sent]],
) -> None:
    name, sent = topic(compression_type=wanted), numbered(RECORDS)
    client = ConfluentClient(address)
    for first, codec in zip(range(0, RECORDS, RECORDS // 4), CODECS, strict=True):
        client.produce(name, sent[first : first + RECORDS // 4], codec=codec)
    assert reader(name) == sent


def test_the_brokers_time_is_what_producers_and_consumers_see(
    address: str, topic: Callable[..., str], reader: Callable[[str], list[Sent]]
) -> None:
    name, sent = topic(message_timestamp_type="LogAppendTime"), numbered(RECORDS)
    before_ms = SystemClock().now_ms()
    ConfluentClient(address).produce(name, sent, codec="lz4")
    after_ms = SystemClock().now_ms()
    found = reader(name)
    assert [record.value for record in found] == [record.value for record in sent]
    assert all(before_ms <= record.timestamp_ms <= after_ms for record in found)
    at_start = ConfluentClient(address).offsets_at(name, 1, before_ms)
    assert at_start == {0: 0}


def test_a_record_without_a_key_is_refused_where_keys_are_what_counts(
    address: str, topic: Callable[..., str]
) -> None:
    from confluent_kafka import Producer

    name = topic(cleanup_policy="compact")
    told: list[str] = []
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    for key in (None, b"k"):
        producer.produce(
            name,
            key=key,
            value=b"v",
            on_delivery=lambda error, _: told.append(error.name() if error else ""),
        )
        assert producer.flush(20) == 0
    assert told == ["INVALID_RECORD", ""]

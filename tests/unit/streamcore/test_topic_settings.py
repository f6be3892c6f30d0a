"""Which settings a topic may have, what is said of a wrong one, and what they mean."""

from pathlib import Path

import pytest

from streamcore.broker.config_definitions import ConfigType, InvalidConfig
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topic_config_table import DEFINITIONS
from streamcore.broker.topic_configs import checked_configs, config_values, partition_limits
from streamcore.partition.admission import AdmissionRules
from streamcore.partition.replica import AppendRules, PartitionLimits
from streamcore.record.compression import Codec

SETTINGS = BrokerSettings(data_dir=Path("data"), retention_ms=77, segment_bytes=1 << 20)


def checked(**configs: str | None) -> dict[str, str]:
    return checked_configs({k.replace("_", "."): v for k, v in configs.items()}, SETTINGS)


def limits(**configs: str) -> PartitionLimits:
    return partition_limits(checked(**configs), SETTINGS)


def admission(**configs: str) -> AdmissionRules | None:
    rules = limits(**configs).append_rules
    return None if rules is None else rules.admission


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_default_is_a_value_that_may_be_set(name: str) -> None:
    definition = DEFINITIONS[name]
    default = definition.default(SETTINGS)
    assert definition.checked(default) == default
    assert definition.says.endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("nope", "1", "unknown topic setting 'nope'"),
        ("retention.ms", None, "retention.ms has no value"),
        ("retention.ms", "soon", "retention.ms: 'soon' is not a whole number"),
        ("retention.ms", "1_000", "is not a whole number"),
        ("retention.ms", "-2", "retention.ms: -2 is less than -1"),
        ("retention.ms", str(1 << 63), "is more than 9223372036854775807"),
        ("segment.bytes", "3", "segment.bytes: 3 is less than 14"),
        ("segment.bytes", str(1 << 31), "is more than 2147483647"),
        ("cleanup.policy", "delete,shred", "'shred' is not supported; it can be delete, compact"),
        ("compression.type", "none", "'none' is not supported; it can be uncompressed, zstd"),
        ("compression.gzip.level", "0", "compression.gzip.level: 0 is less than 1"),
        ("compression.zstd.level", "23", "compression.zstd.level: 23 is more than 22"),
        ("min.cleanable.dirty.ratio", "1.5", "1.5 is more than 1"),
        ("min.cleanable.dirty.ratio", "nan", "'nan' is not a number"),
        ("message.timestamp.type", "logappendtime", "it can be CreateTime, LogAppendTime"),
        ("preallocate", "maybe", "'maybe' is neither true nor false"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str | None, complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        checked_configs({name: value}, SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("preallocate", "true", "files grow as they are written"),
        ("remote.storage.enable", "true", "there is no remote storage"),
        ("local.retention.ms", "5000", "there is no remote storage"),
        ("unclean.leader.election.enable", "true", "each partition has one replica"),
        ("leader.replication.throttled.replicas", "0:1", "each partition has one replica"),
        ("errors.deadletterqueue.group.enable", "true", "there are no share groups"),
    ],
)
def test_what_can_have_no_effect_keeps_its_default(name: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidConfig, match=f"would have no effect.*{reason}"):
        checked_configs({name: value}, SETTINGS)
    default = DEFINITIONS[name].fixed_default
    assert checked_configs({name: default}, SETTINGS) == {name: default}


def test_values_are_kept_in_one_form() -> None:
    assert checked(
        retention_ms=" +5 ",
        cleanup_policy=" compact , delete,compact",
        preallocate="FALSE",
        compression_gzip_level="-1",
        min_cleanable_dirty_ratio="1",
    ) == {
        "retention.ms": "5",
        "cleanup.policy": "compact,delete",
        "preallocate": "false",
        "compression.gzip.level": "-1",
        "min.cleanable.dirty.ratio": "1.0",
    }


def test_a_lag_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"min\.compaction\.lag\.ms=10 is more than"):
        checked(min_compaction_lag_ms="10", max_compaction_lag_ms="9")


# How others set up the topics that they keep for themselves.
FRAMEWORKS = {
    "Kafka Connect": {
        "cleanup.policy": "compact",
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
    },
    "Streams: repartition": {
        "cleanup.policy": "delete",
        "message.timestamp.type": "CreateTime",
        "retention.ms": "-1",
        "segment.bytes": "52428800",
    },
    "Streams: repartition, once": {"segment.index.bytes": "52428800", "segment.ms": "600000"},
    "Streams: changelog": {"cleanup.policy": "compact", "message.timestamp.type": "CreateTime"},
    "Streams: window changelog": {"cleanup.policy": "compact,delete", "retention.ms": "172800000"},
    "Streams: versioned": {"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000"},
    "Debezium: schema history": {
        "cleanup.policy": "delete",
        "retention.ms": "9223372036854775807",
        "retention.bytes": "-1",
    },
    "schema registry": {"cleanup.policy": "compact"},
    "ksqlDB: commands": {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "unclean.leader.election.enable": "false",
        "min.insync.replicas": "1",
    },
    "MirrorMaker: heartbeats": {"cleanup.policy": "compact", "compression.type": "producer"},
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_topics_of_frameworks_can_be_made(framework: str) -> None:
    wanted = FRAMEWORKS[framework]
    assert checked_configs(dict(wanted), SETTINGS) == wanted


def test_what_a_topic_does_not_say_is_the_brokers_to_say() -> None:
    values = config_values({"segment.ms": "5"}, SETTINGS)
    assert (values["retention.ms"], values["segment.ms"]) == ("77", "5")
    assert values.keys() == DEFINITIONS.keys()


def test_a_compact_only_topic_keeps_everything() -> None:
    found = limits(cleanup_policy="compact", retention_ms="5", delete_retention_ms="9")
    assert (found.log.retention_ms, found.log.retention_bytes) == (-1, -1)
    assert found.compaction is not None
    assert found.compaction.delete_retention_ms == 9
    both = limits(cleanup_policy="compact,delete", retention_ms="5")
    assert (both.log.retention_ms, both.is_compacted) == (5, True)
    neither = limits(cleanup_policy="", retention_ms="5")
    assert (neither.log.retention_ms, neither.is_compacted) == (-1, False)


def test_a_topic_without_settings_is_not_looked_into() -> None:
    assert limits().append_rules is None
    assert limits(retention_ms="5", compression_gzip_level="3").append_rules is None


def test_settings_say_what_is_looked_for_in_batches() -> None:
    assert admission(cleanup_policy="compact") == AdmissionRules(needs_keys=True)
    assert admission(message_timestamp_type="LogAppendTime") == AdmissionRules(
        stamps_append_time=True
    )
    assert admission(compression_type="uncompressed") == AdmissionRules(codec=Codec.NONE)
    assert admission(compression_type="gzip") == AdmissionRules(codec=Codec.GZIP)
    assert admission(
        compression_type="zstd", compression_zstd_level="9", compression_gzip_level="2"
    ) == AdmissionRules(codec=Codec.ZSTD, level=9)
    assert admission(message_timestamp_before_max_ms="5") == AdmissionRules(behind_ms_max=5)
    assert admission(message_timestamp_after_max_ms="6") == AdmissionRules(ahead_ms_max=6)
    assert admission(max_decompressed_message_bytes="7") == AdmissionRules(record_bytes_max=7)
    assert limits(flush_messages="3").append_rules == AppendRules(unsynced_records_max=3)


def test_the_brokers_own_writes_are_not_looked_into() -> None:
    found = partition_limits({"cleanup.policy": "compact"}, SETTINGS, is_internal=True)
    assert found.append_rules is None
    assert found.is_compacted


def test_an_index_of_bounded_size_bounds_its_segment() -> None:
    assert limits().log.segment_bytes == 1 << 20
    found = limits(index_interval_bytes="100", segment_index_bytes=str(50 * 24))
    assert (found.log.segment_bytes, found.log.index_interval_bytes) == (5000, 100)
    assert limits(index_interval_bytes="0", segment_index_bytes="4").log.segment_bytes > 0


def test_kinds_are_those_that_kafka_tells() -> None:
    kinds = {name: definition.type for name, definition in DEFINITIONS.items()}
    assert kinds["cleanup.policy"] is ConfigType.LIST
    assert kinds["min.cleanable.dirty.ratio"] is ConfigType.DOUBLE
    assert kinds["retention.ms"] is ConfigType.LONG
    assert kinds["segment.bytes"] is ConfigType.INT
    assert kinds["preallocate"] is ConfigType.BOOLEAN

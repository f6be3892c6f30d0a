"""Settings are read from text, and a wrong one is named."""

from pathlib import Path

import pytest

from streamcore.broker.settings import (
    BrokerSettings,
    FlushAcks,
    InvalidSetting,
    with_overrides,
)
from streamcore.broker.topic_configs import InvalidConfig, check_config, partition_limits

SETTINGS = BrokerSettings(data_dir=Path("data"))


def test_keys_may_be_dotted_or_underscored() -> None:
    changed = with_overrides(
        SETTINGS,
        {
            "num.partitions": "12",
            "flush_acks": "wait",
            "auto.create.topics": "False",
            "advertised.host": "broker",
            "advertised.port": "99",
            "data.dir": "elsewhere",
            "log.cleaner.min.cleanable.ratio": "0.25",
        },
    )
    assert changed.log_cleaner_min_cleanable_ratio == 0.25
    assert changed.num_partitions == 12
    assert changed.flush_acks is FlushAcks.WAIT
    assert changed.auto_create_topics is False
    assert (changed.advertised_host, changed.advertised_port) == ("broker", 99)
    assert changed.data_dir == Path("elsewhere")


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("num.partition", "1", "unknown setting 'num.partition'"),
        ("num.partitions", "many", "num.partitions: 'many' is not a whole number"),
        ("flush.acks", "never", "flush.acks: 'never' is not one of written, wait"),
        ("auto.create.topics", "yes", "neither true nor false"),
        ("metrics.port", "x", "metrics.port: 'x' is not a whole number"),
        ("log.cleaner.min.cleanable.ratio", "half", "'half' is not a number"),
    ],
)
def test_a_wrong_setting_is_named(key: str, value: str, complaint: str) -> None:
    with pytest.raises(InvalidSetting, match=complaint):
        with_overrides(SETTINGS, {key: value})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("nope", "1", "unknown topic setting 'nope'"),
        ("retention.ms", None, "retention.ms has no value"),
        ("retention.ms", "soon", "retention.ms: 'soon' is not a whole number"),
        ("segment.bytes", "3", "segment.bytes: 3 is less than 14"),
        ("cleanup.policy", "shred", "'shred' is not supported; it can be delete, compact"),
        ("cleanup.policy", "", "'' is not supported"),
    ],
)
def test_a_wrong_topic_setting_is_named(name: str, value: str | None, complaint: str) -> None:
    with pytest.raises(InvalidConfig, match=complaint):
        check_config(name, value)


def test_a_compact_only_topic_keeps_everything() -> None:
    limits = partition_limits({"cleanup.policy": "compact", "retention.ms": "5"}, SETTINGS)
    assert (limits.log.retention_ms, limits.log.retention_bytes) == (-1, -1)
    both = partition_limits({"cleanup.policy": "compact,delete", "retention.ms": "5"}, SETTINGS)
    assert both.log.retention_ms == 5

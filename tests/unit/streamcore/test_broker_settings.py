"""Settings are read from text, and a wrong one is named."""

from pathlib import Path

import pytest

from streamcore.broker.settings import (
    KAFKA_NAMES,
    BrokerSettings,
    ClientAuth,
    FlushAcks,
    InvalidSetting,
    with_overrides,
)

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


@pytest.mark.parametrize(("name", "kafka_name"), KAFKA_NAMES.items())
def test_settings_are_set_by_kafka_s_names_too(name: str, kafka_name: str) -> None:
    text = "false" if name == "auto_create_topics" else "77"
    changed = with_overrides(SETTINGS, {kafka_name: text})
    assert str(getattr(changed, name)).lower() == text


def test_a_value_is_read_as_what_its_setting_is_whatever_its_name_ends_in() -> None:
    changed = with_overrides(
        SETTINGS,
        {
            "sasl.enabled.mechanisms": "PLAIN",
            "ssl.client.auth": "required",
            "ssl.ca.location": "ca.pem",
        },
    )
    assert changed.sasl_enabled_mechanisms == "PLAIN"
    assert changed.ssl_client_auth is ClientAuth.REQUIRED
    assert changed.ssl_ca_location == Path("ca.pem")


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("ssl.client.auth", "perhaps", "'perhaps' is not one of none, requested, required"),
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

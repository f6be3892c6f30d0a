"""Settings are read from text, and a wrong one is named."""

from pathlib import Path

import pytest

from streamcore.broker.settings import (
    BrokerSettings,
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
        },
    )
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
    ],
)
def test_a_wrong_setting_is_named(key: str, value: str, complaint: str) -> None:
    with pytest.raises(InvalidSetting, match=complaint):
        with_overrides(SETTINGS, {key: value})

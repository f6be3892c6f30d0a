"""Settings as the admin APIs show them: name, value, where it comes from."""

from collections.abc import Collection
from dataclasses import fields
from typing import NamedTuple

from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topic_configs import DEFINITIONS, ConfigType, config_values
from streamcore.broker.topics import Topic

# `config_source` of DescribeConfigs (KIP-226).
SOURCE_TOPIC = 1
SOURCE_BROKER = 4
SOURCE_DEFAULT = 5


class ConfigEntry(NamedTuple):
    """One setting. `own_value` is what lies under an override of the topic, None for nothing."""

    name: str
    value: str
    read_only: bool
    source: int
    type: int
    own_value: str | None


def topic_entries(
    services: BrokerServices, topic: Topic, keys: Collection[str] | None
) -> list[ConfigEntry]:
    """A topic's settings; of them only `keys`, where given."""
    settings = services.settings
    values = config_values(topic.configs, settings)
    entries = []
    for name, value in values.items():
        if keys is None or name in keys:
            is_own = name in topic.configs
            definition = DEFINITIONS[name]
            entries.append(
                ConfigEntry(
                    name,
                    value,
                    read_only=False,
                    source=SOURCE_TOPIC if is_own else SOURCE_DEFAULT,
                    type=definition.type,
                    own_value=definition.default(settings) if is_own else None,
                )
            )
    return entries


def broker_entries(services: BrokerServices, keys: Collection[str] | None) -> list[ConfigEntry]:
    """The broker's settings, which only a restart changes."""
    settings = services.settings
    fresh = BrokerSettings(data_dir=settings.data_dir)
    entries = []
    for field in fields(BrokerSettings):
        name = field.name.replace("_", ".")
        value = getattr(settings, field.name)
        if keys is None or name in keys:
            is_default = value == getattr(fresh, field.name)
            entries.append(
                ConfigEntry(
                    name,
                    _text_of(value),
                    read_only=True,
                    source=SOURCE_DEFAULT if is_default else SOURCE_BROKER,
                    type=_type_of(value),
                    own_value=None,
                )
            )
    return entries


def _text_of(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_of(value: object) -> int:
    if isinstance(value, bool):
        return ConfigType.BOOLEAN
    return ConfigType.LONG if isinstance(value, int) else ConfigType.STRING

"""Settings as the admin APIs show them: name, value, where it comes from, what lies under it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from streamcore.broker.config_definitions import ConfigDefinition, ConfigType
from streamcore.broker.settings import KAFKA_NAMES, BrokerSettings
from streamcore.broker.topic_config_table import DEFINITIONS

# `config_source` of DescribeConfigs (KIP-226).
SOURCE_TOPIC = 1
SOURCE_BROKER = 4
SOURCE_DEFAULT = 5

SENSITIVE_WORDS: Final = ("password", "secret")

# What of Kafka's settings can be but one way here, and tools ask about.
FIXED: Final = {
    "default.replication.factor": ("1", ConfigType.INT, "There is one broker."),
    "delete.topic.enable": ("true", ConfigType.BOOLEAN, "Topics can be deleted."),
    "offsets.topic.replication.factor": ("1", ConfigType.INT, "There is one broker."),
    "transaction.state.log.min.isr": ("1", ConfigType.INT, "There is one broker."),
    "transaction.state.log.replication.factor": ("1", ConfigType.INT, "There is one broker."),
}


class ConfigEntry(NamedTuple):
    """One setting; `synonyms` are names, values and sources, the one that counts first."""

    name: str
    value: str | None
    read_only: bool
    source: int
    type: int
    says: str
    synonyms: Sequence[tuple[str, str | None, int]]
    is_sensitive: bool = False


def topic_entries(own: Mapping[str, str], settings: BrokerSettings) -> list[ConfigEntry]:
    """All settings of a topic that has `own` ones."""
    return [_topic_entry(definition, own, settings) for definition in DEFINITIONS.values()]


def _topic_entry(
    definition: ConfigDefinition, own: Mapping[str, str], settings: BrokerSettings
) -> ConfigEntry:
    synonyms = list(_broker_synonyms(definition, settings))
    if definition.name in own:
        synonyms.insert(0, (definition.name, own[definition.name], SOURCE_TOPIC))
    return ConfigEntry(
        definition.name,
        own.get(definition.name, definition.default(settings)),
        read_only=False,
        source=source_of(definition.name, own, settings),
        type=definition.type,
        says=definition.says,
        synonyms=synonyms,
    )


def source_of(name: str, own: Mapping[str, str], settings: BrokerSettings) -> int:
    """Where the value of a topic's setting comes from."""
    if name in own:
        return SOURCE_TOPIC
    definition = DEFINITIONS[name]
    is_usual = definition.default(settings) == definition.default(_usual())
    return SOURCE_DEFAULT if is_usual else SOURCE_BROKER


def _broker_synonyms(
    definition: ConfigDefinition, settings: BrokerSettings
) -> Iterator[tuple[str, str, int]]:
    name = definition.broker_name
    if name is not None:
        value, usual = definition.default(settings), definition.default(_usual())
        if value != usual:
            yield name, value, SOURCE_BROKER
        yield name, usual, SOURCE_DEFAULT


@cache
def _usual() -> BrokerSettings:
    """What the settings are when nobody sets any; the data directory has to be."""
    return BrokerSettings(data_dir=Path())


@cache
def _explanations() -> Mapping[str, str]:
    # Read out of the source, by what a broker that starts has no time to import.
    from groundwork.settings import field_help

    return field_help(BrokerSettings)


def broker_entries(settings: BrokerSettings) -> list[ConfigEntry]:
    """The broker's settings, which only a restart changes, under the names that Kafka has."""
    entries = {entry.name: entry for entry in _fixed_entries(settings)}
    entries |= {entry.name: entry for entry in _setting_entries(settings)}
    return [entries[name] for name in sorted(entries)]


def _setting_entries(settings: BrokerSettings) -> Iterator[ConfigEntry]:
    usual, says = _usual(), _explanations()
    for field in fields(BrokerSettings):
        name = KAFKA_NAMES.get(field.name, field.name.replace("_", "."))
        value, default = getattr(settings, field.name), getattr(usual, field.name)
        is_sensitive = any(word in field.name for word in SENSITIVE_WORDS)
        source = SOURCE_DEFAULT if value == default else SOURCE_BROKER
        text = None if is_sensitive else _text_of(value)
        synonyms = [(name, text, source)]
        if source == SOURCE_BROKER and not is_sensitive:
            synonyms.append((name, _text_of(default), SOURCE_DEFAULT))
        yield ConfigEntry(
            name,
            text,
            read_only=True,
            source=source,
            type=_type_of(value),
            says=says[field.name],
            synonyms=synonyms,
            is_sensitive=is_sensitive,
        )


def _fixed_entries(settings: BrokerSettings) -> Iterator[ConfigEntry]:
    """The defaults under the settings of topics, and what cannot be otherwise here."""
    fixed = dict(FIXED)
    for definition in DEFINITIONS.values():
        if definition.broker_name is not None:
            value = definition.default(settings)
            fixed[definition.broker_name] = (value, definition.type, definition.says)
    for name, (value, kind, says) in fixed.items():
        yield ConfigEntry(
            name,
            value,
            read_only=True,
            source=SOURCE_DEFAULT,
            type=kind,
            says=says,
            synonyms=[(name, value, SOURCE_DEFAULT)],
        )


def _text_of(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_of(value: object) -> int:
    if isinstance(value, bool):
        return ConfigType.BOOLEAN
    return ConfigType.LONG if isinstance(value, int) else ConfigType.STRING

"""The settings of a topic: which there are, what they may be, what they mean here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from streamcore.broker.settings import BrokerSettings
from streamcore.partition.replica import CompactionLimits, PartitionLimits
from streamcore.storage.log import LogLimits


class ConfigType(IntEnum):
    """The `config_type` of DescribeConfigs (KIP-569)."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    LONG = 5
    LIST = 7


class InvalidConfig(Exception):
    """A topic setting that does not exist, or a value it cannot have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDefinition:
    """One setting of a topic."""

    name: str
    type: ConfigType
    default: Callable[[BrokerSettings], str]
    lowest: int = -1
    choices: tuple[str, ...] = ()


def _fixed(value: str) -> Callable[[BrokerSettings], str]:
    return lambda _: value


DEFINITIONS = {
    definition.name: definition
    for definition in (
        ConfigDefinition(
            name="cleanup.policy",
            type=ConfigType.LIST,
            default=_fixed("delete"),
            choices=("delete", "compact"),
        ),
        ConfigDefinition(
            name="compression.type",
            type=ConfigType.STRING,
            default=_fixed("producer"),
            choices=("producer",),
        ),
        ConfigDefinition(
            name="max.message.bytes",
            type=ConfigType.INT,
            default=lambda settings: str(settings.message_bytes_max),
            lowest=0,
        ),
        ConfigDefinition(
            name="message.timestamp.type",
            type=ConfigType.STRING,
            default=_fixed("CreateTime"),
            choices=("CreateTime",),
        ),
        ConfigDefinition(
            name="min.insync.replicas", type=ConfigType.INT, default=_fixed("1"), lowest=1
        ),
        ConfigDefinition(
            name="retention.bytes",
            type=ConfigType.LONG,
            default=lambda settings: str(settings.retention_bytes),
        ),
        ConfigDefinition(
            name="retention.ms",
            type=ConfigType.LONG,
            default=lambda settings: str(settings.retention_ms),
        ),
        ConfigDefinition(
            name="segment.bytes",
            type=ConfigType.INT,
            default=lambda settings: str(settings.segment_bytes),
            lowest=14,
        ),
        ConfigDefinition(
            name="segment.ms",
            type=ConfigType.LONG,
            default=lambda settings: str(settings.segment_ms),
            lowest=1,
        ),
    )
}


def check_config(name: str, value: str | None) -> str:
    """Return the value that will be kept. Raises `InvalidConfig`, saying what is wrong."""
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise InvalidConfig(f"unknown topic setting {name!r}")
    if value is None:
        raise InvalidConfig(f"{name} has no value")
    if definition.choices:
        parts = [part.strip() for part in value.split(",")]
        if not parts or any(part not in definition.choices for part in parts):
            raise InvalidConfig(
                f"{name}: {value!r} is not supported; it can be {', '.join(definition.choices)}"
            )
        return ",".join(parts)
    try:
        number = int(value)
    except ValueError:
        raise InvalidConfig(f"{name}: {value!r} is not a whole number") from None
    if number < definition.lowest:
        raise InvalidConfig(f"{name}: {number} is less than {definition.lowest}")
    return str(number)


def config_values(configs: Mapping[str, str], settings: BrokerSettings) -> dict[str, str]:
    """Every setting of a topic: the explicit ones, else the broker's defaults."""
    return {
        name: configs.get(name, definition.default(settings))
        for name, definition in DEFINITIONS.items()
    }


def partition_limits(configs: Mapping[str, str], settings: BrokerSettings) -> PartitionLimits:
    """What a topic's settings mean for its partitions."""
    values = config_values(configs, settings)
    policies = values["cleanup.policy"].split(",")
    keeps_everything = "delete" not in policies
    return PartitionLimits(
        message_bytes_max=int(values["max.message.bytes"]),
        compaction=_compaction_limits(settings) if "compact" in policies else None,
        log=LogLimits(
            segment_bytes=int(values["segment.bytes"]),
            segment_ms=int(values["segment.ms"]),
            retention_ms=-1 if keeps_everything else int(values["retention.ms"]),
            retention_bytes=-1 if keeps_everything else int(values["retention.bytes"]),
        ),
    )


def _compaction_limits(settings: BrokerSettings) -> CompactionLimits:
    return CompactionLimits(
        min_cleanable_dirty_ratio=settings.log_cleaner_min_cleanable_ratio,
        delete_retention_ms=settings.log_cleaner_delete_retention_ms,
        min_compaction_lag_ms=settings.log_cleaner_min_compaction_lag_ms,
        max_compaction_lag_ms=settings.log_cleaner_max_compaction_lag_ms,
    )

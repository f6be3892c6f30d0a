"""Works out a topic's settings after an alteration; the same for both APIs that alter."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final, NoReturn, TypeAlias

from streamcore.broker.config_definitions import ConfigType, list_items
from streamcore.broker.config_resources import ResourceType, check_resource, topic_of
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, alter_topic
from streamcore.broker.topic_config_table import DEFINITIONS
from streamcore.broker.topic_configs import config_values
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.alter_configs import AlterationResult, WantedConfig
from streamcore.wire.messages.incremental_alter_configs import ConfigChange

Configs: TypeAlias = Mapping[str, str | None]
# A topic's own settings and all it has, defaults included -> its own settings afterwards.
Alteration: TypeAlias = Callable[[Mapping[str, str], Mapping[str, str]], Configs]

_FIXED: Final = {
    ResourceType.BROKER: "the broker's settings are read when it starts: -X name=value",
    ResourceType.BROKER_LOGGER: "the level of the journal cannot be set",
    ResourceType.CLIENT_METRICS: "the broker asks clients for no metrics",
    ResourceType.GROUP: "groups have no settings here",
}


class Operation(IntEnum):
    """The `config_operation` of IncrementalAlterConfigs (KIP-339)."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


def replacement(wanted: Sequence[WantedConfig]) -> Alteration:
    """All of a topic's own settings are these (AlterConfigs)."""
    _refuse_twice([config.name for config in wanted])
    for config in wanted:
        _refuse_null(config.name, config.value)
    return lambda own, effective: {config.name: config.value for config in wanted}


def changes(wanted: Sequence[ConfigChange]) -> Alteration:
    """These are changed, and the others left as they are (IncrementalAlterConfigs)."""
    _refuse_twice([change.name for change in wanted])

    def change_all(own: Mapping[str, str], effective: Mapping[str, str]) -> Configs:
        after: dict[str, str | None] = dict(own)
        for change in wanted:
            _change(after, change, effective)
        return after

    return change_all


def _change(
    after: dict[str, str | None], change: ConfigChange, effective: Mapping[str, str]
) -> None:
    if change.config_operation == Operation.DELETE:
        after.pop(change.name, None)
        return
    _refuse_null(change.name, change.value)
    if change.config_operation == Operation.SET:
        after[change.name] = change.value
        return
    if change.config_operation not in (Operation.APPEND, Operation.SUBTRACT):
        _refuse(ErrorCode.INVALID_REQUEST, f"unknown operation {change.config_operation}")
    definition = DEFINITIONS.get(change.name)
    if definition is None:
        _refuse(ErrorCode.INVALID_CONFIG, f"unknown topic setting {change.name!r}")
    if definition.type is not ConfigType.LIST:
        _refuse(ErrorCode.INVALID_CONFIG, f"{change.name} is no list to add to or take from")
    items, named = list_items(effective[change.name]), list_items(change.value or "")
    if change.config_operation == Operation.APPEND:
        after[change.name] = ",".join(dict.fromkeys([*items, *named]))
    else:
        after[change.name] = ",".join(item for item in items if item not in named)


def _refuse_twice(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        _refuse(ErrorCode.INVALID_REQUEST, "a setting is named more than once")


def _refuse_null(name: str, value: str | None) -> None:
    if value is None:
        _refuse(ErrorCode.INVALID_REQUEST, f"{name} has no value")


def _refuse(error: ErrorCode, message: str) -> NoReturn:
    raise AdminRefused(error, message)


def alteration_result(
    services: BrokerServices,
    resource: tuple[int, str],
    make: Callable[[], Alteration],
    *,
    times_named: int,
    only_check: bool,
) -> AlterationResult:
    """Alter one resource, or find out whether it could be; say how that ended.

    On the disk, and in force, before this returns.
    """
    resource_type, name = resource
    error, message = ErrorCode.NONE, None
    try:
        if times_named > 1:
            _refuse(ErrorCode.INVALID_REQUEST, "each resource is altered once in a request")
        _alter(services, resource_type, name, make(), only_check=only_check)
    except AdminRefused as refusal:
        error, message = refusal.error, refusal.message
    return AlterationResult(
        error_code=error, error_message=message, resource_type=resource_type, resource_name=name
    )


def _alter(
    services: BrokerServices, resource_type: int, name: str, alter: Alteration, *, only_check: bool
) -> None:
    if resource_type != ResourceType.TOPIC:
        _refuse(ErrorCode.INVALID_REQUEST, _FIXED[check_resource(services, resource_type, name)])
    if not name:
        _refuse(ErrorCode.INVALID_REQUEST, "topics have no settings in common")
    topic = topic_of(services, name)
    configs = alter(topic.configs, config_values(topic.configs, services.settings))
    alter_topic(services, topic, configs, only_check=only_check)

"""IncrementalAlterConfigs (key 44, KIP-339). Versions 0-1. Leaves what it does not name."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import BOOL, INT8, INT32, NULLABLE_STRING, STRING, Message, Part, array
from streamcore.wire.messages.alter_configs import AlterationResult


class ConfigChange(Part):
    name: Annotated[str, STRING]
    config_operation: Annotated[int, INT8]
    value: Annotated[str | None, NULLABLE_STRING]


class ChangedResource(Part):
    resource_type: Annotated[int, INT8]
    resource_name: Annotated[str, STRING]
    configs: Annotated[tuple[ConfigChange, ...], array(ConfigChange)]


class IncrementalAlterConfigsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 1
    resources: Annotated[tuple[ChangedResource, ...], array(ChangedResource)]
    validate_only: Annotated[bool, BOOL]


class IncrementalAlterConfigsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 1
    throttle_time_ms: Annotated[int, INT32] = 0
    responses: Annotated[tuple[AlterationResult, ...], array(AlterationResult)]

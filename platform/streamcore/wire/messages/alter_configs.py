"""AlterConfigs (key 33). Versions 0-2. Replaces all settings of a resource."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT32,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    array,
)


class WantedConfig(Part):
    name: Annotated[str, STRING]
    value: Annotated[str | None, NULLABLE_STRING]


class AlteredResource(Part):
    resource_type: Annotated[int, INT8]
    resource_name: Annotated[str, STRING]
    configs: Annotated[tuple[WantedConfig, ...], array(WantedConfig)]


class AlterConfigsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    resources: Annotated[tuple[AlteredResource, ...], array(AlteredResource)]
    validate_only: Annotated[bool, BOOL]


class AlterationResult(Part):
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE]
    resource_type: Annotated[int, INT8]
    resource_name: Annotated[str, STRING]


class AlterConfigsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    responses: Annotated[tuple[AlterationResult, ...], array(AlterationResult)]

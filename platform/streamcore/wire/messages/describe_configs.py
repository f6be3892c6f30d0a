"""DescribeConfigs (key 32). Versions 1-4."""

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
    Versions,
    array,
)


class AskedResource(Part):
    resource_type: Annotated[int, INT8]
    resource_name: Annotated[str, STRING]
    configuration_keys: Annotated[tuple[str, ...] | None, array(STRING, nullable=True)]


class DescribeConfigsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    resources: Annotated[tuple[AskedResource, ...], array(AskedResource)]
    include_synonyms: Annotated[bool, BOOL]
    include_documentation: Annotated[bool, BOOL, Versions(3)] = False


class Synonym(Part):
    name: Annotated[str, STRING]
    value: Annotated[str | None, NULLABLE_STRING]
    source: Annotated[int, INT8]


class DescribedConfig(Part):
    name: Annotated[str, STRING]
    value: Annotated[str | None, NULLABLE_STRING]
    read_only: Annotated[bool, BOOL]
    config_source: Annotated[int, INT8]
    is_sensitive: Annotated[bool, BOOL]
    synonyms: Annotated[tuple[Synonym, ...], array(Synonym)] = ()
    config_type: Annotated[int, INT8, Versions(3)] = 0
    documentation: Annotated[str | None, NULLABLE_STRING, Versions(3)] = None


class DescribedResource(Part):
    error_code: Annotated[int, ERROR_CODE]
    error_message: Annotated[str | None, ERROR_MESSAGE]
    resource_type: Annotated[int, INT8]
    resource_name: Annotated[str, STRING]
    configs: Annotated[tuple[DescribedConfig, ...], array(DescribedConfig)] = ()


class DescribeConfigsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 4
    throttle_time_ms: Annotated[int, INT32] = 0
    results: Annotated[tuple[DescribedResource, ...], array(DescribedResource)]

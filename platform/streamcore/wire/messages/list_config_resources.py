"""ListConfigResources (key 74, KIP-1142). Versions 0-1; 0 lists client metrics alone."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    INT8,
    INT32,
    STRING,
    Message,
    Part,
    Versions,
    array,
)

CLIENT_METRICS = 16


class ListConfigResourcesRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    resource_types: Annotated[tuple[int, ...], array(INT8), Versions(1)] = (CLIENT_METRICS,)


class ListedResource(Part):
    resource_name: Annotated[str, STRING]
    resource_type: Annotated[int, INT8, Versions(1)] = CLIENT_METRICS


class ListConfigResourcesResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    config_resources: Annotated[tuple[ListedResource, ...], array(ListedResource)] = ()

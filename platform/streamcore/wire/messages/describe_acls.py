"""DescribeAcls (key 29): who may do what. Versions 1-3."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
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


class DescribeAclsRequest(Message):
    """A filter that is null matches any."""

    FLEXIBLE_FROM: ClassVar[int] = 2
    resource_type_filter: Annotated[int, INT8]
    resource_name_filter: Annotated[str | None, NULLABLE_STRING]
    pattern_type_filter: Annotated[int, INT8]
    principal_filter: Annotated[str | None, NULLABLE_STRING]
    host_filter: Annotated[str | None, NULLABLE_STRING]
    operation: Annotated[int, INT8]
    permission_type: Annotated[int, INT8]


class AclDescription(Part):
    principal: Annotated[str, STRING]
    host: Annotated[str, STRING]
    operation: Annotated[int, INT8]
    permission_type: Annotated[int, INT8]


class DescribedResource(Part):
    resource_type: Annotated[int, INT8]
    resource_name: Annotated[str, STRING]
    pattern_type: Annotated[int, INT8]
    acls: Annotated[tuple[AclDescription, ...], array(AclDescription)]


class DescribeAclsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    resources: Annotated[tuple[DescribedResource, ...], array(DescribedResource)] = ()

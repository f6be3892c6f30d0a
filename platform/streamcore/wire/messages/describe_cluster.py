"""DescribeCluster (key 60): the brokers, and who is the controller. Versions 0-2."""

from typing import Annotated, ClassVar, Final

from streamcore.wire.authorized_operations import NOT_ASKED
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

BROKER_ENDPOINTS: Final = 1
CONTROLLER_ENDPOINTS: Final = 2


class DescribeClusterRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    include_cluster_authorized_operations: Annotated[bool, BOOL] = False
    endpoint_type: Annotated[int, INT8, Versions(since=1)] = BROKER_ENDPOINTS
    include_fenced_brokers: Annotated[bool, BOOL, Versions(since=2)] = False


class DescribedBroker(Part):
    broker_id: Annotated[int, INT32]
    host: Annotated[str, STRING]
    port: Annotated[int, INT32]
    rack: Annotated[str | None, NULLABLE_STRING] = None
    is_fenced: Annotated[bool, BOOL, Versions(since=2)] = False


class DescribeClusterResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    endpoint_type: Annotated[int, INT8, Versions(since=1)] = BROKER_ENDPOINTS
    cluster_id: Annotated[str, STRING] = ""
    controller_id: Annotated[int, INT32] = -1
    brokers: Annotated[tuple[DescribedBroker, ...], array(DescribedBroker)] = ()
    cluster_authorized_operations: Annotated[int, INT32] = NOT_ASKED

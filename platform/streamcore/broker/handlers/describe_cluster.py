"""DescribeCluster (key 60), versions 0 to 2 (KIP-700, KIP-919, KIP-1073 fenced brokers).

The one broker is its own controller, but has no listener for controllers: their endpoints are to
be asked of a controller, says the answer. It is never fenced.
"""

from streamcore.broker.handlers.broker_place import BrokerPlace, broker_place
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import ALL_ON_CLUSTER, NOT_ASKED
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_cluster import (
    BROKER_ENDPOINTS,
    CONTROLLER_ENDPOINTS,
    DescribeClusterRequest,
    DescribeClusterResponse,
    DescribedBroker,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeClusterRequest, request.api_version, body)
    response = _response(services, broker_place(services, request.listener), asked)
    return encode(response, request.api_version)


def _response(
    services: BrokerServices, broker: BrokerPlace, asked: DescribeClusterRequest
) -> DescribeClusterResponse:
    if asked.endpoint_type == CONTROLLER_ENDPOINTS:
        return DescribeClusterResponse(
            error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
            error_message="this is a broker, and endpoints of controllers were asked for",
        )
    if asked.endpoint_type != BROKER_ENDPOINTS:
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"Unsupported endpoint type {asked.endpoint_type}",
        )
    this = DescribedBroker(broker_id=broker.node_id, host=broker.host, port=broker.port)
    wants_operations = asked.include_cluster_authorized_operations
    return DescribeClusterResponse(
        cluster_id=services.settings.cluster_id,
        controller_id=broker.node_id,
        brokers=(this,),
        cluster_authorized_operations=ALL_ON_CLUSTER if wants_operations else NOT_ASKED,
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_CLUSTER,
    name="DescribeCluster",
    min_version=0,
    max_version=2,
    flexible_from=DescribeClusterRequest.FLEXIBLE_FROM,
    answer=answer,
)

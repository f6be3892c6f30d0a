"""DescribeCluster (key 60), versions 0 and 1 (KIP-700, KIP-919).

Not done: authorized operations; controllers as endpoints of their own.
"""

from streamcore.broker.handlers.metadata import broker_place
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.metadata import OPERATIONS_UNKNOWN
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

BROKER_ENDPOINTS = 1


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    reader = WireReader(body, flexible=True)
    reader.boolean()  # authorized operations are not known
    endpoints = reader.int8() if request.api_version >= 1 else BROKER_ENDPOINTS
    is_known = endpoints == BROKER_ENDPOINTS
    broker = broker_place(services, request.listener)
    writer = WireWriter(flexible=True)
    writer.int32(0)  # not throttled
    writer.int16(ErrorCode.NONE if is_known else ErrorCode.INVALID_REQUEST)
    writer.string(None if is_known else f"endpoints of type {endpoints} cannot be described")
    if request.api_version >= 1:
        writer.int8(endpoints)
    writer.string(services.settings.cluster_id)
    writer.int32(broker.node_id)  # the controller
    writer.array_size(1)
    writer.int32(broker.node_id)
    writer.string(broker.host)
    writer.int32(broker.port)
    writer.string(None)  # rack
    writer.end_of_struct()
    writer.int32(OPERATIONS_UNKNOWN)
    writer.end_of_struct()
    return writer.done()


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_CLUSTER,
    name="DescribeCluster",
    min_version=0,
    max_version=1,
    flexible_from=0,
    answer=answer,
    notes="no authorized operations",
)

"""ListPartitionReassignments (key 46), version 0 (KIP-455): with one broker there is never one."""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    decode(ListPartitionReassignmentsRequest, request.api_version, body)
    return encode(ListPartitionReassignmentsResponse(), request.api_version)


HANDLER = Handler(
    api_key=ApiKey.LIST_PARTITION_REASSIGNMENTS,
    name="ListPartitionReassignments",
    min_version=0,
    max_version=0,
    flexible_from=ListPartitionReassignmentsRequest.FLEXIBLE_FROM,
    answer=answer,
)

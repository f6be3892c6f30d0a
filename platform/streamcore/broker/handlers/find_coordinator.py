"""FindCoordinator (key 10), versions 0 to 6 (KIP-699: several keys since 4): this broker.

One broker runs all groups and all transactions. Not done: coordinators of share groups
(KIP-932), which are refused.
"""

from streamcore.broker.handlers.broker_place import BrokerPlace, broker_place
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.find_coordinator import (
    GROUP_KEY_TYPE,
    TRANSACTION_KEY_TYPE,
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

SEVERAL_KEYS_FROM = 4


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(FindCoordinatorRequest, request.api_version, body)
    keys = asked.coordinator_keys if request.api_version >= SEVERAL_KEYS_FROM else (asked.key,)
    broker = broker_place(services, request.listener)
    found = tuple(_coordinator(broker, key, asked.key_type) for key in keys)
    if request.api_version >= SEVERAL_KEYS_FROM:
        return encode(FindCoordinatorResponse(coordinators=found), request.api_version)
    (one,) = found
    response = FindCoordinatorResponse(
        error_code=one.error_code,
        error_message=one.error_message,
        node_id=one.node_id,
        host=one.host,
        port=one.port,
    )
    return encode(response, request.api_version, about=asked)


def _coordinator(broker: BrokerPlace, key: str, key_type: int) -> Coordinator:
    if key_type not in (GROUP_KEY_TYPE, TRANSACTION_KEY_TYPE):
        return Coordinator(
            key=key,
            node_id=-1,
            host="",
            port=-1,
            error_code=ErrorCode.INVALID_REQUEST,
            error_message=f"keys of type {key_type} have no coordinator here",
        )
    return Coordinator(
        key=key,
        node_id=broker.node_id,
        host=broker.host,
        port=broker.port,
        error_code=ErrorCode.NONE,
    )


HANDLER = Handler(
    api_key=ApiKey.FIND_COORDINATOR,
    name="FindCoordinator",
    min_version=0,
    max_version=6,
    flexible_from=FindCoordinatorRequest.FLEXIBLE_FROM,
    answer=answer,
)

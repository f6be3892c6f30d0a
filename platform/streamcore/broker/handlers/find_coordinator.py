"""FindCoordinator (key 10), versions 0 to 4 (KIP-699: several keys since 4): this broker.

One broker coordinates all groups and transactions.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

GROUP_KEY_TYPE, TRANSACTION_KEY_TYPE = 0, 1
SEVERAL_KEYS_FROM = 4


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(FindCoordinatorRequest, request.api_version, body)
    keys = asked.coordinator_keys if request.api_version >= SEVERAL_KEYS_FROM else (asked.key,)
    found = tuple(_coordinator(services, key, asked.key_type) for key in keys)
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
    return encode(response, request.api_version)


def _coordinator(services: BrokerServices, key: str, key_type: int) -> Coordinator:
    if key_type not in (GROUP_KEY_TYPE, TRANSACTION_KEY_TYPE):
        return Coordinator(
            key=key,
            node_id=-1,
            host="",
            port=-1,
            error_code=ErrorCode.INVALID_REQUEST,
            error_message=f"key type {key_type}",
        )
    return Coordinator(
        key=key,
        node_id=services.settings.node_id,
        host=services.settings.advertised,
        port=services.settings.advertised_port or services.listening_port,
        error_code=ErrorCode.NONE,
    )


HANDLER = Handler(
    api_key=ApiKey.FIND_COORDINATOR,
    name="FindCoordinator",
    min_version=0,
    max_version=4,
    flexible_from=FindCoordinatorRequest.FLEXIBLE_FROM,
    answer=answer,
)

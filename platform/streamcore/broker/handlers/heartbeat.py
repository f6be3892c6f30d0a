"""Heartbeat (key 12), versions 0 to 4: keeps a member's session, announces a rebalance."""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    heartbeat = decode(HeartbeatRequest, request.api_version, body)
    error = services.groups.coordinator.heartbeat(heartbeat, services.clock.monotonic_ms())
    return encode(HeartbeatResponse(error_code=error), request.api_version, about=heartbeat)


HANDLER = Handler(
    api_key=ApiKey.HEARTBEAT,
    name="Heartbeat",
    min_version=0,
    max_version=4,
    flexible_from=HeartbeatRequest.FLEXIBLE_FROM,
    answer=answer,
)

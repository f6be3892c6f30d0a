"""SaslAuthenticate (key 36), versions 0 to 2 (KIP-152, KIP-368): one token of an exchange.

A refusal is told after a pause, and is the same for a wrong password and an unknown user.
"""

from typing import TYPE_CHECKING

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)

if TYPE_CHECKING:
    from streamcore.broker.security.authentication import TokenAnswer


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(SaslAuthenticateRequest, request.api_version, body)
    authentication = request.authentication
    if authentication is None or authentication.is_authenticated:
        response = SaslAuthenticateResponse(
            error_code=ErrorCode.ILLEGAL_SASL_STATE,
            error_message="SaslAuthenticate request received after successful authentication",
        )
        return encode(response, request.api_version)
    reply = PendingReply()

    def on_answer(told: "TokenAnswer") -> None:
        response = SaslAuthenticateResponse(
            error_code=told.error,
            error_message=told.message,
            auth_bytes=told.token,
            session_lifetime_ms=told.session_lifetime_ms,
        )
        reply.resolve(encode(response, request.api_version))

    authentication.take_token(asked.auth_bytes, on_answer)
    return reply


HANDLER = Handler(
    api_key=ApiKey.SASL_AUTHENTICATE,
    name="SaslAuthenticate",
    min_version=0,
    max_version=2,
    flexible_from=SaslAuthenticateRequest.FLEXIBLE_FROM,
    answer=answer,
)

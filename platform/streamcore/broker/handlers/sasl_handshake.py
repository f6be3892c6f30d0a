"""SaslHandshake (key 17), versions 0 to 1 (KIP-43, KIP-152, KIP-368): name a mechanism.

PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 (KIP-84). After version 0 tokens come as bare
frames. Not done: GSSAPI, OAUTHBEARER, delegation tokens.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse

BARE_TOKENS_UNTIL = 0


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(SaslHandshakeRequest, request.api_version, body)
    if request.authentication is None:
        # This listener lets everybody in.
        response = SaslHandshakeResponse(error_code=ErrorCode.ILLEGAL_SASL_STATE)
        return encode(response, request.api_version)
    error = request.authentication.name_mechanism(
        asked.mechanism, bare_tokens=request.api_version <= BARE_TOKENS_UNTIL
    )
    response = SaslHandshakeResponse(error_code=error, mechanisms=tuple(services.guard.mechanisms))
    return encode(response, request.api_version)


HANDLER = Handler(
    api_key=ApiKey.SASL_HANDSHAKE,
    name="SaslHandshake",
    min_version=0,
    max_version=1,
    flexible_from=None,
    answer=answer,
)

"""ApiVersions (key 18), versions 0 to 4 (KIP-35, KIP-511).

A request of a version we do not know is answered in version 0 with error 35 and our
own range, so that any client can find a version that we do. Not done: feature versions.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire import api_versions
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    if not HANDLER.min_version <= version <= HANDLER.max_version:
        own = [r for r in services.api_ranges if r.api_key == ApiKey.API_VERSIONS]
        return api_versions.encode_response(own, 0, error=ErrorCode.UNSUPPORTED_VERSION)
    software = api_versions.decode_request(body, version)
    if software is not None and not software.is_legal():
        return api_versions.encode_response([], version, error=ErrorCode.INVALID_REQUEST)
    return api_versions.encode_response(services.api_ranges, version, error=ErrorCode.NONE)


HANDLER = Handler(
    api_key=ApiKey.API_VERSIONS,
    name="ApiVersions",
    min_version=0,
    max_version=4,
    flexible_from=api_versions.FLEXIBLE_FROM,
    answer=answer,
)

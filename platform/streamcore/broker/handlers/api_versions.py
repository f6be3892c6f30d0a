"""ApiVersions (key 18), versions 0 to 5 (KIP-35, KIP-511, KIP-584 features, KIP-1242 identity).

A request of a version we do not know is answered in version 0 with error 35 and our
own range, so that any client can find a version that we do. A client that believes to
speak to another broker, or another cluster, is told to find its own again.
"""

import re

from streamcore.broker.features import FEATURES_EPOCH
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.api_versions import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeature,
    SupportedFeature,
)

SOFTWARE_FROM = 3
IDENTITY_FROM = 5
# Older clients fail on a feature that may be off (KAFKA-17011).
LEVEL_ZERO_FROM = 4
NO_NODE_ID = -1

# KIP-511's rule for the name and version of a client's software.
SOFTWARE_PATTERN = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    if not HANDLER.min_version <= version <= HANDLER.max_version:
        own = tuple(r for r in services.api_ranges if r.api_key == ApiKey.API_VERSIONS)
        refusal = ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, apis=own)
        return encode(refusal, 0)
    asked = decode(ApiVersionsRequest, version, body)
    fault = _fault(services, asked, version)
    if fault:
        return encode(ApiVersionsResponse(error_code=fault), version)
    return encode(_listed(services, version), version)


def _fault(services: BrokerServices, asked: ApiVersionsRequest, version: int) -> ErrorCode:
    software = (asked.client_software_name, asked.client_software_version)
    if version >= SOFTWARE_FROM and not all(map(SOFTWARE_PATTERN.fullmatch, software)):
        return ErrorCode.INVALID_REQUEST
    if version < IDENTITY_FROM or (asked.cluster_id is None and asked.node_id == NO_NODE_ID):
        return ErrorCode.NONE
    if asked.cluster_id is None or asked.node_id == NO_NODE_ID:
        return ErrorCode.INVALID_REQUEST
    settings = services.settings
    is_us = (asked.cluster_id, asked.node_id) == (settings.cluster_id, settings.node_id)
    return ErrorCode.NONE if is_us else ErrorCode.REBOOTSTRAP_REQUIRED


def _listed(services: BrokerServices, version: int) -> ApiVersionsResponse:
    features = services.features
    supported = tuple(
        SupportedFeature(name=one.name, min_version=one.level_min, max_version=one.level_max)
        for one in features
        if one.level_min > 0 or version >= LEVEL_ZERO_FROM
    )
    finalized = tuple(
        FinalizedFeature(name=one.name, max_version_level=one.level, min_version_level=one.level)
        for one in features
        if one.level > 0
    )
    return ApiVersionsResponse(
        apis=tuple(services.api_ranges),
        supported_features=supported,
        finalized_features=finalized,
        finalized_features_epoch=FEATURES_EPOCH,
    )


HANDLER = Handler(
    api_key=ApiKey.API_VERSIONS,
    name="ApiVersions",
    min_version=0,
    max_version=5,
    flexible_from=ApiVersionsRequest.FLEXIBLE_FROM,
    answer=answer,
)

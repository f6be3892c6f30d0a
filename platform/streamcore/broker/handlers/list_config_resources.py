"""ListConfigResources (key 74), versions 0 to 1 (KIP-1142): what has settings.

Version 0 lists client metrics alone, of which there are none.
"""

from collections.abc import Iterator
from typing import Final

from streamcore.broker.config_resources import ResourceType
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.list_config_resources import (
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
    ListedResource,
)

ALL_TYPES: Final = frozenset(ResourceType)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(ListConfigResourcesRequest, request.api_version, body)
    types = frozenset(asked.resource_types) or ALL_TYPES
    if types <= ALL_TYPES:
        response = ListConfigResourcesResponse(config_resources=tuple(_resources(services, types)))
    else:  # as Kafka says it: a newer client knows more
        response = ListConfigResourcesResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    return encode(response, request.api_version)


def _resources(services: BrokerServices, types: frozenset[int]) -> Iterator[ListedResource]:
    for kind in (ResourceType.BROKER, ResourceType.BROKER_LOGGER):
        if kind in types:
            name = str(services.settings.node_id)
            yield ListedResource(resource_name=name, resource_type=kind)
    if ResourceType.TOPIC in types:
        for topic in services.topics.all():
            yield ListedResource(resource_name=topic.name, resource_type=ResourceType.TOPIC)


HANDLER = Handler(
    api_key=ApiKey.LIST_CONFIG_RESOURCES,
    name="ListConfigResources",
    min_version=0,
    max_version=1,
    flexible_from=ListConfigResourcesRequest.FLEXIBLE_FROM,
    answer=answer,
)

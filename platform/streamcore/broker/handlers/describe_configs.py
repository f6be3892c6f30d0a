"""DescribeConfigs (key 32), versions 1 to 4 (KIP-226 sources, KIP-569 types and documentation).

Topics and this broker are described. Its log levels, groups and client metrics have no
settings here: they are described as such, with none. A resource that is named again is described
again, but not for ever: answers stay in proportion to what there is.
"""

from collections.abc import Sequence

from streamcore.broker.config_resources import ResourceType, check_resource, topic_of
from streamcore.broker.handlers.config_entries import ConfigEntry, broker_entries, topic_entries
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.handlers.repetitions import Repetitions
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_configs import (
    AskedResource,
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    DescribedConfig,
    DescribedResource,
    Synonym,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeConfigsRequest, request.api_version, body)
    again = Repetitions()
    results = tuple(
        _described(services, one, asked)
        for one in asked.resources
        if again.admit((one.resource_type, one.resource_name))
    )
    return encode(DescribeConfigsResponse(results=results), request.api_version)


def _described(
    services: BrokerServices, resource: AskedResource, asked: DescribeConfigsRequest
) -> DescribedResource:
    entries: Sequence[ConfigEntry] = ()
    error, message = ErrorCode.NONE, None
    try:
        entries = _entries(services, resource)
    except AdminRefused as refusal:
        error, message = refusal.error, refusal.message
    keys = frozenset(resource.configuration_keys or ())  # none named: all are meant
    return DescribedResource(
        error_code=error,
        error_message=message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=tuple(_config(entry, asked) for entry in entries if not keys or entry.name in keys),
    )


def _entries(services: BrokerServices, resource: AskedResource) -> Sequence[ConfigEntry]:
    name = resource.resource_name
    if resource.resource_type == ResourceType.TOPIC:
        return topic_entries(topic_of(services, name).configs, services.settings)
    kind = check_resource(services, resource.resource_type, name)
    # Without a name: what is set for all brokers at once, which is nothing.
    return broker_entries(services.settings) if kind is ResourceType.BROKER and name else ()


def _config(entry: ConfigEntry, asked: DescribeConfigsRequest) -> DescribedConfig:
    return DescribedConfig(
        name=entry.name,
        value=entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
        synonyms=tuple(
            Synonym(name=name, value=value, source=source)
            for name, value, source in (entry.synonyms if asked.include_synonyms else ())
        ),
        config_type=entry.type,
        documentation=entry.says if asked.include_documentation else None,
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_CONFIGS,
    name="DescribeConfigs",
    min_version=1,
    max_version=4,
    flexible_from=DescribeConfigsRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""IncrementalAlterConfigs (key 44), versions 0 to 1 (KIP-339): single settings of topics.

On the disk before it is answered, and in force from then on. Not done: settings of the broker
(they are read at its start), log levels, groups and client metrics: refused with a reason.
"""

from collections import Counter
from functools import partial

from streamcore.broker.config_alteration import alteration_result, changes
from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.incremental_alter_configs import (
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(IncrementalAlterConfigsRequest, request.api_version, body)
    named = Counter((one.resource_type, one.resource_name) for one in asked.resources)
    results = tuple(
        alteration_result(
            services,
            (one.resource_type, one.resource_name),
            partial(changes, one.configs),
            times_named=named[one.resource_type, one.resource_name],
            only_check=asked.validate_only,
        )
        for one in asked.resources
    )
    return encode(IncrementalAlterConfigsResponse(responses=results), request.api_version)


HANDLER = Handler(
    api_key=ApiKey.INCREMENTAL_ALTER_CONFIGS,
    name="IncrementalAlterConfigs",
    min_version=0,
    max_version=1,
    flexible_from=IncrementalAlterConfigsRequest.FLEXIBLE_FROM,
    answer=answer,
)

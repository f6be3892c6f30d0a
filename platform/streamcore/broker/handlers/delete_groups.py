"""DeleteGroups (key 42), versions 0 to 2: a group without members, with its offsets."""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.delete_groups import (
    DeletedGroup,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DeleteGroupsRequest, request.api_version, body)
    results = tuple(
        DeletedGroup(group_id=group_id, error_code=services.groups.forget_group(group_id))
        for group_id in asked.groups_names
    )
    return encode(DeleteGroupsResponse(results=results), request.api_version)


HANDLER = Handler(
    api_key=ApiKey.DELETE_GROUPS,
    name="DeleteGroups",
    min_version=0,
    max_version=2,
    flexible_from=DeleteGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
)

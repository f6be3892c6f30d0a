"""ListGroups (key 16), versions 0 to 4: by state since 4 (KIP-518)."""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.list_groups import (
    ListedGroup,
    ListGroupsRequest,
    ListGroupsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(ListGroupsRequest, request.api_version, body)
    coordinator = services.groups.coordinator
    wanted = {state.lower() for state in asked.states_filter}
    found = (coordinator.find(group_id) for group_id in sorted(coordinator.group_ids()))
    groups = tuple(
        ListedGroup(
            group_id=group.group_id, protocol_type=group.protocol_type, group_state=group.state
        )
        for group in found
        if group is not None and (not wanted or group.state.lower() in wanted)
    )
    return encode(ListGroupsResponse(groups=groups), request.api_version)


HANDLER = Handler(
    api_key=ApiKey.LIST_GROUPS,
    name="ListGroups",
    min_version=0,
    max_version=4,
    flexible_from=ListGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
)

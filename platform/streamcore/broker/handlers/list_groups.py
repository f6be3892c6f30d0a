"""ListGroups (key 16), versions 0 to 5: by state since 4 (KIP-518), by type since 5 (KIP-848).

Every group is a classic one. Filters look at no case; a word that means nothing lets none through.
"""

from collections.abc import Iterable, Set

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.list_groups import (
    ListedGroup,
    ListGroupsRequest,
    ListGroupsResponse,
)

GROUP_TYPE = "classic"


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(ListGroupsRequest, request.api_version, body)
    coordinator = services.groups.coordinator
    states, types = _words(asked.states_filter), _words(asked.types_filter)
    found = (coordinator.find(group_id) for group_id in sorted(coordinator.group_ids()))
    groups = tuple(
        ListedGroup(
            group_id=group.group_id,
            protocol_type=group.protocol_type,
            group_state=group.state,
            group_type=GROUP_TYPE,
        )
        for group in found
        if group is not None and _is_wanted(group.state, states) and _is_wanted(GROUP_TYPE, types)
    )
    return encode(ListGroupsResponse(groups=groups), request.api_version)


def _words(wanted: Iterable[str]) -> Set[str]:
    return {one.lower() for one in wanted}


def _is_wanted(word: str, wanted: Set[str]) -> bool:
    return not wanted or word.lower() in wanted


HANDLER = Handler(
    api_key=ApiKey.LIST_GROUPS,
    name="ListGroups",
    min_version=0,
    max_version=5,
    flexible_from=ListGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
)

"""DeleteGroups (key 42), versions 0 to 2: a group without members, with its offsets.

Answered when that is in the log.
"""

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.delete_groups import (
    DeletedGroup,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DeleteGroupsRequest, request.api_version, body)
    reply = PendingReply()

    def on_answer(errors: list[ErrorCode]) -> None:
        results = tuple(
            DeletedGroup(group_id=group_id, error_code=error)
            for group_id, error in zip(asked.groups_names, errors, strict=True)
        )
        reply.resolve(encode(DeleteGroupsResponse(results=results), request.api_version))

    services.groups.delete_groups(asked.groups_names, on_answer)
    return reply


HANDLER = Handler(
    api_key=ApiKey.DELETE_GROUPS,
    name="DeleteGroups",
    min_version=0,
    max_version=2,
    flexible_from=DeleteGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
)

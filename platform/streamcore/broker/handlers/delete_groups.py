"""DeleteGroups (key 42), versions 0 to 3: a group without members, with its offsets.

Answered when that is in the log. A group that is named twice is answered once, as by Kafka.
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

MESSAGES = {
    ErrorCode.GROUP_ID_NOT_FOUND: "Group {} not found.",
    ErrorCode.NON_EMPTY_GROUP: "Group {} has members.",
    ErrorCode.COORDINATOR_NOT_AVAILABLE: "The deletion of group {} could not be written.",
}


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DeleteGroupsRequest, request.api_version, body)
    group_ids = list(dict.fromkeys(asked.groups_names))
    reply = PendingReply()

    def on_answer(errors: list[ErrorCode]) -> None:
        results = tuple(map(_deleted, group_ids, errors))
        reply.resolve(encode(DeleteGroupsResponse(results=results), request.api_version))

    services.groups.delete_groups(group_ids, on_answer)
    return reply


def _deleted(group_id: str, error: ErrorCode) -> DeletedGroup:
    return DeletedGroup(
        group_id=group_id,
        error_code=error,
        error_message=MESSAGES[error].format(group_id) if error else None,
    )


HANDLER = Handler(
    api_key=ApiKey.DELETE_GROUPS,
    name="DeleteGroups",
    min_version=0,
    max_version=3,
    flexible_from=DeleteGroupsRequest.FLEXIBLE_FROM,
    answer=answer,
)

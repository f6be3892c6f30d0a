"""SyncGroup (key 14), versions 0 to 5. Followers wait for the leader's assignment.

The assignment is the clients' own: it is handed on unread.
"""

from functools import partial

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

# From then on a member says what it believes that the group has agreed on (KIP-559).
PROTOCOL_NAMED_FROM = 5


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    sync = decode(SyncGroupRequest, request.api_version, body)
    if request.api_version >= PROTOCOL_NAMED_FROM and None in (
        sync.protocol_type,
        sync.protocol_name,
    ):
        refusal = SyncGroupResponse(error_code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
        return encode(refusal, request.api_version, about=sync)
    reply = PendingReply()

    def on_answer(response: Message) -> None:
        reply.resolve(encode(response, request.api_version, about=sync))

    ticket = services.groups.sync(sync, on_answer=on_answer)
    reply.on_abandoned = partial(services.groups.abandon, sync.group_id, ticket)
    return reply


HANDLER = Handler(
    api_key=ApiKey.SYNC_GROUP,
    name="SyncGroup",
    min_version=0,
    max_version=5,
    flexible_from=SyncGroupRequest.FLEXIBLE_FROM,
    answer=answer,
)

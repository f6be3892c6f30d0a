"""JoinGroup (key 11), versions 0 to 9: static members (KIP-345), ids before places (KIP-394),
reasons (KIP-800), skipped assignment (KIP-814). Waits until the generation is complete.

Not done: the consumer protocol of KIP-848, which is an API of its own.
"""

from functools import partial

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, decode, encode
from streamcore.wire.messages.join_group import JoinGroupRequest


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    join = decode(JoinGroupRequest, request.api_version, body)
    reply = PendingReply()

    def on_answer(response: Message) -> None:
        reply.resolve(encode(response, request.api_version, about=join))

    ticket = services.groups.join(
        join,
        version=request.api_version,
        client_id=request.client_id or "",
        client_host=request.client_host,
        on_answer=on_answer,
    )
    reply.on_abandoned = partial(services.groups.abandon, join.group_id, ticket)
    return reply


HANDLER = Handler(
    api_key=ApiKey.JOIN_GROUP,
    name="JoinGroup",
    min_version=0,
    max_version=9,
    flexible_from=JoinGroupRequest.FLEXIBLE_FROM,
    answer=answer,
)

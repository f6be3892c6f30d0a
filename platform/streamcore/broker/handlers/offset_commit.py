"""OffsetCommit (key 8), versions 2 to 9. Answered when the offsets are in the log, which is
as safe as any acknowledged record is (`flush.acks`).

Not done: the retention time of versions 2 to 4 (the broker's own holds, as in Kafka since
2.1), the member epochs of KIP-848.
"""

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    commit = decode(OffsetCommitRequest, request.api_version, body)
    reply = PendingReply()

    def on_answer(response: OffsetCommitResponse) -> None:
        reply.resolve(encode(response, request.api_version))

    services.groups.commit(commit, on_answer)
    return reply


HANDLER = Handler(
    api_key=ApiKey.OFFSET_COMMIT,
    name="OffsetCommit",
    min_version=2,
    max_version=9,
    flexible_from=OffsetCommitRequest.FLEXIBLE_FROM,
    answer=answer,
    notes="retention is the broker's",
)

"""EndTxn (key 26), versions 0 to 5 (KIP-98, KIP-890): commit or abort.

Answered when every partition has its marker, or when the decision is in the log and a disk
refuses a marker, which is then written later. Since version 5 the answer holds the producer's
next epoch: what it sent before cannot come late into its next transaction.
"""

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.handlers.transaction_errors import told_to_older
from streamcore.broker.services import BrokerServices
from streamcore.transactions.coordinator import EndRequest
from streamcore.transactions.transaction import (
    BUMPS_EPOCH_FROM,
    ProducerIdentity,
    TransactionalId,
)
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.end_txn import EndTxnRequest, EndTxnResponse

FENCED_TOLD_FROM = 2
EPOCH_MOVES_FROM = 5


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(EndTxnRequest, version, body)
    reply = PendingReply()

    def on_answer(error: ErrorCode, identity: ProducerIdentity) -> None:
        response = EndTxnResponse(
            error_code=error if version >= FENCED_TOLD_FROM else told_to_older(error),
            producer_id=identity.producer_id,
            producer_epoch=identity.epoch,
        )
        reply.resolve(encode(response, version, about=asked))

    services.transactions.end(
        EndRequest(
            transactional_id=TransactionalId(asked.transactional_id),
            identity=ProducerIdentity(asked.producer_id, asked.producer_epoch),
            is_commit=asked.committed,
            client_version=BUMPS_EPOCH_FROM if version >= EPOCH_MOVES_FROM else 0,
        ),
        on_answer,
    )
    return reply


HANDLER = Handler(
    api_key=ApiKey.END_TXN,
    name="EndTxn",
    min_version=0,
    max_version=5,
    flexible_from=EndTxnRequest.FLEXIBLE_FROM,
    answer=answer,
)

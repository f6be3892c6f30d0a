"""AddOffsetsToTxn (key 25), versions 0 to 4 (KIP-98): a transaction is about to commit a
group's offsets.

The partition of `__consumer_offsets` that holds the group becomes part of the transaction.
"""

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.handlers.transaction_errors import told_to_older
from streamcore.broker.services import BrokerServices
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.transactions.transaction import Place, ProducerIdentity, TransactionalId
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.add_offsets_to_txn import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
)

FENCED_TOLD_FROM = 2


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(AddOffsetsToTxnRequest, version, body)
    reply = PendingReply()

    def on_answer(error: ErrorCode) -> None:
        told = error if version >= FENCED_TOLD_FROM else told_to_older(error)
        reply.resolve(encode(AddOffsetsToTxnResponse(error_code=told), version, about=asked))

    services.transactions.add_places(
        TransactionalId(asked.transactional_id),
        ProducerIdentity(asked.producer_id, asked.producer_epoch),
        [Place(OFFSETS_TOPIC, services.groups.offsets_partition_of(asked.group_id))],
        on_answer,
    )
    return reply


HANDLER = Handler(
    api_key=ApiKey.ADD_OFFSETS_TO_TXN,
    name="AddOffsetsToTxn",
    min_version=0,
    max_version=4,
    flexible_from=AddOffsetsToTxnRequest.FLEXIBLE_FROM,
    answer=answer,
)

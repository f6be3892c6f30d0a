"""InitProducerId (key 22), versions 0 to 5 (KIP-98, KIP-360): identities of producers.

Without a transactional id each producer gets an id of its own, always a new one: it raises its
epoch itself. Under a transactional id the newest producer fences those before it.
"""

import logging

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.handlers.transaction_errors import told_to_older
from streamcore.broker.services import BrokerServices
from streamcore.record.batch import NO_PRODUCER_ID
from streamcore.transactions.coordinator import InitRequest
from streamcore.transactions.transaction import ProducerIdentity, TransactionalId
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)

logger = logging.getLogger(__name__)

FENCED_TOLD_FROM = 4
NOBODY = ProducerIdentity(NO_PRODUCER_ID, -1)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(InitProducerIdRequest, version, body)
    if (asked.producer_id == NO_PRODUCER_ID) != (asked.producer_epoch == -1):
        return _encoded(asked, ErrorCode.INVALID_REQUEST, NOBODY, version)
    if asked.transactional_id is None:
        return _encoded(asked, *_idempotent(services), version)
    reply = PendingReply()
    is_new = asked.producer_id == NO_PRODUCER_ID
    services.transactions.init_producer(
        InitRequest(
            transactional_id=TransactionalId(asked.transactional_id),
            timeout_ms=asked.transaction_timeout_ms,
            expected=None if is_new else ProducerIdentity(asked.producer_id, asked.producer_epoch),
        ),
        lambda error, identity: _resolve(reply, asked, error, identity, version),
    )
    return reply


def _resolve(
    reply: PendingReply,
    asked: InitProducerIdRequest,
    error: ErrorCode,
    identity: ProducerIdentity,
    version: int,
) -> None:
    if version < FENCED_TOLD_FROM:
        error = told_to_older(error)
    reply.resolve(_encoded(asked, error, identity, version))


def _idempotent(services: BrokerServices) -> tuple[ErrorCode, ProducerIdentity]:
    try:
        return ErrorCode.NONE, ProducerIdentity(services.producer_ids.take(), 0)
    except OSError as failure:
        logger.error("no producer id: %s", failure)  # noqa: TRY400  # no trace: the disk's words say it all
        return ErrorCode.COORDINATOR_NOT_AVAILABLE, NOBODY


def _encoded(
    asked: InitProducerIdRequest, error: ErrorCode, identity: ProducerIdentity, version: int
) -> bytes:
    response = InitProducerIdResponse(
        error_code=error, producer_id=identity.producer_id, producer_epoch=identity.epoch
    )
    return encode(response, version, about=asked)


HANDLER = Handler(
    api_key=ApiKey.INIT_PRODUCER_ID,
    name="InitProducerId",
    min_version=0,
    max_version=5,
    flexible_from=InitProducerIdRequest.FLEXIBLE_FROM,
    answer=answer,
)

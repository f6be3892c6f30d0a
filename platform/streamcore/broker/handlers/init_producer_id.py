"""InitProducerId (key 22), versions 0 to 4 (KIP-98, KIP-360): ids of idempotent producers.

A producer that asks to go on with an id it has (versions 3 and 4) keeps it with the next
epoch. Not done: transactional ids, which are refused.
"""

import logging

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.record.batch import NO_PRODUCER_ID
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

logger = logging.getLogger(__name__)

FLEXIBLE_FROM = 2
EPOCHS_FROM = 3
EPOCH_MAX = (1 << 15) - 1


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    reader = WireReader(body, flexible=request.flexible)
    transactional_id = reader.nullable_string()
    reader.int32()  # transaction time-out
    producer_id, epoch = NO_PRODUCER_ID, -1
    if request.api_version >= EPOCHS_FROM:
        producer_id, epoch = reader.int64(), reader.int16()
    if transactional_id is not None:
        # Retriable codes would have the client ask for ever.
        return _encoded(request, ErrorCode.INVALID_REQUEST)
    if producer_id != NO_PRODUCER_ID and 0 <= epoch < EPOCH_MAX:
        return _encoded(request, ErrorCode.NONE, producer_id, epoch + 1)
    try:
        return _encoded(request, ErrorCode.NONE, services.producer_ids.take(), 0)
    except OSError as failure:
        logger.error("no producer id: %s", failure)  # noqa: TRY400  # no trace: the disk's words say it all
        return _encoded(request, ErrorCode.COORDINATOR_NOT_AVAILABLE)


def _encoded(
    request: Request, error: ErrorCode, producer_id: int = NO_PRODUCER_ID, epoch: int = -1
) -> bytes:
    writer = WireWriter(flexible=request.flexible)
    writer.int32(0)  # not throttled
    writer.int16(error)
    writer.int64(producer_id)
    writer.int16(epoch)
    writer.end_of_struct()
    return writer.done()


HANDLER = Handler(
    api_key=ApiKey.INIT_PRODUCER_ID,
    name="InitProducerId",
    min_version=0,
    max_version=4,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
    notes="no transactional ids",
)

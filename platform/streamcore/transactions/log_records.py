"""What the coordinator writes to `__transaction_state`, in Kafka's own format.

The key is the transactional id (version 0), the value what is remembered of it (version 1,
which has tagged fields). A null value forgets the id.
"""

from collections.abc import Iterable

from streamcore.transactions.states import TransactionState
from streamcore.transactions.transaction import (
    NO_PRODUCER_ID,
    Place,
    Transaction,
    TransactionalId,
)
from streamcore.wire.reading import INT16, INT64, Malformed, WireReader
from streamcore.wire.writing import WireWriter

TRANSACTIONS_TOPIC = "__transaction_state"
KEY_VERSION = 0
VALUE_VERSION = 1
# Tagged fields: previous and next producer id, and the client's transaction.version.
PREVIOUS_ID_TAG, NEXT_ID_TAG, CLIENT_VERSION_TAG = 0, 1, 2


def encode_key(transactional_id: TransactionalId) -> bytes:
    writer = WireWriter(flexible=False)
    writer.int16(KEY_VERSION)
    writer.string(transactional_id)
    return writer.done()


def decode_key(key: bytes) -> TransactionalId | None:
    """Return the id; None for a key of another kind. Raises `Malformed`."""
    reader = WireReader(memoryview(key), flexible=False)
    if reader.int16() != KEY_VERSION:
        return None
    return TransactionalId(reader.string())


def encode_value(transaction: Transaction) -> bytes:
    writer = WireWriter(flexible=True)
    writer.int16(VALUE_VERSION)
    writer.int64(transaction.producer_id)
    writer.int16(transaction.epoch)
    writer.int32(transaction.timeout_ms)
    writer.int8(transaction.state)
    _put_places(writer, transaction.places)
    writer.int64(transaction.updated_ms)
    writer.int64(transaction.started_ms)
    _put_tags(writer, transaction)
    return writer.done()


def _put_places(writer: WireWriter, places: Iterable[Place]) -> None:
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(places):
        by_topic.setdefault(topic, []).append(partition)
    writer.array_size(len(by_topic) or None)
    for topic, partitions in by_topic.items():
        writer.string(topic)
        writer.array_size(len(partitions))
        for partition in partitions:
            writer.int32(partition)
        writer.end_of_struct()


def _put_tags(writer: WireWriter, transaction: Transaction) -> None:
    tags = []
    for tag, producer_id in (
        (PREVIOUS_ID_TAG, transaction.previous_producer_id),
        (NEXT_ID_TAG, transaction.next_producer_id),
    ):
        if producer_id != NO_PRODUCER_ID:
            tags.append((tag, INT64.pack(producer_id)))
    if transaction.client_version:
        tags.append((CLIENT_VERSION_TAG, INT16.pack(transaction.client_version)))
    writer.uvarint(len(tags))
    for tag, content in tags:
        writer.uvarint(tag)
        writer.uvarint(len(content))
        writer.raw(content)


def decode_value(transactional_id: TransactionalId, value: bytes) -> Transaction | None:
    """Read an entry back; None for a version that others may have written.

    Raises `Malformed` for an entry of ours that does not follow its format.
    """
    reader = WireReader(memoryview(value), flexible=True)
    if reader.int16() != VALUE_VERSION:
        return None
    producer_id, epoch, timeout_ms = reader.int64(), reader.int16(), reader.int32()
    state = _state(reader)
    places = frozenset(_places(reader))
    updated_ms, started_ms = reader.int64(), reader.int64()
    tags = _tags(reader)
    return Transaction(
        transactional_id=transactional_id,
        producer_id=producer_id,
        epoch=epoch,
        previous_producer_id=tags.get(PREVIOUS_ID_TAG, NO_PRODUCER_ID),
        next_producer_id=tags.get(NEXT_ID_TAG, NO_PRODUCER_ID),
        timeout_ms=timeout_ms,
        state=state,
        places=places,
        started_ms=started_ms,
        updated_ms=updated_ms,
        client_version=tags.get(CLIENT_VERSION_TAG, 0),
    )


def _state(reader: WireReader) -> TransactionState:
    position = reader.position
    try:
        return TransactionState(reader.int8())
    except ValueError:
        raise Malformed("state of a transaction", position=position) from None


def _places(reader: WireReader) -> Iterable[Place]:
    for _ in range(reader.array_size()):
        topic = reader.string()
        for _ in range(reader.array_size()):
            yield Place(topic, reader.int32())
        reader.skip_tags()


def _tags(reader: WireReader) -> dict[int, int]:
    found = {}
    for _ in range(reader.uvarint()):
        tag = reader.uvarint()
        found[tag] = int.from_bytes(reader.span(reader.uvarint()), signed=True)
    return found

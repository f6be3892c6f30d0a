"""Control batches: the markers that end a transaction in a partition (KIP-98).

A marker is a batch of one record with the transactional and the control bit set. Its key
says how the transaction ended, its value which coordinator says so. Clients skip it, but
for learning that a transaction was aborted.
"""

from enum import IntEnum
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT, BatchCorrupt
from streamcore.record.records import Record, encode_batch, read_records

# version, type
MARKER_KEY = Struct(">hh")
# version, coordinator epoch
MARKER_VALUE = Struct(">hi")
VERSION = 0


class MarkerType(IntEnum):
    """How a transaction ended (org.apache.kafka.common.record.ControlRecordType)."""

    ABORT = 0
    COMMIT = 1


class Marker(NamedTuple):
    """The end of a producer's transaction, as one partition is told."""

    type: MarkerType
    coordinator_epoch: int


def encode_marker(
    marker: Marker, *, producer_id: int, producer_epoch: int, timestamp_ms: int
) -> bytes:
    """Return the control batch that ends the transaction of a producer."""
    record = Record(
        timestamp=timestamp_ms,
        key=MARKER_KEY.pack(VERSION, marker.type),
        value=MARKER_VALUE.pack(VERSION, marker.coordinator_epoch),
    )
    return encode_batch(
        [record],
        attributes=TRANSACTIONAL_BIT | CONTROL_BIT,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
    )


def decode_marker(batch: bytes | memoryview) -> Marker | None:
    """Read a control batch; None for a kind of control record that ends no transaction.

    Raises `BatchCorrupt`.
    """
    for record in read_records(batch):
        try:
            _, kind = MARKER_KEY.unpack_from(record.key or b"")
            if kind not in tuple(MarkerType):
                return None
            _, coordinator_epoch = MARKER_VALUE.unpack_from(record.value or b"")
        except StructError:
            raise BatchCorrupt(f"control record at offset {record.offset}") from None
        return Marker(MarkerType(kind), coordinator_epoch)
    return None

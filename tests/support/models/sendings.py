"""What producers send to a partition: batches of all kinds, right ones and wrong ones."""

from dataclasses import dataclass
from enum import Enum

from streamcore.record.batch import (
    CODEC_MASK,
    HEADER_SIZE,
    TRANSACTIONAL_BIT,
    read_header,
    sealed,
)
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch

NO_SUCH_CODEC = 5


class Damage(Enum):
    """What is wrong with the bytes of a batch."""

    NONE = "none"
    NULL = "null instead of a batch"
    NO_BYTES = "no bytes at all"
    NO_RECORDS = "a batch of no records"
    CUT = "cut short"
    CHECKSUM = "a byte is another one"
    OLD_FORMAT = "an older format"
    TWO = "two batches"
    UNKNOWN_CODEC = "a codec that there is not"
    MISCOUNTED = "a header that tells of more offsets than records"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an idempotent producer says it is, and the number of its first record."""

    producer_id: int
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A batch for one partition. Its bytes are made when they are asked for."""

    partition: int
    records: tuple[Record, ...]
    codec: Codec = Codec.NONE
    identity: Identity | None = None
    is_transactional: bool = False
    damage: Damage = Damage.NONE

    def data(self) -> bytes | None:
        if self.damage is Damage.NULL:
            return None
        if self.damage is Damage.NO_BYTES:
            return b""
        return _damaged(self._whole(), self.damage)

    @property
    def says_zstd(self) -> bool:
        has_header = self.damage not in (Damage.NULL, Damage.NO_BYTES, Damage.UNKNOWN_CODEC)
        return self.codec is Codec.ZSTD and has_header

    def _whole(self) -> bytes:
        identity = self.identity or Identity(-1, -1, -1)
        return encode_batch(
            self.records,
            codec=self.codec,
            attributes=TRANSACTIONAL_BIT if self.is_transactional else 0,
            producer_id=identity.producer_id,
            producer_epoch=identity.epoch,
            base_sequence=identity.sequence,
        )


def _damaged(batch: bytes, damage: Damage) -> bytes:
    header, body = read_header(batch), batch[HEADER_SIZE:]
    match damage:
        case Damage.NO_RECORDS:
            return sealed(header._replace(record_count=0, last_offset_delta=-1), b"")
        case Damage.CUT:
            return batch[:-1]
        case Damage.CHECKSUM:
            return batch[:-1] + bytes([batch[-1] ^ 1])
        case Damage.OLD_FORMAT:
            return sealed(header._replace(magic=1), body)
        case Damage.TWO:
            return batch + batch
        case Damage.UNKNOWN_CODEC:
            attributes = header.attributes & ~CODEC_MASK | NO_SUCH_CODEC
            return sealed(header._replace(attributes=attributes), body)
        case Damage.MISCOUNTED:
            return sealed(header._replace(last_offset_delta=header.last_offset_delta + 1), body)
        case _:
            return batch

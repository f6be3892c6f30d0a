"""What a topic's settings ask of a batch, and what becomes of it: said once more, from Kafka's
documentation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from streamcore.record.batch import HEADER_SIZE
from streamcore.record.compression import Codec, compressed
from streamcore.record.records import encode_batch
from tests.support.models.partition_model import NO_TIMESTAMP, Batch, Keeping
from tests.support.models.sendings import Damage, Sending

ANY_MS: Final = (1 << 63) - 1
CODECS: Final = {
    "uncompressed": Codec.NONE,
    "gzip": Codec.GZIP,
    "snappy": Codec.SNAPPY,
    "lz4": Codec.LZ4,
    "zstd": Codec.ZSTD,
}
ZSTD_FROM: Final = 7  # of Produce

# What a broken batch is told, as by Apache Kafka 4.4. A null one hangs it, a codec that there is
# not is an unknown server error there: both have an answer of their own here.
OF_DAMAGE: Final = {
    Damage.NULL: "invalid_record",
    Damage.NO_BYTES: "invalid_record",
    Damage.NO_RECORDS: "invalid_record",
    Damage.CUT: "invalid_record",
    Damage.CHECKSUM: "corrupt_message",
    Damage.OLD_FORMAT: "invalid_record",
    Damage.TWO: "invalid_record",
    Damage.UNKNOWN_CODEC: "unsupported_compression_type",
    Damage.MISCOUNTED: "invalid_record",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRules:
    """A topic's settings, those that the models know."""

    message_bytes_max: int = (1 << 20) + 12
    codec: Codec | None = None
    is_stamped: bool = False
    behind_ms_max: int = ANY_MS
    ahead_ms_max: int = ANY_MS
    flush_messages: int = ANY_MS
    keeping: Keeping = Keeping()  # noqa: RUF009  # immutable

    def refusal(self, sending: Sending, data: bytes | None, version: int, now_ms: int) -> str:
        """The error that a batch is told before anybody looks at its producer; "" for none."""
        if data is None:
            return OF_DAMAGE[sending.damage]
        if sending.says_zstd and version < ZSTD_FROM:
            return "unsupported_compression_type"
        if len(data) > self.message_bytes_max:
            return "message_too_large"
        if sending.damage is not Damage.NONE:
            return OF_DAMAGE[sending.damage]
        if not self.is_stamped and any(
            not now_ms - self.behind_ms_max <= record.timestamp <= now_ms + self.ahead_ms_max
            for record in sending.records
            if record.timestamp != NO_TIMESTAMP
        ):
            return "invalid_timestamp"
        return "message_too_large" if self.size(sending) > self.message_bytes_max else ""

    def size(self, sending: Sending) -> int:
        """How large the batch is in the log."""
        plain = encode_batch(sending.records)[HEADER_SIZE:]
        codec = sending.codec if self.codec is None else self.codec
        return HEADER_SIZE + len(compressed(codec, plain))

    def placed(self, sending: Sending, base: int, now_ms: int) -> Batch:
        """The batch as readers see it, at its place."""
        records = tuple(
            replace(
                record,
                offset=base + number,
                timestamp=now_ms if self.is_stamped else record.timestamp,
            )
            for number, record in enumerate(sending.records)
        )
        return Batch(
            base=base,
            records=records,
            codec=sending.codec if self.codec is None else self.codec,
            size=self.size(sending),
            identity=sending.identity,
            is_stamped=self.is_stamped,
        )


def rules_of(configs: Mapping[str, str]) -> TopicRules:
    """What a topic's own settings mean; those that it has not are as they are by default."""
    usual, keeping = TopicRules(), Keeping()

    def number(name: str, default: int) -> int:
        return int(configs.get(name, default))

    return TopicRules(
        message_bytes_max=number("max.message.bytes", usual.message_bytes_max),
        codec=CODECS.get(configs.get("compression.type", "")),
        is_stamped=configs.get("message.timestamp.type") == "LogAppendTime",
        behind_ms_max=number("message.timestamp.before.max.ms", ANY_MS),
        ahead_ms_max=number("message.timestamp.after.max.ms", ANY_MS),
        flush_messages=number("flush.messages", ANY_MS),
        keeping=Keeping(
            segment_bytes=number("segment.bytes", keeping.segment_bytes),
            segment_ms=number("segment.ms", keeping.segment_ms),
            retention_ms=number("retention.ms", 7 * 86_400_000),
            retention_bytes=number("retention.bytes", -1),
        ),
    )

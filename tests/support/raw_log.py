"""The headers of the batches that a partition holds, read without any client."""

from dataclasses import dataclass
from struct import Struct

from streamcore.wire.api_keys import ApiKey
from tests.support.raw_kafka import RawConnection

REQUEST = Struct(">iiiibi")  # replica, wait, bytes at least, at most, isolation, topics
PARTITION = Struct(">iiqi")  # partitions, partition, offset, bytes at most
ANSWER = Struct(">iihqqi")  # partitions, partition, error, high watermark, stable offset, aborted
BATCH = Struct(">qiibIhiqqqhii")
FETCH_VERSION = 4
BYTES_MAX = 10_000_000
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a batch says of itself."""

    codec: str
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int


def batches_of(address: str, topic: str) -> list[Batch]:
    """Return the batches of a topic's partition 0, from its start."""
    name = len(topic).to_bytes(2) + topic.encode()
    body = REQUEST.pack(-1, 1000, 1, BYTES_MAX, 0, 1) + name + PARTITION.pack(1, 0, 0, BYTES_MAX)
    with RawConnection(address) as connection:
        connection.send_request(ApiKey.FETCH, FETCH_VERSION, body)
        answer = connection.answer()
    told_at = 4 + 4 + 4 + len(name)  # correlation id, throttle time, count of topics
    _, _, error, _, _, aborted = ANSWER.unpack_from(answer, told_at)
    assert error == 0, error
    assert aborted <= 0, "a log with transactions"
    return _batches(answer[told_at + ANSWER.size + 4 :])


def _batches(data: bytes) -> list[Batch]:
    found = []
    while len(data) >= BATCH.size:
        header = BATCH.unpack_from(data)
        size, attributes = header[1], header[5]
        producer_id, epoch, sequence, count = header[9:13]
        found.append(
            Batch(
                codec=CODECS[attributes & 7],
                producer_id=producer_id,
                producer_epoch=epoch,
                base_sequence=sequence,
                record_count=count,
            )
        )
        data = data[12 + size :]
    return found

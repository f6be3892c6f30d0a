"""Fetch (key 1) version 11: partitions and their offsets out, whole batches back."""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from streamcore.client.api import Offset, PartitionId, TopicName
from streamcore.client.columnar.cluster import Place

# Replica -1, max wait, min bytes, max bytes, read uncommitted, no fetch session (KIP-227).
_REQUEST: Final = Struct(">iiiibiii")
_COUNT: Final = Struct(">i")
_PARTITION: Final = Struct(">iiqqi")  # index, leader epoch, offset, log start, max bytes
_TAIL: Final = Struct(">ih")  # no forgotten topics, empty rack
_ANSWER: Final = Struct(">ihii")  # throttle, error, session, topics
_ANSWERED: Final = Struct(">ihqqqi")  # index, error, high watermark, stable, log start, aborted
_ABORTED_SIZE: Final = 16
_RECORDS: Final = Struct(">ii")  # preferred replica, size of the records
_NO_SESSION_EPOCH: Final = -1
_NO_LEADER_EPOCH: Final = -1
_NO_LOG_START: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """When a broker answers, and with how much at most."""

    wait_ms_max: int
    bytes_min: int
    bytes_max: int
    partition_bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPartition:
    """One partition of an answer. `data` is a view of the answer's buffer."""

    place: Place
    error_code: int
    high_watermark: int
    data: memoryview


def encode_fetch(offsets: Mapping[Place, Offset], limits: FetchLimits) -> bytes:
    """Return the body of a request that reads each place from its offset."""
    topics: dict[TopicName, list[tuple[PartitionId, Offset]]] = {}
    for (topic, partition), offset in offsets.items():
        topics.setdefault(topic, []).append((partition, offset))
    pieces = [
        _REQUEST.pack(
            -1,
            limits.wait_ms_max,
            limits.bytes_min,
            limits.bytes_max,
            0,
            0,
            _NO_SESSION_EPOCH,
            len(topics),
        )
    ]
    for topic, partitions in topics.items():
        name = topic.encode()
        pieces += [len(name).to_bytes(2), name, _COUNT.pack(len(partitions))]
        pieces += [
            _PARTITION.pack(
                partition, _NO_LEADER_EPOCH, offset, _NO_LOG_START, limits.partition_bytes_max
            )
            for partition, offset in partitions
        ]
    pieces.append(_TAIL.pack(0, 0))
    return b"".join(pieces)


def decode_fetch(body: memoryview) -> tuple[int, list[FetchedPartition]]:
    """Return the answer's own error code and its partitions.

    Raises `struct.error` or `IndexError` when it is cut.
    """
    _, error_code, _, topic_count = _ANSWER.unpack_from(body, 0)
    position = _ANSWER.size
    partitions: list[FetchedPartition] = []
    for _ in range(topic_count):
        name_end = position + 2 + int.from_bytes(body[position : position + 2])
        topic = TopicName(str(body[position + 2 : name_end], "utf-8"))
        (partition_count,) = _COUNT.unpack_from(body, name_end)
        position = name_end + _COUNT.size
        for _ in range(partition_count):
            fetched, position = _decode_partition(body, position, topic)
            partitions.append(fetched)
    return error_code, partitions


def _decode_partition(
    body: memoryview, position: int, topic: TopicName
) -> tuple[FetchedPartition, int]:
    index, error_code, high_watermark, _, _, aborted = _ANSWERED.unpack_from(body, position)
    position += _ANSWERED.size + max(0, aborted) * _ABORTED_SIZE
    _, size = _RECORDS.unpack_from(body, position)
    start = position + _RECORDS.size
    end = start + max(0, size)
    if end > len(body):
        raise IndexError(f"records of {topic}/{index} end behind the answer")
    fetched = FetchedPartition(
        place=(topic, PartitionId(index)),
        error_code=error_code,
        high_watermark=high_watermark,
        data=body[start:end],
    )
    return fetched, end

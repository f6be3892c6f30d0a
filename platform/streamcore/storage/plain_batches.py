"""The short way of recovery over batches that tell no more than their records do.

A log may hold millions of batches of one record each, and a start waits for all behind the
checkpoint to be checked: here with one look at each header.
"""

from collections import deque
from collections.abc import Iterator

from streamcore.record.batch import (
    CRC_COVERS_FROM,
    HEADER,
    HEADER_SIZE,
    IN_TRANSACTIONS,
    LENGTH_PREFIX_SIZE,
    MAGIC,
    NO_PRODUCER_ID,
    REMEMBERED_BATCHES,
    BatchHeader,
)
from streamcore.record.checksums import crc32c
from streamcore.storage.segment import Segment


class PlainBatches:
    """Counts batches into a segment, and keeps the last ones of each producer among them."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._last_of: dict[int, deque[tuple[int, ...]]] = {}

    def take(self, data: memoryview, *, leader_epoch: int) -> int:
        """Count the batches that `data` begins with; return how many bytes they are.

        `data` was read where the known part of the segment ends. What is taken is whole and
        checked, follows without a gap, and is no part of a transaction nor a new epoch.
        """
        unpack, checksum, note = HEADER.unpack_from, crc32c, self._segment.note
        at, data_size, next_offset = 0, len(data), self._segment.next_offset
        while at + HEADER_SIZE <= data_size:
            fields = unpack(data, at)
            base, length, epoch, magic, crc, attributes, last, _, newest, producer, _, _, count = (
                fields
            )
            end = at + length + LENGTH_PREFIX_SIZE
            if (
                base != next_offset
                or epoch != leader_epoch
                or magic != MAGIC
                or attributes & IN_TRANSACTIONS
                or last < 0
                or count <= 0
                or not at + HEADER_SIZE <= end <= data_size
                or checksum(data[at + CRC_COVERS_FROM : end]) != crc
            ):
                break
            if producer != NO_PRODUCER_ID:
                self._keep(producer, fields)
            next_offset = base + last + 1
            note(base, next_offset, newest, end - at)
            at = end
        return at

    def _keep(self, producer_id: int, fields: tuple[int, ...]) -> None:
        kept = self._last_of.get(producer_id)
        if kept is None:
            kept = self._last_of[producer_id] = deque(maxlen=REMEMBERED_BATCHES)
        kept.append(fields)

    def told(self) -> Iterator[BatchHeader]:
        """Give out, once and in their order, the batches from which producers are known again."""
        last_of, self._last_of = self._last_of, {}
        yield from map(BatchHeader._make, sorted(row for kept in last_of.values() for row in kept))

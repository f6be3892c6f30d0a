"""The newest batches of all partitions, in memory: most readers read only these.

One budget for the whole broker. When it is full, the oldest batch of any partition goes
(it is on disk too, so nothing is lost but speed).
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence

from streamcore.record.places import Offset
from streamcore.storage.segment import PlacedBatch

# What a cached batch costs beside its bytes: object headers, two list slots, a deque slot.
ENTRY_OVERHEAD_BYTES = 120
# Dropped entries are taken out of the lists in strides, so that dropping is cheap.
COMPACT_FROM = 1024


class TailCache:
    """The shared budget. Holds at most `bytes_max`, and always the newest batches."""

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._oldest_first: deque[PartitionTail] = deque()
        self.bytes_held = 0

    def partition(self) -> "PartitionTail":
        return PartitionTail(self)

    def add(self, tail: "PartitionTail", size: int) -> None:
        self._oldest_first.append(tail)
        self.bytes_held += size + ENTRY_OVERHEAD_BYTES
        while self.bytes_held > self._bytes_max and self._oldest_first:
            self.bytes_held -= self._oldest_first.popleft().drop_oldest()

    def give_back(self, size: int) -> None:
        self.bytes_held -= size


class PartitionTail:
    """The cached batches of one partition: consecutive offsets up to the log end."""

    def __init__(self, cache: TailCache) -> None:
        self._cache = cache
        self._bases: list[int] = []
        self._chunks: list[bytes] = []
        self._dropped = 0
        self._forgotten_before = 0
        self.next_offset = -1

    def add(self, batch: PlacedBatch) -> None:
        self._bases.append(batch.base_offset)
        self._chunks.append(batch.data)
        self.next_offset = batch.next_offset
        self._cache.add(self, len(batch.data))

    def drop_oldest(self) -> int:
        """Forget the oldest batch; return how many bytes of the budget that frees."""
        number = self._dropped
        if number == len(self._chunks):
            return 0  # was cleared since
        size = len(self._chunks[number]) + ENTRY_OVERHEAD_BYTES
        self._chunks[number] = b""
        self._dropped = number + 1
        if self._dropped >= COMPACT_FROM and 2 * self._dropped >= len(self._chunks):
            del self._bases[: self._dropped], self._chunks[: self._dropped]
            self._dropped = 0
        return size

    def forget_before(self, offset: Offset) -> None:
        """Give out nothing before `offset`, where a batch begins: the log is cleaned up to there.

        The batches leave the cache in their turn, as the oldest ones: taking many out at once
        would hold everybody up.
        """
        self._forgotten_before = max(self._forgotten_before, offset)

    def clear(self) -> None:
        """Forget everything, as when the log is cut or deleted."""
        held = len(self._chunks) - self._dropped
        self._cache.give_back(
            sum(map(len, self._chunks[self._dropped :])) + held * ENTRY_OVERHEAD_BYTES
        )
        self._bases.clear()
        self._chunks.clear()
        self._dropped = 0

    def read(
        self, offset: Offset, *, bytes_max: int, before: Offset | None = None
    ) -> Sequence[bytes] | None:
        """Return whole batches from the one that contains `offset`, or None if it is not here.

        At least one batch, even if it is larger than `bytes_max`; none that begins at or
        behind `before`, which lies behind `offset`.
        """
        first = bisect_right(self._bases, offset, self._dropped) - 1
        if first < self._dropped or offset >= self.next_offset or offset < self._forgotten_before:
            return None
        size = len(self._chunks[first])
        end = first + 1
        count = len(self._chunks)
        if before is not None:
            count = bisect_left(self._bases, before, end)
        while end < count:
            size += len(self._chunks[end])
            if size > bytes_max:
                break
            end += 1
        return self._chunks[first:end]

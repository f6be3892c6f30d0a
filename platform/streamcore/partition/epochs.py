"""Which leader epoch began at which offset of a partition (KIP-101, KIP-320).

A reader that comes back with the epoch of what it read last is told where that epoch ends
here: if that is before its own position, what it has read was lost, and it knows from where.
"""

from bisect import bisect_right
from collections.abc import Sequence

from streamcore.record.places import LeaderEpoch, Offset

NO_EPOCH = LeaderEpoch(-1)
NO_END = Offset(-1)


class EpochHistory:
    """Epochs in rising order, each with the offset of its first record."""

    def __init__(self) -> None:
        self._epochs: list[LeaderEpoch] = []
        self._starts: list[Offset] = []

    @property
    def latest(self) -> LeaderEpoch:
        return self._epochs[-1] if self._epochs else NO_EPOCH

    def note(self, epoch: LeaderEpoch, offset: Offset) -> None:
        """`epoch` begins at `offset`; older epochs than the latest are no news."""
        if epoch <= self.latest:
            return
        while self._starts and self._starts[-1] >= offset:
            del self._starts[-1], self._epochs[-1]  # a term without records
        self._epochs.append(epoch)
        self._starts.append(offset)

    def end_of(self, epoch: LeaderEpoch, *, log_end: Offset) -> tuple[LeaderEpoch, Offset]:
        """Return the largest epoch up to `epoch` that has records here, and where it ends.

        (-1, -1) for an epoch that is newer than all, or older than all.
        """
        if epoch > self.latest:
            return NO_EPOCH, NO_END
        number = bisect_right(self._epochs, epoch) - 1
        if number < 0:
            return NO_EPOCH, NO_END
        end = self._starts[number + 1] if number + 1 < len(self._starts) else log_end
        return self._epochs[number], end

    def cut_front(self, offset: Offset) -> None:
        """The log starts at `offset` now: epochs that ended before it are forgotten."""
        while len(self._starts) > 1 and self._starts[1] <= offset:
            del self._starts[0], self._epochs[0]
        if self._starts and self._starts[0] < offset:
            self._starts[0] = offset

    def rows(self) -> list[list[int]]:
        """Plain numbers: epoch and start offset, one row each."""
        return [list(row) for row in zip(self._epochs, self._starts, strict=True)]

    def restore(self, rows: Sequence[Sequence[int]]) -> None:
        for epoch, offset in rows:
            self.note(LeaderEpoch(epoch), Offset(offset))

    def clear(self) -> None:
        self._epochs.clear()
        self._starts.clear()

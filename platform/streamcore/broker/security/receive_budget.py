"""What all receive buffers together may take beyond the part that each has anyway.

Pure. Whoever grew first may always go on growing, up to the largest request: so there is
always one that can finish, and the bound is the budget and one request more. The others
wait until something is given back.
"""

from typing import Protocol


class Grower(Protocol):
    """A buffer, or who speaks for it."""

    def on_room(self) -> None:
        """What was refused would be granted now."""
        ...


class ReceiveBudget:
    """Bytes that have been granted, to whom, and who waits for more."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._granted: dict[Grower, int] = {}  # in the order in which they began to grow
        self._waiting: dict[Grower, int] = {}
        self.held_bytes = 0

    @property
    def is_short(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def take(self, grower: Grower, size: int) -> bool:
        """Grant `size` more bytes. If False, `on_room` is called when there is room."""
        assert size > 0
        if not self._would_grant(grower, size):
            self._waiting[grower] = size
            return False
        self._waiting.pop(grower, None)
        self._granted[grower] = self._granted.get(grower, 0) + size
        self.held_bytes += size
        return True

    def _would_grant(self, grower: Grower, size: int) -> bool:
        if self.held_bytes + size <= self._bytes_max:
            return True
        return not self._granted or next(iter(self._granted)) is grower

    def give_back(self, grower: Grower) -> None:
        """Take back all that was granted, and forget that it waited."""
        self._waiting.pop(grower, None)
        self.held_bytes -= self._granted.pop(grower, 0)
        while self._waiting:
            waiter, size = next(iter(self._waiting.items()))
            if not self._would_grant(waiter, size):
                # The first to have grown may go on, wherever it stands in the row.
                waiter = next(iter(self._granted))
                if waiter not in self._waiting:
                    return
            del self._waiting[waiter]
            waiter.on_room()

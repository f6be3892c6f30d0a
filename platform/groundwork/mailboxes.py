"""Bounded hand-over points between tasks. Each class is named for what it does when full."""

from typing import Generic, TypeVar

V = TypeVar("V")


class DroppingMailbox(Generic[V]):
    """Drop what does not fit, and count it: for diagnostics that must never cost the main path."""

    def __init__(self, *, items_max: int) -> None:
        assert items_max > 0
        self._items: list[V] = []
        self._items_max = items_max
        self.dropped_total = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: V) -> bool:
        """Return whether it was taken."""
        if len(self._items) == self._items_max:
            self.dropped_total += 1
            return False
        self._items.append(item)
        return True

    def take_all(self) -> list[V]:
        taken, self._items = self._items, []
        return taken

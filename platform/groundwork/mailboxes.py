"""Bounded hand-over points between tasks. Each class is named for what it does when full."""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class MailboxFull(Exception):
    """No more keys fit."""

    def __init__(self, *, keys_max: int) -> None:
        super().__init__(f"mailbox already holds {keys_max} keys")
        self.keys_max = keys_max


class ConflatingMailbox(Generic[K, V]):
    """Keep only the newest value of each key.

    A map wants where the car is, not where it has been: a slow reader skips positions
    instead of falling behind. Size is bounded by the number of keys.
    """

    def __init__(self, *, keys_max: int) -> None:
        assert keys_max > 0
        self._latest: dict[K, V] = {}
        self._keys_max = keys_max
        self.conflated_total = 0

    def __len__(self) -> int:
        return len(self._latest)

    def put(self, key: K, value: V) -> None:
        """Raises `MailboxFull` for a new key when all places are taken."""
        if key in self._latest:
            self.conflated_total += 1
        elif len(self._latest) == self._keys_max:
            raise MailboxFull(keys_max=self._keys_max)
        self._latest[key] = value

    def take_all(self) -> dict[K, V]:
        taken, self._latest = self._latest, {}
        return taken


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


class BlockingMailbox(Generic[V]):
    """Make the writer wait: for hand-overs where nothing may be lost and the writer can pause."""

    def __init__(self, *, items_max: int) -> None:
        assert items_max > 0
        self._items: deque[V] = deque()
        self._items_max = items_max
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: V) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._items) < self._items_max)
            self._items.append(item)
            self._changed.notify_all()

    async def take(self) -> V:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items))
            item = self._items.popleft()
            self._changed.notify_all()
            return item

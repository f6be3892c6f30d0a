"""Frames between two ticks, in order of arrival. When full, the writers wait.

Counted in bytes and without a lock per item: 30,000 frames a second come through here, all on
one loop. A writer adds first and waits then, so the bound may be passed by one frame of each
socket.
"""

import asyncio
from typing import Final

from rideflow.gateway.conduit import Conduit


class BlockingIntake:
    """Holds at most about `bytes_max` bytes of frames until a tick takes them."""

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max: Final = bytes_max
        self._conduits: list[Conduit] = []
        self._frames: list[bytes] = []
        self._bytes = 0
        self._taken = asyncio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def bytes_pending(self) -> int:
        return self._bytes

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._bytes_max

    def add(self, conduit: Conduit, frame: bytes) -> None:
        """Collect a frame: whole pings, or nothing for one that was refused as a whole."""
        self._conduits.append(conduit)
        self._frames.append(frame)
        self._bytes += len(frame)

    async def wait_for_room(self) -> None:
        while self.is_full:
            await self.wait_for_take()

    async def wait_for_take(self) -> None:
        """Return when a tick has taken frames."""
        self._taken.clear()
        await self._taken.wait()

    def take(self, *, bytes_max: int) -> tuple[list[Conduit], list[bytes]]:
        """Take the oldest frames, `bytes_max` bytes and at least one frame of them."""
        count = len(self._frames)
        if self._bytes > bytes_max:
            count = self._count_within(bytes_max)
        conduits, frames = self._conduits[:count], self._frames[:count]
        self._conduits, self._frames = self._conduits[count:], self._frames[count:]
        self._bytes -= sum(map(len, frames))
        self._taken.set()
        return conduits, frames

    def drop_broken(self) -> None:
        """Forget the frames of conduits that have failed: their senders send them again."""
        kept = [
            (conduit, frame)
            for conduit, frame in zip(self._conduits, self._frames, strict=True)
            if not conduit.is_broken
        ]
        self._conduits = [conduit for conduit, _ in kept]
        self._frames = [frame for _, frame in kept]
        self._bytes = sum(map(len, self._frames))
        self._taken.set()

    def _count_within(self, bytes_max: int) -> int:
        taken = 0
        for count, frame in enumerate(self._frames):
            taken += len(frame)
            if taken > bytes_max:
                return max(1, count)
        return len(self._frames)

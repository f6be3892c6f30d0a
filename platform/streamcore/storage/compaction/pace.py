"""Slows work on the disk down to so many bytes a second."""

from collections.abc import Callable


class Pace:
    """Is told of bytes and pauses when they came too fast. No limit where it is 0."""

    def __init__(
        self, bytes_per_second: int, *, now_ms: Callable[[], int], pause: Callable[[float], None]
    ) -> None:
        self._bytes_per_second = bytes_per_second
        self._now_ms = now_ms
        self._pause = pause
        self._started_ms = now_ms()
        self._bytes = 0

    def took(self, size: int) -> None:
        """Note bytes that were read or written; return when the next may be."""
        if self._bytes_per_second <= 0:
            return
        self._bytes += size
        due_ms = self._started_ms + 1000 * self._bytes // self._bytes_per_second
        ahead_ms = due_ms - self._now_ms()
        if ahead_ms > 0:
            self._pause(ahead_ms / 1000)

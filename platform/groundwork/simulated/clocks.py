"""A clock that a test moves."""

import asyncio
import heapq


class VirtualClock:
    """Time stands still until `advance`; sleepers whose deadline has passed then wake."""

    def __init__(self, *, start_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = start_ms
        self._monotonic_ms = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        return self._start_ms + self._monotonic_ms

    def monotonic_ms(self) -> int:
        return self._monotonic_ms

    async def sleep_until(self, deadline_ms: int) -> None:
        if deadline_ms <= self._monotonic_ms:
            return
        wake = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (deadline_ms, self._count, wake))
        await wake

    def advance(self, by_ms: int) -> None:
        assert by_ms >= 0, "time only goes forward"
        self._monotonic_ms += by_ms
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_ms:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)

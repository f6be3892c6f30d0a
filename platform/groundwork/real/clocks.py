"""The machine's own clock."""

import asyncio
import time


class SystemClock:
    """Wall and monotonic time of the operating system, and sleep of the running event loop."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def sleep_until(self, deadline_ms: int) -> None:
        left_ns = deadline_ms * 1_000_000 - time.monotonic_ns()
        await asyncio.sleep(max(0.0, left_ns / 1e9))

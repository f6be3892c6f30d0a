"""Wait for a fact about another process: the one place in the tests that looks again and again."""

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.01


async def eventually(fact: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Return once `fact()` holds. Raises `TimeoutError`, which fails the test, if it never does."""
    async with asyncio.timeout(within_s):
        while not fact():  # noqa: ASYNC110  # a process of its own tells no event
            await asyncio.sleep(LOOK_EVERY_S)

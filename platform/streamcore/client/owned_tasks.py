"""Tasks of an object that lives as long as its `close`: started here, ended here, never lost."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

journal = logging.getLogger("hailstream.log_client")


class OwnedTasks:
    """Runs background tasks of one client.

    An `asyncio.TaskGroup` would tie them to the task that connected; a client outlives it.
    A task that fails says so in the journal: its owner notices by what it no longer does.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            journal.error("%s failed", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel what runs and return when it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Waiting for room in a producer's window, the same for both engines."""

import asyncio
from collections.abc import Callable, Sequence

from streamcore.client.api import (
    DeliveryFailed,
    LogError,
    LogProducer,
    OutRecord,
    TopicName,
)


class Room:
    """Wakes those who wait when a send has completed."""

    def __init__(self) -> None:
        self._completed = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """Let nobody wait any longer: there will be no room again."""
        self._is_closed = True
        self.changed()

    def changed(self) -> None:
        """A send has completed, one way or the other."""
        self._completed.set()
        self._completed = asyncio.Event()

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        while not holds():
            if self._is_closed:
                raise DeliveryFailed("the producer was closed", retriable=False)
            await self._completed.wait()

    async def append(
        self, producer: LogProducer, topic: TopicName, records: Sequence[OutRecord]
    ) -> None:
        """Wait for room, send, and return when acknowledged. Raises `DeliveryFailed`."""
        await self.wait_for(lambda: producer.has_room)
        outcome: asyncio.Future[LogError | None] = asyncio.get_running_loop().create_future()

        def delivered(error: LogError | None) -> None:
            if not outcome.done():
                outcome.set_result(error)

        producer.send_records(topic, records, delivered)
        error = await outcome
        if error is None:
            return
        if isinstance(error, DeliveryFailed):
            raise error
        raise DeliveryFailed(str(error), retriable=error.retriable)

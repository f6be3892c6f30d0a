"""Ride commands on their way to the log: gathered, sent with the next tick, answered each."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from groundwork.metrics import Counter
from rideflow.contracts.rides import RideCommand
from rideflow.contracts.topics import RIDE_COMMANDS
from rideflow.gateway.refusal import Refusal
from streamcore.client.api import LogError, LogProducer, OutRecord, PartitionId, TopicName
from streamcore.record.murmur2 import partition_of

COMMANDS_MAX: Final = 10_000

Written = Callable[[str | None], None]
"""Called when the log has a command, or with what went wrong."""


class CommandDesk:
    """Bounded; a command too many is refused at once, never dropped later."""

    def __init__(self, producer: LogProducer, *, partition_count: int, total: Counter) -> None:
        self._producer = producer
        self._partition_count: Final = partition_count
        self._total = total
        self._waiting: list[tuple[RideCommand, Written]] = []

    def submit(self, command: RideCommand, written: Written) -> None:
        """Queue a command. Raises `Refusal` when the log has been away for too long."""
        if len(self._waiting) == COMMANDS_MAX:
            raise Refusal(503, "log_unavailable", f"{COMMANDS_MAX} commands wait for the log")
        self._waiting.append((command, written))

    async def write(self, command: RideCommand) -> None:
        """Return when the log has the command. Raises `Refusal`."""
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def written(failure: str | None) -> None:
            if not done.done():
                done.set_result(failure)

        self.submit(command, written)
        failure = await done
        if failure is not None:
            raise Refusal(503, "log_unavailable", f"the command may not be in the log: {failure}")

    def flush(self) -> None:
        """Send what waits, if the log has room; called every tick."""
        if not self._waiting or not self._producer.has_room:
            return
        sent, self._waiting = self._waiting, []

        def delivered(error: LogError | None) -> None:
            self._total.add(len(sent) if error is None else 0)
            for _, written in sent:
                written(None if error is None else str(error))

        records = [self._record(command) for command, _ in sent]
        self._producer.send_records(TopicName(RIDE_COMMANDS.name), records, delivered)

    def _record(self, command: RideCommand) -> OutRecord:
        # Partitioned by region, so that one matcher sees all rides of its regions in order.
        partition = PartitionId(partition_of(command.region.encode(), self._partition_count))
        return OutRecord(
            key=command.ride.encode(), value=msgspec.json.encode(command), partition=partition
        )

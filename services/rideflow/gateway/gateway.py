"""A gateway at work: its loops, and the parts that they drive."""

import logging
from dataclasses import dataclass
from typing import Final

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.contracts.topics import DEAD_LETTERS
from rideflow.gateway.command_desk import CommandDesk
from rideflow.gateway.dead_letters import DeadLetterDesk
from rideflow.gateway.ingest import Ingest
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ride_view import RideView
from rideflow.gateway.routes import Endpoints
from rideflow.gateway.sockets import Sockets
from streamcore.client.api import LogError, LogProducer, TopicName

journal = logging.getLogger("hailstream.gateway")

_DRAIN_MS: Final = 2_500


@dataclass(slots=True, kw_only=True)
class Gateway:
    """The parts that the loops need."""

    clock: Clock
    metrics: Registry
    tick_ms: int
    intake: BlockingIntake
    ingest: Ingest
    sockets: Sockets
    letters: DeadLetterDesk
    desk: CommandDesk
    view: RideView
    endpoints: Endpoints
    letters_producer: LogProducer

    async def tick_forever(self) -> None:
        """Send what was collected every few milliseconds; a late tick is not made up for."""
        due_ms = self.clock.monotonic_ms()
        while True:
            self.ingest.tick()
            self.desk.flush()
            self.endpoints.streams.send_due_acks()
            due_ms = max(due_ms + self.tick_ms, self.clock.monotonic_ms())
            await self.clock.sleep_until(due_ms)

    async def each_second_forever(self) -> None:
        due_ms = self.clock.monotonic_ms()
        while True:
            self.each_second()
            due_ms += 1_000
            await self.clock.sleep_until(due_ms)

    def each_second(self) -> None:
        """Limits, silence, dead letters, gauges."""
        self.sockets.each_second()
        self.metrics.gauge("gateway_pending_bytes").set(self.intake.bytes_pending)
        self._send_letters()
        dropped = self.metrics.counter("gateway_dead_letters_dropped_total")
        dropped.add(self.letters.dropped_total - dropped.value)

    async def drain(self) -> None:
        """Wait until nothing is collected or in flight, but not for ever."""
        deadline_ms = self.clock.monotonic_ms() + _DRAIN_MS
        while not self.ingest.is_idle and self.clock.monotonic_ms() < deadline_ms:
            await self.clock.sleep_until(self.clock.monotonic_ms() + self.tick_ms)

    def _send_letters(self) -> None:
        if self.letters_producer.has_room:
            records = self.letters.take_records()
            if records:
                topic = TopicName(DEAD_LETTERS.name)
                self.letters_producer.send_records(topic, records, _letters_told)


def _letters_told(error: LogError | None) -> None:
    if error is not None:
        journal.warning("dead letters were not taken: %s", error)

"""The positions service as a process: its tick is the fetch.

A poll returns when a megabyte waits or after 20 ms, so load makes ticks larger, not more. What
a poll brought is judged, its frames are sent, and once a second, when every frame sent is
acknowledged, the offsets are committed. After a crash the pings since the last commit are
judged again: the state is restored from the newest frames, so those whose frames are in the log
already count as repeats, and the others become positions now. Any failure of the log ends the
process; the supervisor's restart is the one way back.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.columns.arrays import I64, Rows
from rideflow.columns.position_frames import region_key
from rideflow.columns.rows import take_rows
from rideflow.contracts.ids import DRIVER_KEY_WIDTH
from rideflow.contracts.metrics import POSITIONS_METRICS
from rideflow.contracts.pings import PING, PING_SIZE, PING_VERSION
from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS, DRIVER_POSITIONS
from rideflow.positions.restoring import restore_from_frames
from rideflow.positions.stage import SLICE_ROWS, Frames, Stage
from rideflow.running import Service, ServiceSettings, run_service
from rideflow.running.lag import note_lag
from streamcore.client.api import (
    Batch,
    FixedBatch,
    LogConsumer,
    LogError,
    LogProducer,
    OutRecord,
    Shape,
    StartAt,
    Subscription,
    TopicName,
)

journal = logging.getLogger("hailstream.positions")

GROUP: Final = "positions"
_SHAPE: Final = Shape(key_width=DRIVER_KEY_WIDTH, value_width=PING_SIZE)
_DRAIN_S: Final = 2.5
_EACH_MS: Final = 1_000  # commits and sweeps for darkness


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsSettings(ServiceSettings):
    """Settings of positions, section `positions`."""

    bytes_min: int = 1 << 20  # a poll returns when so much waits ...
    wait_ms: int = 20  # ... or after this long
    bytes_max: int = 8 << 20  # of one poll
    drivers_max: int = 4_000_000  # drivers that one process can know
    restore_ms: int = 10_000  # how far back frames are read at the start


def run(settings: PositionsSettings) -> None:
    """Run positions until it is told to stop."""
    run_service("positions", settings, POSITIONS_METRICS, lambda service: serve(service, settings))


async def serve(service: Service, settings: PositionsSettings) -> None:
    """Turn pings into positions until `service.stopping`."""
    stage = Stage(service.metrics, drivers_max=settings.drivers_max)
    await restore_from_frames(service.log, stage, service.clock, back_ms=settings.restore_ms)
    consumer = await service.log.consumer(
        Subscription(
            topics={TopicName(DRIVER_PINGS.name): _SHAPE, TopicName(DRIVER_BACKLOG.name): _SHAPE},
            group=GROUP,
            instance=f"{GROUP}-{settings.instance}",
            start=StartAt.LATEST,
            bytes_min=settings.bytes_min,
            wait_ms_max=settings.wait_ms,
            bytes_max=settings.bytes_max,
        )
    )
    pump = Pump(
        stage=stage,
        consumer=consumer,
        producer=service.log.producer(),
        clock=service.clock,
        metrics=service.metrics,
    )
    turns = service.tasks.create_task(_turn(pump, consumer, service.stopping), name="turns")
    await service.stopping.wait()
    _, late = await asyncio.wait({turns}, timeout=_DRAIN_S)
    if late:
        # Nothing is lost: what was not committed is judged again, and repeats are known.
        journal.warning("the log did not answer within %.1f s: ending without a commit", _DRAIN_S)


async def _turn(pump: "Pump", consumer: LogConsumer, stopping: asyncio.Event) -> None:
    """Turn until told to stop, then commit. Raises `LogError`."""
    try:
        while not stopping.is_set():
            await pump.turn()
        await pump.commit()
    finally:
        await consumer.close()


class Pump:
    """Reads, judges, sends, commits."""

    def __init__(
        self,
        *,
        stage: Stage,
        consumer: LogConsumer,
        producer: LogProducer,
        clock: Clock,
        metrics: Registry,
    ) -> None:
        self._stage, self._consumer, self._producer = stage, consumer, producer
        self._clock, self._metrics = clock, metrics
        self._failure: LogError | None = None
        self._due_ms = clock.monotonic_ms() + _EACH_MS
        self._odd_total = metrics.counter("filtered_odd_total")
        self._backlog_total = metrics.counter("backlog_pings_total")

    async def turn(self) -> None:
        """One poll and what follows from it. Raises `LogError`."""
        batches = await self._consumer.poll()
        read_ms = self._clock.now_ms()
        pings, received_ms = self._live(batches)
        for start in range(0, len(pings), SLICE_ROWS):
            part = slice(start, start + SLICE_ROWS)
            now_ms = self._clock.now_ms()
            frames = self._stage.take(
                pings[part], received_ms[part], read_ms=read_ms, now_ms=now_ms
            )
            await self._send(frames)
        if self._clock.monotonic_ms() >= self._due_ms:
            self._due_ms = self._clock.monotonic_ms() + _EACH_MS
            note_lag(self._consumer, self._metrics)
            await self._sweep()
            await self.commit()

    async def commit(self) -> None:
        """Commit what was read, once everything made of it is in the log. Raises `LogError`."""
        await self._producer.flush()
        if self._failure is not None:
            raise self._failure
        await self._consumer.commit()

    async def _sweep(self) -> None:
        # Behind the log's end everybody looks silent.
        if not any(self._consumer.lag().values()):
            await self._send(self._stage.sweep(now_ms=self._clock.now_ms()))

    async def _send(self, frames: Frames) -> None:
        if not frames:
            return
        if not self._producer.has_room:
            await self._producer.flush()
        if self._failure is not None:
            raise self._failure
        records = [OutRecord(key=region_key(region), value=frame) for region, frame in frames]
        self._producer.send_records(TopicName(DRIVER_POSITIONS.name), records, self._delivered)

    def _delivered(self, error: LogError | None) -> None:
        self._failure = self._failure or error

    def _live(self, batches: Sequence[Batch]) -> tuple[Rows, I64]:
        """The live pings of a poll. Backlog is history: counted here, audited by ops."""
        values, received_ms = [np.zeros((0, PING_SIZE), np.uint8)], [np.zeros(0, np.int64)]
        for batch in batches:
            assert isinstance(batch, FixedBatch), "both topics are read by shape"
            self._odd_total.add(len(batch.odd))
            if batch.topic == DRIVER_BACKLOG.name:
                self._backlog_total.add(len(batch.values))
            else:
                values.append(batch.values)
                received_ms.append(batch.timestamps_ms)
        pings = np.concatenate(values).reshape(-1).view(PING)
        is_ours = pings["version"] == PING_VERSION
        self._odd_total.add(int(np.count_nonzero(~is_ours)))
        kept = np.flatnonzero(is_ours)
        received = np.concatenate(received_ms)
        if len(kept) == len(pings):
            return pings, received
        return take_rows(pings, kept), received.take(kept)

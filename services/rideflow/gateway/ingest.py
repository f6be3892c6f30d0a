"""The tick: all frames of some milliseconds become one send to the log.

One numpy pass over all pings costs the same for one as for a hundred, so nothing is looked
at when a frame arrives. Live pings and backlog go to topics of their own, because hours of a
phone's past must never delay anybody's present. When the log has no room, frames stay where
they are and the next tick is larger: batching grows by itself with the load.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.columns.arrays import I32, I64, Bools, Rows
from rideflow.columns.rows import take_rows
from rideflow.contracts.pings import PING, PING_SIZE, PingFlag
from rideflow.gateway.ack_book import AckBook, Marks, OpenTick
from rideflow.gateway.conduit import Conduit
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ownership import Ownership
from rideflow.gateway.ping_checks import acceptable
from rideflow.gateway.refusals import Refusals
from streamcore.client.api import Delivered, FixedColumns, LogError, LogProducer, TopicName


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A topic that pings go to, with a producer of its own: one lane's wait is not the other's."""

    topic: TopicName
    partition_count: int
    producer: LogProducer


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRows:
    """The pings of a tick as columns, with where each came from."""

    conduits: list[Conduit]  # of each frame
    frame_numbers: list[int]  # of each frame on its conduit, from 1
    frame_of: I64  # of each ping
    pings: Rows
    slots: I32
    speaks: Bools  # whether the sender speaks for the driver


class Ingest:
    """Runs ticks. The caller calls `tick` every few milliseconds, on the loop."""

    def __init__(
        self,
        *,
        intake: BlockingIntake,
        ownership: Ownership,
        refusals: Refusals,
        live: Lane,
        backlog: Lane,
        clock: Clock,
        metrics: Registry,
        tick_bytes_max: int,
    ) -> None:
        self._intake, self._ownership, self._refusals = intake, ownership, refusals
        self._live, self._backlog = live, backlog
        self._clock = clock
        self._tick_bytes_max: Final = tick_bytes_max
        self._book = AckBook()
        self._frames_total = metrics.counter("gateway_frames_total")
        self._acknowledged_total = metrics.counter("gateway_pings_total")

    @property
    def is_idle(self) -> bool:
        """Nothing collected, nothing in flight."""
        return not len(self._intake) and not len(self._book)

    def tick(self) -> None:
        """Send what was collected, if the log has room for it."""
        has_room = self._live.producer.has_room and self._backlog.producer.has_room
        if len(self._intake) and has_room:
            self._send(*self._intake.take(bytes_max=self._tick_bytes_max))

    def _send(self, conduits: list[Conduit], frames: list[bytes]) -> None:
        now_ms = self._clock.now_ms()
        self._frames_total.add(len(frames))
        rows = self._rows_of(conduits, frames)
        pings, slots = rows.pings, rows.slots
        good = acceptable(pings, rows.speaks, now_ms=now_ms)
        if not good.all():
            self._refusals.tell(rows, np.flatnonzero(~good), now_ms=now_ms)
            kept = np.flatnonzero(good)
            pings, slots = take_rows(pings, kept), slots.take(kept)
        marks = {c: (c.frames_sent, c.pings_sent) for c in dict.fromkeys(conduits)}
        self._send_lanes(marks, pings, slots, now_ms)

    def _rows_of(self, conduits: list[Conduit], frames: list[bytes]) -> TickRows:
        count = len(frames)
        sizes = np.fromiter(map(len, frames), np.int64, count) // PING_SIZE
        frame_numbers = []
        for conduit, size in zip(conduits, sizes.tolist(), strict=True):
            conduit.frames_sent += 1
            conduit.pings_sent += size
            frame_numbers.append(conduit.frames_sent)
        frame_of = np.repeat(np.arange(count), sizes)
        owners = np.fromiter((conduit.owner for conduit in conduits), np.int32, count)
        pings = np.frombuffer(b"".join(frames), PING)
        slots, speaks = self._ownership.slots_of(pings["driver"], owners.take(frame_of))
        return TickRows(
            conduits=conduits,
            frame_numbers=frame_numbers,
            frame_of=frame_of,
            pings=pings,
            slots=slots,
            speaks=speaks,
        )

    def _send_lanes(self, marks: Marks, pings: Rows, slots: I32, now_ms: int) -> None:
        is_old = (pings["flags"] & np.uint16(PingFlag.BACKLOG)) != 0
        sends = [(self._live, pings, slots)]
        if is_old.any():
            now, then = np.flatnonzero(~is_old), np.flatnonzero(is_old)
            sends = [
                (self._live, take_rows(pings, now), slots.take(now)),
                (self._backlog, take_rows(pings, then), slots.take(then)),
            ]
        sends = [send for send in sends if len(send[1])]
        tick = self._book.open_tick(marks, pings=len(pings), parts=len(sends))
        for lane, rows, of in sends:
            columns = self._columns_of(lane, rows, of, now_ms)
            lane.producer.send_columns(lane.topic, columns, self._delivered(tick))
        self._release()

    def _columns_of(self, lane: Lane, pings: Rows, slots: I32, now_ms: int) -> FixedColumns:
        keys = self._ownership.keys
        return FixedColumns(
            keys=keys.keys_of(slots),
            values=pings.view(np.uint8).reshape(len(pings), PING_SIZE),
            partitions=keys.partitions_of(slots, partition_count=lane.partition_count),
            timestamp_ms=now_ms,
        )

    def _delivered(self, tick: OpenTick) -> Delivered:
        return partial(self._on_delivered, tick)

    def _on_delivered(self, tick: OpenTick, error: LogError | None) -> None:
        self._book.part_done(tick, None if error is None else str(error))
        self._release()

    def _release(self) -> None:
        before = self._book.pings_acknowledged
        if self._book.release():
            self._intake.drop_broken()
        self._acknowledged_total.add(self._book.pings_acknowledged - before)

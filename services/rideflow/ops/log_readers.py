"""From the log into the books: pings for the audit, positions for the map, and what is said."""

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.columns.position_frames import FrameCorrupt
from rideflow.columns.position_table import PositionFrame, unpack_frame
from rideflow.contracts.rides import DispatchDecision, RideEta, RideFact
from rideflow.contracts.topics import (
    ALL_TOPICS,
    DISPATCH_DECISIONS,
    DRIVER_BACKLOG,
    DRIVER_PINGS,
    DRIVER_POSITIONS,
    RIDE_ETAS,
    RIDE_EVENTS,
    SERVICE_VITALS,
)
from rideflow.contracts.vitals import Vitals
from rideflow.ops.audit_sequences import BACKLOG, LIVE
from rideflow.ops.city_books import CityBooks
from rideflow.ops.ping_columns import PING_SHAPE, pings_of
from rideflow.running.lag import note_lag
from rideflow.running.reading import records_of, structs_of
from streamcore.client.api import FixedBatch, Log, LogError, Subscription, TopicName

journal = logging.getLogger("hailstream.ops")

# Groups whose committed offsets tell how far they are; other readers say it in their vitals.
GROUPS: Final = ("positions", "matching")
PINGS_BACK_MS: Final = 60_000
POSITIONS_BACK_MS: Final = 60_000
RIDES_BACK_MS: Final = 3_600_000
# Operators look, they do not drive: large polls cost a fifth of small ones.
_PINGS_WAIT_MS: Final = 250
_POSITIONS_WAIT_MS: Final = 100
_BYTES_MIN: Final = 1 << 20
# Facts are stamped by matching and acknowledged a little later: so far back nothing is to come.
_SETTLED_MS: Final = 2_000
_LANES: Final = {TopicName(DRIVER_PINGS.name): LIVE, TopicName(DRIVER_BACKLOG.name): BACKLOG}


async def audit_pings(log: Log, books: CityBooks, clock: Clock, metrics: Registry) -> None:
    """Check driver.pings and driver.backlog until cancelled."""
    consumer = await log.consumer(
        Subscription(
            topics=dict.fromkeys(_LANES, PING_SHAPE),
            start_ms=clock.now_ms() - PINGS_BACK_MS,
            bytes_min=_BYTES_MIN,
            wait_ms_max=_PINGS_WAIT_MS,
        )
    )
    try:
        while True:
            batches = [batch for batch in await consumer.poll() if isinstance(batch, FixedBatch)]
            for topic, lane in _LANES.items():
                _check(books, [batch for batch in batches if batch.topic == topic], lane, metrics)
            note_lag(consumer, metrics)
    finally:
        await consumer.close()


def _check(books: CityBooks, batches: list[FixedBatch], lane: int, metrics: Registry) -> None:
    """Check one lane's batches together: a driver is in one partition, so its order holds."""
    for batch in batches:
        metrics.counter("ops_records_bad_total").add(len(batch.odd))
        if len(batch.timestamps_ms):
            newest_ms = int(batch.timestamps_ms[-1])
            books.audited_until_ms = max(books.audited_until_ms, newest_ms)
    columns = [pings_of(batch) for batch in batches]
    if not columns:
        return
    books.sequences.take(
        np.concatenate([pings.drivers for pings in columns]),
        np.concatenate([pings.sequences for pings in columns]),
        np.concatenate([pings.fixes_ms for pings in columns]),
        lane=lane,
    )
    checked = sum(len(pings.drivers) for pings in columns)
    metrics.counter("ops_pings_checked_total").add(checked)


async def read_positions(log: Log, books: CityBooks, clock: Clock, metrics: Registry) -> None:
    """Read driver.positions until cancelled."""
    consumer = await log.consumer(
        Subscription(
            topics={TopicName(DRIVER_POSITIONS.name): None},
            start_ms=clock.now_ms() - POSITIONS_BACK_MS,
            bytes_min=_BYTES_MIN,
            wait_ms_max=_POSITIONS_WAIT_MS,
        )
    )
    try:
        while True:
            values = [record.value or b"" for record in records_of(await consumer.poll())]
            books.drivers.take(_frames(values, metrics))
            note_lag(consumer, metrics)
    finally:
        await consumer.close()


def _frames(values: list[bytes], metrics: Registry) -> list[PositionFrame]:
    frames = []
    for value in values:
        try:
            frames.append(unpack_frame(value))
        except FrameCorrupt as error:
            journal.warning("a position frame: %s", error)
            metrics.counter("ops_records_bad_total").add()
    return frames


async def read_rides(log: Log, books: CityBooks, clock: Clock, metrics: Registry) -> None:
    """Read ride.events, dispatch.decisions and ride.etas until cancelled."""
    decoders: dict[str, tuple[msgspec.json.Decoder[Any], Callable[[Any], None]]] = {
        RIDE_EVENTS.name: (msgspec.json.Decoder(RideFact), books.take_fact),
        DISPATCH_DECISIONS.name: (
            msgspec.json.Decoder(DispatchDecision),
            books.rides.take_decision,
        ),
        RIDE_ETAS.name: (msgspec.json.Decoder(RideEta), books.take_eta),
    }
    consumer = await log.consumer(
        Subscription(
            topics={TopicName(name): None for name in decoders},
            start_ms=clock.now_ms() - RIDES_BACK_MS,
            wait_ms_max=_POSITIONS_WAIT_MS,
        )
    )
    bad = metrics.counter("ops_records_bad_total")
    try:
        while True:
            asked_ms = clock.now_ms()
            for batch in await consumer.poll():
                decoder, take = decoders[batch.topic]
                for message in structs_of([batch], decoder, bad):
                    take(message)
            note_lag(consumer, metrics)
            if not any(consumer.lag().values()):
                books.ride_audit.settle(asked_ms - _SETTLED_MS)
            books.rides.forget(asked_ms)
    finally:
        await consumer.close()


async def read_vitals(log: Log, books: CityBooks, metrics: Registry) -> None:
    """Read service.vitals until cancelled."""
    consumer = await log.consumer(
        Subscription(topics={TopicName(SERVICE_VITALS.name): None}, wait_ms_max=500)
    )
    decoder = msgspec.json.Decoder(Vitals)
    bad = metrics.counter("ops_records_bad_total")
    try:
        while True:
            for vitals in structs_of(await consumer.poll(), decoder, bad):
                books.take_vitals(vitals)
    finally:
        await consumer.close()


async def watch_topics(log: Log, books: CityBooks, clock: Clock) -> None:
    """Ask once a second where the topics end and how far groups have read, until cancelled."""
    topics = [TopicName(topic.name) for topic in ALL_TOPICS]
    due_ms = clock.monotonic_ms()
    while True:
        try:
            for group in GROUPS:
                books.topics.take_committed(group, await log.admin.committed(group, topics))
            books.topics.take_ends(clock.monotonic_ms(), await log.admin.end_offsets(topics))
        except LogError as error:
            if not error.retriable:
                raise
            journal.warning("where topics end is not known now: %s", error)
        due_ms = max(due_ms + 1000, clock.monotonic_ms())
        await clock.sleep_until(due_ms)

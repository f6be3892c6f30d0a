"""From the log to the watchers: position frames as they come, ride facts and ETAs in order."""

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.columns.position_frames import FrameCorrupt
from rideflow.columns.position_table import PositionFrame, unpack_frame
from rideflow.contracts.push import EtaPush
from rideflow.contracts.rides import RideEta, RideFact
from rideflow.contracts.topics import DRIVER_POSITIONS, RIDE_ETAS, RIDE_EVENTS
from rideflow.fanout.watch_room import WatchRoom
from rideflow.running.lag import note_lag
from streamcore.client.api import (
    InRecord,
    Log,
    RecordBatch,
    Subscription,
    TopicName,
)

journal = logging.getLogger("hailstream.fanout")

POSITIONS_BACK_MS: Final = 15_000  # every driver that is not dark was heard of since
RIDES_BACK_MS: Final = 6 * 3_600_000  # longer than any ride
# A poll ends with the first record; only an idle one lasts so long, and each costs two wake-ups.
_QUIET_MS: Final = 500

_decode_fact = msgspec.json.Decoder(RideFact).decode
_decode_eta = msgspec.json.Decoder(RideEta).decode


async def read_positions(log: Log, room: WatchRoom, clock: Clock, metrics: Registry) -> None:
    """Read driver.positions until cancelled."""
    topic = TopicName(DRIVER_POSITIONS.name)
    consumer = await log.consumer(
        Subscription(
            topics={topic: None},
            start_ms=clock.now_ms() - POSITIONS_BACK_MS,
            wait_ms_max=_QUIET_MS,
        )
    )
    try:
        while True:
            records = [record for batch in await consumer.poll() for record in _records(batch)]
            room.take_positions(frames_of(records, metrics))
            note_lag(consumer, metrics)
    finally:
        await consumer.close()


async def read_rides(log: Log, room: WatchRoom, clock: Clock, metrics: Registry) -> None:
    """Read ride.events and ride.etas until cancelled."""
    consumer = await log.consumer(
        Subscription(
            topics={TopicName(RIDE_EVENTS.name): None, TopicName(RIDE_ETAS.name): None},
            start_ms=clock.now_ms() - RIDES_BACK_MS,
            wait_ms_max=_QUIET_MS,
        )
    )
    try:
        while True:
            for batch in await consumer.poll():
                for record in _records(batch):
                    _take_ride_record(room, batch.topic, batch.partition, record, metrics)
            note_lag(consumer, metrics)
    finally:
        await consumer.close()


def frames_of(records: Sequence[InRecord], metrics: Registry) -> list[PositionFrame]:
    """The frames in records; what is no frame is counted and left out."""
    frames = []
    for record in records:
        try:
            frames.append(unpack_frame(record.value or b""))
        except FrameCorrupt as error:
            journal.warning("a position frame at offset %d: %s", record.offset, error)
            metrics.counter("fanout_frames_corrupt_total").add()
    return frames


def _records(batch: object) -> Sequence[InRecord]:
    assert isinstance(batch, RecordBatch), "no widths were asked for"
    return batch.records


def _take_ride_record(
    room: WatchRoom, topic: str, partition: int, record: InRecord, metrics: Registry
) -> None:
    if record.value is None:  # a tombstone: the ride was compacted away
        return
    try:
        if topic == RIDE_EVENTS.name:
            fact = _decode_fact(record.value)
            room.take_fact(fact, partition=partition, offset=record.offset)
        else:
            eta = _decode_eta(record.value)
            if eta.actual_s is None:
                room.take_eta(_shown(eta))
    except msgspec.MsgspecError as error:
        journal.warning("%s partition %d offset %d: %s", topic, partition, record.offset, error)
        metrics.counter("fanout_records_bad_total").add()


def _shown(eta: RideEta) -> EtaPush:
    return EtaPush(
        ride=eta.ride,
        kind=eta.kind,
        at_ms=eta.at_ms,
        predicted_s=eta.predicted_s,
        p90_s=eta.p90_s,
    )

"""The reader of ride.events: keeps the view, and tells drivers on their sockets."""

import logging
from typing import Final

import msgspec

from groundwork.metrics import Gauge
from groundwork.seams import Clock
from rideflow.contracts.driver_socket import Offer, RideNews
from rideflow.contracts.rides import RideEvent, RideFact
from rideflow.contracts.topics import HOUR_MS, RIDE_EVENTS
from rideflow.gateway.ride_view import RideView
from rideflow.gateway.sockets import Sockets
from streamcore.client.api import Log, LogConsumer, RecordBatch, Subscription, TopicName

journal = logging.getLogger("hailstream.gateway")

_POLL_WAIT_MS: Final = 200
_decoder = msgspec.json.Decoder(RideFact)


def message_of(driver: int, fact: RideFact) -> Offer | RideNews:
    """What a driver hears of a fact: an offer is one only to the driver who is asked."""
    if fact.event is RideEvent.OFFER_SENT and fact.driver == driver:
        return Offer(driver=driver, fact=fact)
    return RideNews(driver=driver, fact=fact)


async def follow_rides(
    log: Log, view: RideView, sockets: Sockets, clock: Clock, lag: Gauge
) -> None:
    """Follow until cancelled, from an hour ago."""
    consumer = await log.consumer(
        Subscription(
            topics={TopicName(RIDE_EVENTS.name): None},
            start_ms=clock.now_ms() - HOUR_MS,
            wait_ms_max=_POLL_WAIT_MS,
        )
    )
    try:
        await _follow(consumer, view, sockets, clock, lag)
    finally:
        await consumer.close()


async def _follow(
    consumer: LogConsumer, view: RideView, sockets: Sockets, clock: Clock, lag: Gauge
) -> None:
    is_live = False
    while True:
        for batch in await consumer.poll():
            assert isinstance(batch, RecordBatch), "ride.events has no fixed shape"
            for record in batch.records:
                _take(record.value, view, sockets if is_live else None)
        behind = sum(consumer.lag().values())
        lag.set(behind)
        if not behind:
            # What happened before we were there is history: drivers hear it when they connect.
            is_live = True
            view.heard_ms = clock.now_ms()
        view.forget_old(now_ms=clock.now_ms())


def _take(value: bytes | None, view: RideView, sockets: Sockets | None) -> None:
    if value is None:
        return
    try:
        fact = _decoder.decode(value)
    except msgspec.DecodeError as error:
        journal.warning("a record of ride.events is not a fact: %s", error)
        return
    for driver in view.apply(fact):
        if sockets is not None:
            sockets.tell(driver, message_of(driver, fact))

"""The eta service as a process: learns speeds, answers over HTTP, promises and keeps score."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rideflow.contracts.metrics import ETA_METRICS
from rideflow.contracts.rides import RideEta, RideFact, SegmentSpeed
from rideflow.contracts.topics import DRIVER_POSITIONS, RIDE_ETAS, RIDE_EVENTS, TRAFFIC_SPEEDS
from rideflow.eta.endpoints import Desk
from rideflow.eta.estimator import Estimator
from rideflow.eta.nearby import Nearby
from rideflow.eta.street_names import StreetNames
from rideflow.geo.driver_view import FRESH_MS_MAX, DriverView
from rideflow.roads.city_roads import CityRoads
from rideflow.running import Service, ServiceSettings, run_service, serve_http
from rideflow.running.city import load_roads
from rideflow.running.lag import note_lag
from rideflow.running.reading import records_of, structs_of
from streamcore.client.api import LogProducer, OutRecord, Subscription, TopicName

journal = logging.getLogger("hailstream.eta")

# A fact older than this is read to know the ride, not to promise anything for it.
_LIVE_MS = 10_000
_HISTORY_MS = FRESH_MS_MAX + 5_000
_FACTS = msgspec.json.Decoder(RideFact)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaSettings(ServiceSettings):
    """How ETAs are made."""

    city_dir: Path = Path("data/city/goteborg")  # folder of the city pack
    token_secret: str = ""  # pseudonyms of cars are made with it
    refresh_ms: int = 5_000  # how often speeds come into force and promises are renewed
    speeds_published_max: int = 1_000  # road segments told per refresh
    sample_one_of: int = 4  # polls of positions that teach speeds
    samples_per_poll_max: int = 2_000  # positions of such a poll that are put on the roads
    rides_history_ms: int = 7_200_000  # how far back rides are read at start


def run(settings: EtaSettings) -> None:
    """Run until SIGTERM."""
    roads = load_roads(settings.city_dir, service="eta")

    async def main(service: Service) -> None:
        await estimate(service, settings, roads)

    run_service("eta", settings, ETA_METRICS, main)


async def estimate(service: Service, settings: EtaSettings, roads: CityRoads) -> None:
    """Answer and learn until the service is told to stop."""
    view = DriverView()
    estimator = Estimator(roads, view)
    key = hashlib.sha256(f"cars:{settings.token_secret}".encode()).digest()
    desk = Desk(
        clock=service.clock,
        metrics=service.metrics,
        view=view,
        estimator=estimator,
        nearby=Nearby(view, roads, privacy_key=int.from_bytes(key[:8])),
        streets=StreetNames(roads.pack),
    )
    teller = Teller(service.log.producer(), service)
    service.tasks.create_task(_read_positions(service, settings, view, estimator), name="positions")
    service.tasks.create_task(_read_rides(service, settings, estimator, teller), name="rides")
    service.tasks.create_task(_refresh(service, settings, estimator, teller), name="refresh")
    runner = await serve_http(
        desk.application(), service="eta", host=settings.host, port=settings.port
    )
    try:
        await service.stopping.wait()
    finally:
        await runner.cleanup()


class Teller:
    """Writes predictions and speeds to the log."""

    def __init__(self, producer: LogProducer, service: Service) -> None:
        self._producer = producer
        self._metrics = service.metrics

    async def etas(self, etas: Sequence[RideEta]) -> None:
        if not etas:
            return
        scored = sum(eta.actual_s is not None for eta in etas)
        self._metrics.counter("eta_predictions_total").add(len(etas) - scored)
        self._metrics.counter("eta_scored_total").add(scored)
        await self._producer.append(
            TopicName(RIDE_ETAS.name),
            [OutRecord(key=eta.ride.encode(), value=msgspec.json.encode(eta)) for eta in etas],
        )

    async def speeds(self, speeds: Sequence[SegmentSpeed]) -> None:
        if not speeds:
            return
        self._metrics.counter("eta_speeds_published_total").add(len(speeds))
        await self._producer.append(
            TopicName(TRAFFIC_SPEEDS.name),
            [OutRecord(key=b"%d" % s.edge, value=msgspec.json.encode(s)) for s in speeds],
        )


async def _read_positions(
    service: Service, settings: EtaSettings, view: DriverView, estimator: Estimator
) -> None:
    consumer = await service.log.consumer(
        Subscription(
            topics={TopicName(DRIVER_POSITIONS.name): None},
            start_ms=service.clock.now_ms() - _HISTORY_MS,
            bytes_min=1 << 20,  # few, large polls cost least, and nothing here is in a hurry
            wait_ms_max=200,
        )
    )
    corrupt = service.metrics.counter("eta_frames_corrupt_total")
    samples = service.metrics.counter("eta_speed_samples_total")
    polls = 0
    try:
        while True:
            records = records_of(await consumer.poll())
            read = view.take_frames(record.value or b"" for record in records)
            corrupt.add(read.corrupt)
            polls += 1
            if polls % settings.sample_one_of == 0 and len(read.rows):
                limit = settings.samples_per_poll_max
                samples.add(estimator.learn_speeds(read.rows, limit=limit))
            service.metrics.gauge("eta_drivers").set(len(view))
            note_lag(consumer, service.metrics)
    finally:
        await consumer.close()


async def _read_rides(
    service: Service, settings: EtaSettings, estimator: Estimator, teller: Teller
) -> None:
    consumer = await service.log.consumer(
        Subscription(
            topics={TopicName(RIDE_EVENTS.name): None},
            start_ms=service.clock.now_ms() - settings.rides_history_ms,
            wait_ms_max=500,  # a poll ends with the first record
        )
    )
    bad = service.metrics.counter("eta_records_bad_total")
    try:
        while True:
            batches = await consumer.poll()
            now_ms = service.clock.now_ms()
            told: list[RideEta] = []
            for fact in structs_of(batches, _FACTS, bad):
                is_live = now_ms - fact.at_ms <= _LIVE_MS
                told += estimator.follow(fact, now_ms=now_ms, is_live=is_live)
            await teller.etas(told)
            note_lag(consumer, service.metrics)
    finally:
        await consumer.close()


async def _refresh(
    service: Service, settings: EtaSettings, estimator: Estimator, teller: Teller
) -> None:
    """Speeds into force and out to others, then every promise anew."""
    while True:
        await service.clock.sleep_until(service.clock.monotonic_ms() + settings.refresh_ms)
        now_ms = service.clock.now_ms()
        refreshed = estimator.refresh(
            now_ms=now_ms, passed_ms=settings.refresh_ms, news_max=settings.speeds_published_max
        )
        service.metrics.gauge("eta_edges_seen").set(refreshed.edges_seen)
        await teller.etas(estimator.promise_again(now_ms=now_ms))
        await teller.speeds(refreshed.news)

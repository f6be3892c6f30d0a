"""Matching as a process: reads commands, positions and speeds; writes what becomes of rides."""

from dataclasses import dataclass, field

import msgspec

from groundwork.seams import Clock
from rideflow.contracts.metrics import MATCHING_METRICS
from rideflow.contracts.rides import RideCommand, RideFact, SegmentSpeed
from rideflow.contracts.topics import (
    DRIVER_POSITIONS,
    RIDE_COMMANDS,
    RIDE_EVENTS,
    TRAFFIC_SPEEDS,
    Topic,
)
from rideflow.geo.driver_view import FRESH_MS_MAX, DriverView
from rideflow.matching.dispatcher import Dispatcher, Surroundings, journal
from rideflow.matching.record import Record
from rideflow.matching.reservations import RedisReservations, Reservations
from rideflow.matching.ride_book import RideBook
from rideflow.matching.rules import MatchingSettings
from rideflow.matching.speeds_seen import SpeedsSeen
from rideflow.roads.city_roads import CityRoads
from rideflow.running import Service, run_service
from rideflow.running.city import load_roads
from rideflow.running.lag import note_lag
from rideflow.running.reading import read_to_end, records_of, structs_of
from streamcore.client.api import Log, LogConsumer, StartAt, Subscription, TopicName

__all__ = ["MatchingSettings", "run"]

GROUP = "matching"
COMMIT_PERIOD_MS = 1_000
# Positions are wanted once a window: few, large polls cost least.
_POSITIONS_BYTES_MIN = 1 << 20
_POSITIONS_WAIT_MS = 200
# Commands under way at any moment; more than these is a backlog that comes first.
_BEHIND_MAX = 1_000
# A poll ends with the first record; on a quiet topic it need not be asked again sooner.
_QUIET_MS = 500
_HISTORY_MS = FRESH_MS_MAX + 5_000
_COMMANDS = msgspec.json.Decoder(RideCommand)
_FACTS = msgspec.json.Decoder(RideFact)
_SPEEDS = msgspec.json.Decoder(SegmentSpeed)


def run(settings: MatchingSettings) -> None:
    """Run until SIGTERM."""
    roads = load_roads(settings.city_dir, service="matching")

    async def main(service: Service) -> None:
        reservations = RedisReservations(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
        try:
            await match(service, settings, roads, reservations)
        finally:
            await reservations.close()

    run_service("matching", settings, MATCHING_METRICS, main)


async def match(
    service: Service,
    settings: MatchingSettings,
    roads: CityRoads,
    reservations: Reservations,
) -> None:
    """Match until the service is told to stop; then finish the turn that is under way."""
    view = DriverView()
    around = Surroundings(
        clock=service.clock,
        metrics=service.metrics,
        record=Record(service.log.producer()),
        reservations=reservations,
        view=view,
        roads=roads,
    )
    book = await _book_from(service, settings)
    dispatcher = Dispatcher(book, around, settings)
    journal.info("knows %d rides, %d drivers engaged", len(book), len(book.engaged))
    instance = f"{GROUP}-{service.settings.instance}"
    reader = await _reader(service.log, RIDE_COMMANDS, group=GROUP, instance=instance)
    commands = Commands(dispatcher, reader, service)
    readers = [
        service.tasks.create_task(_read_positions(service, view), name="positions"),
        service.tasks.create_task(_read_speeds(service, settings, roads), name="speeds"),
    ]
    loops = [
        service.tasks.create_task(commands.run(), name="commands"),
        service.tasks.create_task(
            _windows(service.clock, settings, dispatcher, commands), name="windows"
        ),
        service.tasks.create_task(_renewals(service.clock, settings, dispatcher), name="renewals"),
    ]
    await service.stopping.wait()
    await dispatcher.finish()
    for task in (*readers, *loops):
        task.cancel()
    await commands.finish()


@dataclass(slots=True)
class Commands:
    """Feeds the dispatcher and promises to the group only what it has dealt with."""

    dispatcher: Dispatcher
    consumer: LogConsumer
    service: Service
    _commit_due_ms: int = field(default=0)

    async def run(self) -> None:
        """Until cancelled."""
        clock = self.service.clock
        bad = self.service.metrics.counter("matching_records_bad_total")
        while True:
            batches = await self.consumer.poll()
            commands = list(structs_of(batches, _COMMANDS, bad))
            if commands:
                await self.dispatcher.on_commands(commands)
            if clock.monotonic_ms() >= self._commit_due_ms:
                await self.consumer.commit()
                self._commit_due_ms = clock.monotonic_ms() + COMMIT_PERIOD_MS

    @property
    def is_caught_up(self) -> bool:
        """Whether what drivers and riders have said so far is known.

        Just after a start the group may take seconds to hand over the partitions: an offer must
        not lapse while its accept waits there.
        """
        behind = sum(self.consumer.lag().values())
        return len(self.consumer.positions()) > 0 and behind <= _BEHIND_MAX

    async def finish(self) -> None:
        """Leave the group. What was not committed is read again: commands may be repeated."""
        await self.consumer.close()


async def _book_from(service: Service, settings: MatchingSettings) -> RideBook:
    """The rides as the log tells them."""
    bad = service.metrics.counter("matching_records_bad_total")
    start_ms = service.clock.now_ms() - settings.history_ms
    facts: list[RideFact] = []
    async for batches in read_to_end(service.log, TopicName(RIDE_EVENTS.name), start_ms=start_ms):
        facts += structs_of(batches, _FACTS, bad)
    book = RideBook.restored(facts)
    book.forget(final_before_ms=service.clock.now_ms() - settings.final_kept_ms)
    return book


async def _reader(
    log: Log, topic: Topic, *, group: str | None = None, instance: str | None = None
) -> LogConsumer:
    return await log.consumer(
        Subscription(
            topics={TopicName(topic.name): None},
            group=group,
            instance=instance,
            start=StartAt.EARLIEST,
            wait_ms_max=_QUIET_MS,
        )
    )


async def _windows(
    clock: Clock, settings: MatchingSettings, dispatcher: Dispatcher, commands: Commands
) -> None:
    while True:
        await clock.sleep_until(clock.monotonic_ms() + settings.window_ms)
        if commands.is_caught_up:
            await dispatcher.on_window()


async def _renewals(clock: Clock, settings: MatchingSettings, dispatcher: Dispatcher) -> None:
    while True:
        await clock.sleep_until(clock.monotonic_ms() + settings.reservation_ms // 3)
        await dispatcher.on_renewal()


async def _read_positions(service: Service, view: DriverView) -> None:
    consumer = await service.log.consumer(
        Subscription(
            topics={TopicName(DRIVER_POSITIONS.name): None},
            start_ms=service.clock.now_ms() - _HISTORY_MS,
            bytes_min=_POSITIONS_BYTES_MIN,
            wait_ms_max=_POSITIONS_WAIT_MS,
        )
    )
    corrupt = service.metrics.counter("matching_frames_corrupt_total")
    try:
        while True:
            records = records_of(await consumer.poll())
            corrupt.add(view.take_frames(record.value or b"" for record in records).corrupt)
            note_lag(consumer, service.metrics)
    finally:
        await consumer.close()


async def _read_speeds(service: Service, settings: MatchingSettings, roads: CityRoads) -> None:
    seen = SpeedsSeen(roads.graph, roads.digest)
    consumer = await _reader(service.log, TRAFFIC_SPEEDS)
    bad = service.metrics.counter("matching_records_bad_total")
    due_ms = service.clock.monotonic_ms()
    try:
        while True:
            for speed in structs_of(await consumer.poll(), _SPEEDS, bad):
                seen.take(speed)
            note_lag(consumer, service.metrics)
            if service.clock.monotonic_ms() < due_ms:
                continue
            due_ms = service.clock.monotonic_ms() + settings.speeds_period_ms
            travel_ms = seen.new_travel_ms(now_ms=service.clock.now_ms())
            if travel_ms is not None:
                roads.refresh(travel_ms)
    finally:
        await consumer.close()

"""The gateway as a process: what it is made of, its loops, and how it ends."""

import logging
import random
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from groundwork.seams import Clock
from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.metrics import GATEWAY_METRICS
from rideflow.contracts.topics import DEAD_LETTERS, DRIVER_BACKLOG, DRIVER_PINGS, RIDE_COMMANDS
from rideflow.gateway.city import City, CityEndpoints, eta_url, our_version
from rideflow.gateway.command_desk import CommandDesk
from rideflow.gateway.dead_letters import DeadLetterDesk
from rideflow.gateway.ingest import Ingest, Lane
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ownership import Ownership
from rideflow.gateway.pages import Pages
from rideflow.gateway.post_endpoints import PostEndpoints
from rideflow.gateway.proxy import EtaProxy
from rideflow.gateway.refusal import Doorman
from rideflow.gateway.refusals import Refusals
from rideflow.gateway.ride_endpoints import RideEndpoints
from rideflow.gateway.ride_feed import follow_rides
from rideflow.gateway.ride_requests import RideRequests
from rideflow.gateway.ride_view import RideView
from rideflow.gateway.routes import Endpoints, make_gateway_application
from rideflow.gateway.settings import GatewaySettings
from rideflow.gateway.sockets import Sockets
from rideflow.gateway.stream_endpoints import StreamEndpoints
from rideflow.gateway.token_desk import TokenDesk
from rideflow.running import Service, run_service, serve_http
from rideflow.running.tokens import TokenKey
from streamcore.client.api import LogError, LogProducer, TopicName

journal = logging.getLogger("hailstream.gateway")

_DRAIN_MS: Final = 2_500


def run(settings: GatewaySettings) -> None:
    """Run the gateway until it is told to stop."""
    run_service("gateway", settings, GATEWAY_METRICS, lambda service: serve(service, settings))


async def serve(service: Service, settings: GatewaySettings) -> None:
    """Serve until `service.stopping`, then let what was collected reach the log."""
    gateway = await make_gateway(service, settings)
    runner = await serve_http(
        make_gateway_application(gateway.endpoints, version=our_version()),
        service="gateway",
        host=settings.host,
        port=settings.port,
    )
    service.tasks.create_task(gateway.tick_forever(), name="ticks")
    service.tasks.create_task(gateway.each_second_forever(), name="seconds")
    service.tasks.create_task(
        follow_rides(
            service.log,
            gateway.view,
            gateway.sockets,
            service.clock,
            service.metrics.gauge("lag_ride_events"),
        ),
        name="ride events",
    )
    try:
        await service.stopping.wait()
        gateway.sockets.close_all(CloseCode.GOING_AWAY, "the gateway restarts")
        await gateway.drain()
    finally:
        await gateway.endpoints.eta.close()
        await runner.cleanup()


@dataclass(slots=True, kw_only=True)
class Gateway:
    """The parts that its loops need."""

    clock: Clock
    service: Service
    settings: GatewaySettings
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
            due_ms = max(due_ms + self.settings.tick_ms, self.clock.monotonic_ms())
            await self.clock.sleep_until(due_ms)

    async def each_second_forever(self) -> None:
        """Limits, silence, dead letters, gauges."""
        pending = self.service.metrics.gauge("gateway_pending_bytes")
        dropped = self.service.metrics.counter("gateway_dead_letters_dropped_total")
        due_ms = self.clock.monotonic_ms()
        while True:
            self.sockets.each_second()
            pending.set(self.intake.bytes_pending)
            self._send_letters()
            dropped.add(self.letters.dropped_total - dropped.value)
            due_ms += 1_000
            await self.clock.sleep_until(due_ms)

    async def drain(self) -> None:
        """Wait until nothing is collected or in flight, but not for ever."""
        deadline_ms = self.clock.monotonic_ms() + _DRAIN_MS
        while not self.ingest.is_idle and self.clock.monotonic_ms() < deadline_ms:
            await self.clock.sleep_until(self.clock.monotonic_ms() + self.settings.tick_ms)

    def _send_letters(self) -> None:
        if self.letters_producer.has_room:
            records = self.letters.take_records()
            if records:
                topic = TopicName(DEAD_LETTERS.name)
                self.letters_producer.send_records(topic, records, _letters_told)


def _letters_told(error: LogError | None) -> None:
    if error is not None:
        journal.warning("dead letters were not taken: %s", error)


async def make_gateway(service: Service, settings: GatewaySettings) -> Gateway:
    """Put the parts together. Raises `OSError` for what is missing or misconfigured."""
    clock, metrics, log = service.clock, service.metrics, service.log
    key = TokenKey(_secret(settings), clock)
    city = City.load(Path(settings.city_dir)) if settings.city_dir else None
    ownership = Ownership(drivers_max=settings.drivers_max)
    intake = BlockingIntake(bytes_max=settings.pending_bytes_max)
    sockets = Sockets(ownership, metrics, burst_s=settings.burst_s, idle_s_max=settings.idle_s_max)
    letters = DeadLetterDesk()
    refusals = Refusals(letters, metrics.counter("gateway_pings_refused_total"))
    view, doorman, rng = RideView(), Doorman(key), random.SystemRandom()
    requests = RideRequests(
        view=view,
        clock=clock,
        rng=rng,
        bounds=None if city is None else city.facts.bounds,
    )
    desk = CommandDesk(
        log.producer(),
        partition_count=await log.admin.partition_count(TopicName(RIDE_COMMANDS.name)),
        total=metrics.counter("gateway_commands_total"),
    )
    ingest = Ingest(
        intake=intake,
        ownership=ownership,
        refusals=refusals,
        live=await _lane(service, DRIVER_PINGS.name),
        backlog=await _lane(service, DRIVER_BACKLOG.name),
        clock=clock,
        metrics=metrics,
        tick_bytes_max=settings.tick_bytes_max,
    )
    streams = StreamEndpoints(
        settings=settings,
        clock=clock,
        doorman=doorman,
        intake=intake,
        ownership=ownership,
        sockets=sockets,
        refusals=refusals,
        requests=requests,
        desk=desk,
        view=view,
    )
    endpoints = Endpoints(
        streams=streams,
        posts=PostEndpoints(clock=clock, doorman=doorman, intake=intake, ownership=ownership),
        rides=RideEndpoints(clock=clock, doorman=doorman, requests=requests, desk=desk, view=view),
        tokens=TokenDesk(clock=clock, rng=rng, key=key, is_open=settings.demo),
        city=CityEndpoints(settings, city),
        eta=EtaProxy(eta_url(settings)),
        pages=Pages(Path(settings.web_dir) if settings.web_dir else None),
    )
    return Gateway(
        clock=clock,
        service=service,
        settings=settings,
        intake=intake,
        ingest=ingest,
        sockets=sockets,
        letters=letters,
        desk=desk,
        view=view,
        endpoints=endpoints,
        letters_producer=log.producer(),
    )


async def _lane(service: Service, topic: str) -> Lane:
    name = TopicName(topic)
    count = await service.log.admin.partition_count(name)
    return Lane(topic=name, partition_count=count, producer=service.log.producer())


def _secret(settings: GatewaySettings) -> str:
    if settings.token_secret:
        return settings.token_secret
    if not settings.demo:
        raise OSError("set gateway.token_secret, or demo mode, in which tokens are free")
    journal.info("demo mode: tokens are signed with a secret of this run alone")
    return secrets.token_hex(32)

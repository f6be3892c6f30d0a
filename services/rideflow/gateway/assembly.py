"""What a gateway is made of, and how the parts are put together."""

import logging
import random
import secrets
from pathlib import Path

from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS, RIDE_COMMANDS
from rideflow.gateway.city import City, CityEndpoints, eta_url
from rideflow.gateway.command_desk import CommandDesk
from rideflow.gateway.dead_letters import DeadLetterDesk
from rideflow.gateway.gateway import Gateway
from rideflow.gateway.ingest import Ingest, Lane
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ownership import Ownership
from rideflow.gateway.pages import Pages
from rideflow.gateway.post_endpoints import PostEndpoints
from rideflow.gateway.proxy import EtaProxy
from rideflow.gateway.refusal import Doorman
from rideflow.gateway.refusals import Refusals
from rideflow.gateway.ride_endpoints import RideEndpoints
from rideflow.gateway.ride_requests import RideRequests
from rideflow.gateway.ride_view import RideView
from rideflow.gateway.routes import Endpoints
from rideflow.gateway.settings import GatewaySettings
from rideflow.gateway.sockets import Sockets
from rideflow.gateway.stream_endpoints import StreamEndpoints
from rideflow.gateway.token_desk import TokenDesk
from rideflow.running import Service
from rideflow.running.tokens import TokenKey
from streamcore.client.api import TopicName

journal = logging.getLogger("hailstream.gateway")


async def make_gateway(service: Service, settings: GatewaySettings) -> Gateway:
    """Put the parts together. Raises `OSError` for what is missing or misconfigured."""
    letters = DeadLetterDesk()
    refusals = Refusals(letters, service.metrics.counter("gateway_pings_refused_total"))
    ownership = Ownership(drivers_max=settings.drivers_max)
    intake = BlockingIntake(bytes_max=settings.pending_bytes_max)
    ingest = Ingest(
        intake=intake,
        ownership=ownership,
        refusals=refusals,
        live=await _lane(service, DRIVER_PINGS.name),
        backlog=await _lane(service, DRIVER_BACKLOG.name),
        clock=service.clock,
        metrics=service.metrics,
        tick_bytes_max=settings.tick_bytes_max,
    )
    sockets = Sockets(
        ownership, service.metrics, burst_s=settings.burst_s, idle_s_max=settings.idle_s_max
    )
    desk = CommandDesk(
        service.log.producer(),
        partition_count=await service.log.admin.partition_count(TopicName(RIDE_COMMANDS.name)),
        total=service.metrics.counter("gateway_commands_total"),
    )
    view = RideView()
    return Gateway(
        clock=service.clock,
        metrics=service.metrics,
        tick_ms=settings.tick_ms,
        intake=intake,
        ingest=ingest,
        sockets=sockets,
        letters=letters,
        letters_producer=service.log.producer(),
        desk=desk,
        view=view,
        endpoints=_endpoints(
            service,
            settings,
            intake=intake,
            ownership=ownership,
            sockets=sockets,
            refusals=refusals,
            desk=desk,
            view=view,
        ),
    )


def _endpoints(
    service: Service,
    settings: GatewaySettings,
    *,
    intake: BlockingIntake,
    ownership: Ownership,
    sockets: Sockets,
    refusals: Refusals,
    desk: CommandDesk,
    view: RideView,
) -> Endpoints:
    clock, rng = service.clock, random.SystemRandom()
    key = TokenKey(_secret(settings), clock)
    doorman = Doorman(key)
    city = City.load(Path(settings.city_dir)) if settings.city_dir else None
    bounds = None if city is None else city.facts.bounds
    requests = RideRequests(view=view, clock=clock, rng=rng, bounds=bounds)
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
    return Endpoints(
        streams=streams,
        posts=PostEndpoints(clock=clock, doorman=doorman, intake=intake, ownership=ownership),
        rides=RideEndpoints(clock=clock, doorman=doorman, requests=requests, desk=desk, view=view),
        tokens=TokenDesk(clock=clock, rng=rng, key=key, is_open=settings.demo),
        city=CityEndpoints(settings, city),
        eta=EtaProxy(eta_url(settings)),
        pages=Pages(Path(settings.web_dir) if settings.web_dir else None),
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

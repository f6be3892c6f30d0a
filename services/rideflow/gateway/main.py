"""The gateway as a process: it starts, runs its loops, and lets what it took reach the log."""

from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.metrics import GATEWAY_METRICS
from rideflow.gateway.assembly import make_gateway
from rideflow.gateway.city import our_version
from rideflow.gateway.ride_feed import follow_rides
from rideflow.gateway.routes import make_gateway_application
from rideflow.gateway.settings import GatewaySettings
from rideflow.running import Service, run_service, serve_http

__all__ = ["GatewaySettings", "run"]


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
            service.metrics.gauge("lag_ride.events"),
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

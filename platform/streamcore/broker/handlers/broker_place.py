"""Where clients find this broker: the one place that knows what they are told."""

from typing import NamedTuple

from streamcore.broker.services import BrokerServices


class BrokerPlace(NamedTuple):
    """A broker's number, and where it is reached."""

    node_id: int
    host: str
    port: int


def broker_place(services: BrokerServices) -> BrokerPlace:
    settings = services.settings
    return BrokerPlace(
        node_id=settings.node_id,
        host=settings.advertised,
        port=settings.advertised_port or services.listening_port,
    )

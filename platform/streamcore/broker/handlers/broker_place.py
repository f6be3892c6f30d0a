"""Where clients find this broker: the one place that knows what they are told."""

from typing import NamedTuple

from streamcore.broker.security.listeners import Listener
from streamcore.broker.services import BrokerServices


class BrokerPlace(NamedTuple):
    """A broker's number, and where it is reached."""

    node_id: int
    host: str
    port: int


def broker_place(services: BrokerServices, listener: Listener) -> BrokerPlace:
    """Where a client that came in by this listener finds us again."""
    return BrokerPlace(node_id=services.settings.node_id, host=listener.host, port=listener.port)

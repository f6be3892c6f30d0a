"""What has settings: topics and this broker; and what could have some, in another Kafka."""

from enum import IntEnum
from typing import Final

from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, known_topic
from streamcore.broker.topics import Topic, is_legal_name
from streamcore.wire.error_codes import ErrorCode


class ResourceType(IntEnum):
    """The `resource_type` of the config APIs (ConfigResource.Type)."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


# Resources of these types have names of the client's choice, but not none.
_NAMED: Final = {ResourceType.CLIENT_METRICS: "client metrics", ResourceType.GROUP: "group"}


def topic_of(services: BrokerServices, name: str) -> Topic:
    """The topic of a resource name. Raises `AdminRefused`."""
    if not is_legal_name(name):
        raise AdminRefused(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{name!r} is no topic name")
    return known_topic(services, name)


def check_resource(services: BrokerServices, resource_type: int, name: str) -> ResourceType:
    """Return the type of a resource that is no topic, if it can be. Raises `AdminRefused`."""
    try:
        kind = ResourceType(resource_type)
    except ValueError:
        raise AdminRefused(
            ErrorCode.INVALID_REQUEST, f"unknown resource type {resource_type}"
        ) from None
    own_name = str(services.settings.node_id)
    if kind in (ResourceType.BROKER, ResourceType.BROKER_LOGGER):
        # An empty broker name stands for the defaults of all brokers of the cluster.
        is_every_broker = kind is ResourceType.BROKER and not name
        if name != own_name and not is_every_broker:
            raise AdminRefused(
                ErrorCode.INVALID_REQUEST, f"{name!r} is not this broker, which is {own_name}"
            )
    if kind in _NAMED and not name:
        raise AdminRefused(ErrorCode.INVALID_REQUEST, f"a {_NAMED[kind]} resource has a name")
    return kind

"""What a running broker offers its handlers: one object, handed to every call.

A part with a life of its own beside the log (the group coordinator) is an attribute
here, is built in `assembly`, and runs as a task of the broker's task group.
"""

from dataclasses import dataclass

from groundwork.seams import Clock
from streamcore.broker.settings import BrokerSettings


@dataclass(slots=True, kw_only=True)
class BrokerServices:
    """The parts of one broker."""

    settings: BrokerSettings
    clock: Clock

"""The topics of the log: names, partitions, what is kept. One place, read by all.

Partition counts and retention are defaults of one machine; a service that starts makes the
topics it touches where they are missing and takes them as they are where they exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HOUR_MS = 3_600_000
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as contract: its name, its partitions and Kafka's configs."""

    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


def _kept(hours: int, gib: float) -> dict[str, str]:
    """By time and by size per partition, whichever comes first."""
    return {"retention.ms": str(hours * HOUR_MS), "retention.bytes": str(int(gib * GIB))}


DRIVER_PINGS: Final = Topic(name="driver.pings", partitions=12, configs=_kept(6, 1.0))
DRIVER_BACKLOG: Final = Topic(name="driver.backlog", partitions=4, configs=_kept(6, 0.25))
DRIVER_POSITIONS: Final = Topic(name="driver.positions", partitions=4, configs=_kept(24, 1.0))
DRIVER_STATES: Final = Topic(
    name="driver.states", partitions=4, configs={"cleanup.policy": "compact"}
)
RIDE_COMMANDS: Final = Topic(name="ride.commands", partitions=4, configs=_kept(24, 0.25))
RIDE_EVENTS: Final = Topic(name="ride.events", partitions=4, configs=_kept(168, 0.25))
DISPATCH_DECISIONS: Final = Topic(name="dispatch.decisions", partitions=4, configs=_kept(24, 0.25))
TRAFFIC_SPEEDS: Final = Topic(
    name="traffic.speeds", partitions=4, configs={"cleanup.policy": "compact"}
)
RIDE_ETAS: Final = Topic(name="ride.etas", partitions=4, configs=_kept(24, 0.25))
DEAD_LETTERS: Final = Topic(name="dead.letters", partitions=1, configs=_kept(24, 0.25))
SERVICE_VITALS: Final = Topic(name="service.vitals", partitions=1, configs=_kept(1, 0.1))

ALL_TOPICS: Final = (
    DRIVER_PINGS,
    DRIVER_BACKLOG,
    DRIVER_POSITIONS,
    DRIVER_STATES,
    RIDE_COMMANDS,
    RIDE_EVENTS,
    DISPATCH_DECISIONS,
    TRAFFIC_SPEEDS,
    RIDE_ETAS,
    DEAD_LETTERS,
    SERVICE_VITALS,
)

"""The lives of recent rides, as read from the log: what a rider resumes from.

The log is the history. A channel keeps the newest facts of one ride with their offsets; a
resume point is recovered only if everything after it is here, never in part.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from rideflow.contracts.ids import RideId
from rideflow.contracts.push import EtaPush, ResumePoint, RidePush
from rideflow.contracts.rides import FINAL_STATES, RideFact

FACTS_MAX: Final = 32  # of one ride; offers come and go, so a life may be longer
RIDES_MAX: Final = 100_000
FINAL_KEPT_MS: Final = 600_000


@dataclass(slots=True, kw_only=True)
class RideChannel:
    """One ride's newest facts, oldest first, and its newest ETA of each kind."""

    facts: deque[tuple[ResumePoint, RideFact]] = field(
        default_factory=lambda: deque(maxlen=FACTS_MAX)
    )
    etas: dict[str, EtaPush] = field(default_factory=dict)

    @property
    def newest(self) -> RideFact | None:
        return self.facts[-1][1] if self.facts else None


class RideChannels:
    """Channels by ride. Bounded: ended rides leave, then those that were silent longest."""

    def __init__(self, *, epoch: str, rides_max: int = RIDES_MAX) -> None:
        self.epoch = epoch
        self._rides_max = rides_max
        self._channels: OrderedDict[RideId, RideChannel] = OrderedDict()

    def __len__(self) -> int:
        return len(self._channels)

    def newest(self, ride: RideId) -> RideFact | None:
        """The ride as it is, or None where nothing was heard of it."""
        channel = self._channels.get(ride)
        return channel.newest if channel else None

    def etas(self, ride: RideId) -> list[EtaPush]:
        channel = self._channels.get(ride)
        return list(channel.etas.values()) if channel else []

    def add_fact(self, fact: RideFact, *, partition: int, offset: int) -> RidePush | None:
        """Take in a fact. Returns what to tell the ride's watchers; None for a repeat."""
        channel = self._channels.setdefault(fact.ride, RideChannel())
        if channel.newest is not None and fact.number <= channel.newest.number:
            return None
        resume = ResumePoint(epoch=self.epoch, partition=partition, offset=offset)
        channel.facts.append((resume, fact))
        self._channels.move_to_end(fact.ride)
        while len(self._channels) > self._rides_max:
            self._channels.popitem(last=False)
        return RidePush(fact=fact, resume=resume)

    def add_eta(self, eta: EtaPush) -> bool:
        """Take in an ETA. Returns whether its ride is known and still goes on."""
        channel = self._channels.get(eta.ride)
        if channel is None or channel.newest is None or channel.newest.state in FINAL_STATES:
            return False
        channel.etas[eta.kind] = eta
        return True

    def catch_up(self, ride: RideId, resume: ResumePoint | None) -> list[RidePush]:
        """What a watcher lacks: the facts behind its resume point, or the state now."""
        channel = self._channels.get(ride)
        if channel is None or not channel.facts:
            return []
        if resume is None:
            return [_push(channel.facts[-1])]
        points = [point for point, _ in channel.facts]
        if resume in points:
            missed = list(channel.facts)[points.index(resume) + 1 :]
            return [_push(item) for item in missed]
        return [_push(channel.facts[-1], recovered=False)]

    def forget_ended(self, now_ms: int) -> None:
        """Drop rides that ended long ago. The oldest news come first in the table."""
        for ride in list(self._channels):
            fact = self._channels[ride].newest
            assert fact is not None, "a channel begins with a fact"
            if fact.at_ms > now_ms - FINAL_KEPT_MS:
                break
            if fact.state in FINAL_STATES:
                del self._channels[ride]


def _push(item: tuple[ResumePoint, RideFact], *, recovered: bool = True) -> RidePush:
    point, fact = item
    return RidePush(fact=fact, resume=point, recovered=recovered)

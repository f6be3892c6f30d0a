"""The gateway's view of rides: the newest fact of each, and who has to hear of a new one.

Built from ride.events alone, so it can be thrown away. Finished rides leave after ten minutes.
"""

from collections import OrderedDict, deque
from typing import Final

from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.rides import FINAL_STATES, RideFact

FINAL_KEPT_MS: Final = 600_000
ASKED_MAX: Final = 10_000


class RideView:
    """Rides by id, and each driver's ride now."""

    def __init__(self) -> None:
        self._facts: dict[RideId, RideFact] = {}
        self._ride_of: dict[int, RideId] = {}
        self._final: deque[tuple[int, RideId]] = deque()
        self._asked: OrderedDict[RideId, RiderId] = OrderedDict()
        self.heard_ms = 0  # when the log was last heard to have nothing newer

    def __len__(self) -> int:
        return len(self._facts)

    def fact(self, ride: RideId) -> RideFact | None:
        return self._facts.get(ride)

    def rider_of(self, ride: RideId) -> RiderId | None:
        """Who asked for a ride: from its facts, or else because they asked here."""
        fact = self._facts.get(ride)
        return self._asked.get(ride) if fact is None else fact.rider

    def driven_now(self) -> list[tuple[int, RideFact]]:
        """Each driver that is asked for or assigned to a ride, with its newest fact."""
        return [(driver, self._facts[ride]) for driver, ride in self._ride_of.items()]

    def note_asked(self, ride: RideId, rider: RiderId) -> None:
        """A ride was asked for here; its first fact is on the way."""
        self._asked[ride] = rider
        if len(self._asked) > ASKED_MAX:
            self._asked.popitem(last=False)

    def apply(self, fact: RideFact) -> list[int]:
        """Take in a fact. Return the drivers that are or were part of the ride: they want to know.

        A repeat changes nothing and concerns nobody.
        """
        known = self._facts.get(fact.ride)
        if known is not None and fact.number <= known.number:
            return []
        before = None if known is None else known.driver
        if before is not None and before != fact.driver and self._ride_of.get(before) == fact.ride:
            del self._ride_of[before]
        self._facts[fact.ride] = fact
        self._asked.pop(fact.ride, None)
        if fact.state in FINAL_STATES:
            self._final.append((fact.at_ms, fact.ride))
            if fact.driver is not None and self._ride_of.get(fact.driver) == fact.ride:
                del self._ride_of[fact.driver]
        elif fact.driver is not None:
            self._ride_of[fact.driver] = fact.ride
        return [driver for driver in dict.fromkeys((before, fact.driver)) if driver is not None]

    def forget_old(self, *, now_ms: int) -> None:
        """Let finished rides go when nobody asks for them any more."""
        while self._final and self._final[0][0] < now_ms - FINAL_KEPT_MS:
            self._facts.pop(self._final.popleft()[1], None)

"""The legs of rides under way: what is waited for, what was promised, and what came of it."""

from dataclasses import dataclass

from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import EtaKind, Place, RideEta, RideEvent, RideFact

MODEL = "cch-live-1"

_BEGINS = {RideEvent.OFFER_ACCEPTED: EtaKind.PICKUP, RideEvent.RIDER_BOARDED: EtaKind.TRIP}
_ENDS = {RideEvent.DRIVER_ARRIVED: EtaKind.PICKUP, RideEvent.RIDER_DROPPED: EtaKind.TRIP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A prediction that was shown, with what the roads alone had said."""

    at_ms: int
    road_s: float
    predicted_s: float
    p90_s: float


@dataclass(slots=True, kw_only=True)
class Leg:
    """A driver on the way to somebody or something."""

    ride: RideId
    kind: EtaKind
    driver: int
    to: Place
    promise: Promise | None = None  # the first one: the one that is scored

    def record(self, promise: Promise, *, actual_s: float | None = None) -> RideEta:
        return RideEta(
            ride=self.ride,
            kind=self.kind,
            driver=self.driver,
            at_ms=promise.at_ms,
            predicted_s=round(promise.predicted_s, 1),
            p90_s=round(promise.p90_s, 1),
            model=MODEL,
            actual_s=None if actual_s is None else round(actual_s, 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A leg that has ended, and how long its first promise was away from the truth."""

    leg: Leg
    promise: Promise
    actual_s: float


class Legs:
    """At most one leg a ride; a leg ends when its ride does anything else."""

    def __init__(self) -> None:
        self._legs: dict[RideId, Leg] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def under_way(self) -> list[Leg]:
        return list(self._legs.values())

    def take(self, fact: RideFact) -> tuple[Leg | None, Kept | None]:
        """Follow a fact; return the leg that begins with it and the one that came to its end."""
        ended = self._legs.pop(fact.ride, None)
        kept = None
        if ended is not None and ended.promise is not None and _ENDS.get(fact.event) is ended.kind:
            actual_s = (fact.at_ms - ended.promise.at_ms) / 1000.0
            kept = Kept(leg=ended, promise=ended.promise, actual_s=max(0.0, actual_s))
        return self._begin(fact), kept

    def _begin(self, fact: RideFact) -> Leg | None:
        kind = _BEGINS.get(fact.event)
        if kind is None or fact.driver is None:
            return None
        to = fact.pickup if kind is EtaKind.PICKUP else fact.destination
        leg = Leg(ride=fact.ride, kind=kind, driver=fact.driver, to=to)
        self._legs[fact.ride] = leg
        return leg

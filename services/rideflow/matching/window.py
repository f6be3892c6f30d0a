"""One batching window: the rides that are due, the drivers that are free, and who gets whom."""

from dataclasses import dataclass

import numpy as np

from rideflow.contracts.rides import RideFact, RideState
from rideflow.matching.assignment import UNASSIGNED, assign, costs_s, greedy, price_of_waiting_s
from rideflow.matching.candidates import (
    Floats,
    Longs,
    OpenDrivers,
    Pickup,
    RoadTimes,
    Shortlist,
    shortlist,
)
from rideflow.matching.ride_book import Ride, RideBook
from rideflow.roads.plane import Plane


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRules:
    """What a window is decided by."""

    candidates: int  # nearest open drivers that are looked at per ride
    pickup_eta_s_max: float  # nobody is asked to drive longer than this to a pickup
    rides_max: int  # of one window; the longest-waiting ones, the rest in the next
    unassigned_s: float  # price of leaving a new ride without a driver
    waiting_weight: float  # seconds of price per second that a ride has waited


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a window decided, before anyone is asked. Arrays by ride, then by candidate."""

    rides: tuple[RideFact, ...]
    drivers: OpenDrivers
    found: Shortlist
    cost_s: Floats
    chosen: Longs  # column, or UNASSIGNED
    shadow: Longs

    def driver_of(self, ride: int, column: int) -> int:
        """The id of a candidate."""
        return int(self.drivers.ids[self.found.driver[ride, column]])

    def choices(self) -> list[tuple[int, int]]:
        """Ride number and driver id of every pair."""
        return [
            (ride, self.driver_of(ride, int(self.chosen[ride])))
            for ride in np.flatnonzero(self.chosen != UNASSIGNED).tolist()
        ]

    def eta_s(self, ride: int) -> float:
        """By road, of the chosen driver."""
        return float(self.found.eta_s[ride, self.chosen[ride]])


def rides_due(book: RideBook, rules: WindowRules) -> list[Ride]:
    """The rides that want a driver, longest waiting first."""
    waiting = sorted(book.rides_in(RideState.REQUESTED), key=lambda ride: ride.fact.requested_ms)
    return waiting[: rules.rides_max]


def plan_window(
    rides: list[Ride],
    drivers: OpenDrivers,
    times: RoadTimes,
    plane: Plane,
    rules: WindowRules,
    *,
    now_ms: int,
) -> Plan:
    """Pair rides and drivers. `rides` come in order of arrival."""
    pickups = [_pickup(ride, plane) for ride in rides]
    found = shortlist(pickups, drivers, times, k=rules.candidates, eta_s_max=rules.pickup_eta_s_max)
    cost_s = costs_s(found, drivers.age_ms)
    waited_s = np.array([max(0, now_ms - ride.fact.requested_ms) / 1000 for ride in rides])
    price_s = price_of_waiting_s(
        waited_s, unassigned_s=rules.unassigned_s, weight=rules.waiting_weight
    )
    return Plan(
        rides=tuple(ride.fact for ride in rides),
        drivers=drivers,
        found=found,
        cost_s=cost_s,
        chosen=assign(found.driver, cost_s, price_s),
        shadow=greedy(found.driver, cost_s),
    )


def _pickup(ride: Ride, plane: Plane) -> Pickup:
    place = ride.fact.pickup
    return Pickup(
        x=float(plane.x(place.lon)),
        y=float(plane.y(place.lat)),
        turned_down=frozenset(ride.turned_down),
    )

"""Digests of what a seed decides: two runs with the same digests drive the same city."""

import hashlib
import struct
from dataclasses import dataclass

from citysim.city.demand import Demand
from citysim.city.fleet import Fleet
from citysim.city.streets import Streets
from citysim.city.traffic import Traffic

SAMPLE = 1_000
PLAN_S = 60.0  # of a run whose end is not known, so much is planned ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What a seed decided for a run."""

    trips: int
    demand: str
    routes: str


def plan_digests(
    demand: Demand,
    traffic: Traffic,
    *,
    seed: int,
    drivers: int,
    riders: int,
    duration_s: float | None,
    dt_s: float,
    hour: float,
) -> Digests:
    """Return the digests of a run; of one without an end, those of its first minute."""
    planned_s = PLAN_S if duration_s is None else duration_s
    demand_sha256, trips = demand_digest(demand, riders=riders, duration_s=planned_s)
    routes_sha256 = routes_digest(
        traffic.streets,
        traffic,
        seed=seed,
        drivers=drivers,
        steps=int(planned_s / dt_s),
        dt_s=dt_s,
        hour=hour,
    )
    return Digests(trips=trips, demand=demand_sha256, routes=routes_sha256)


def demand_digest(demand: Demand, *, riders: int, duration_s: float) -> tuple[str, int]:
    """Return the digest of all trips a run could ask for, and how many there are."""
    digest, count = hashlib.sha256(), 0
    for trip in demand.within(riders=riders, duration_s=duration_s):
        digest.update(
            struct.pack(
                "<6q2d",
                trip.rider,
                trip.number,
                trip.pause_ms,
                trip.pickup.edge,
                trip.destination.edge,
                -1 if trip.cancel_after_ms is None else trip.cancel_after_ms,
                round(trip.pickup.offset_m, 2),
                round(trip.destination.offset_m, 2),
            )
        )
        count += 1
    return digest.hexdigest(), count


def routes_digest(
    streets: Streets,
    traffic: Traffic,
    *,
    seed: int,
    drivers: int,
    steps: int,
    dt_s: float,
    hour: float,
) -> str:
    """Return the digest of all edges that the first SAMPLE drivers use if nobody gives them a ride.

    Drivers don't depend on one another, so these stand for all.
    """
    fleet = Fleet(streets, drivers=min(drivers, SAMPLE), seed=seed)
    digest = hashlib.sha256()
    for step in range(steps):
        speeds_mps = traffic.speeds_mps(hour_at(hour, step * dt_s))
        fleet.step(0, fleet.count, step=step, dt_s=dt_s, speeds_mps=speeds_mps)
        digest.update(fleet.edge.tobytes())
    return digest.hexdigest()


def hour_at(start_hour: float, elapsed_s: float) -> float:
    """Return the hour of the city's day, constant for a minute as traffic is."""
    return (start_hour + int(elapsed_s // 60) / 60) % 24

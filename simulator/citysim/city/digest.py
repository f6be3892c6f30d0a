"""Digests of what a seed decides: two runs with the same digests drive the same city."""

import hashlib
import struct

from citysim.city.demand import Demand
from citysim.city.fleet import Fleet
from citysim.city.traffic import Traffic


def demand_digest(demand: Demand, *, riders: int, duration_s: float) -> tuple[str, int]:
    """Return the digest of all trips a run could ask for, and how many there are."""
    digest, count = hashlib.sha256(), 0
    for trip in demand.within(riders=riders, duration_s=duration_s):
        digest.update(
            struct.pack(
                "<5q2d",
                trip.rider,
                trip.number,
                trip.pause_ms,
                trip.pickup.edge,
                trip.destination.edge,
                round(trip.pickup.offset_m, 2),
                round(trip.destination.offset_m, 2),
            )
        )
        count += 1
    return digest.hexdigest(), count


def routes_digest(
    fleet: Fleet, traffic: Traffic, *, steps: int, dt_s: float, hour: float, slice_size: int = 4096
) -> str:
    """Drive the fleet without rides for so many steps and return the digest of all edges used.

    The fleet is used up: its drivers are then where the run would end.
    """
    digest = hashlib.sha256()
    for step in range(steps):
        speeds_mps = traffic.speeds_mps(hour_at(hour, step * dt_s))
        for first in range(0, fleet.count, slice_size):
            last = min(first + slice_size, fleet.count)
            fleet.step(first, last, step=step, dt_s=dt_s, speeds_mps=speeds_mps)
        digest.update(fleet.edge.tobytes())
    return digest.hexdigest()


def hour_at(start_hour: float, elapsed_s: float) -> float:
    """Return the hour of the city's day, constant for a minute as traffic is."""
    return (start_hour + int(elapsed_s // 60) / 60) % 24

"""`hailstream simulate`: the fleet and the riders of one run, from start to the truth file."""

import asyncio
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from citysim.city.demand import Demand, DemandShape
from citysim.city.digest import plan_digests
from citysim.city.world import FIRST_DRIVER_ID, World, WorldSettings
from citysim.drive.fleet_drive import FleetDrive
from citysim.drive.riders import Rider, RideTally
from citysim.drive.sight import Sightings
from citysim.drive.tokens import TokenSource
from citysim.drive.truth import Rows, Truth, histogram_summary, injected_by_name, write_truth
from groundwork.seams import Clock, Rng
from rideflow.contracts.truth import AgeSamples, SimulationResult
from rideflow.roads.pack import CityPack

journal = logging.getLogger("hailstream.simulate")

_OPEN_MS_MAX = 30_000
_SAY_EVERY_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Everything a run can be told."""

    gateway_url: str
    fanout_url: str
    token_secret: str
    riders: int
    duration_s: float | None
    sockets: int
    truth: Path | None
    world: WorldSettings
    demand: DemandShape = field(default_factory=DemandShape)


@dataclass(slots=True, kw_only=True)
class _Run:
    """What a run is made of, once it is put together."""

    settings: RunSettings
    pack: CityPack
    world: World
    truth: Truth
    fleet: FleetDrive
    sightings: Sightings
    tally: RideTally


class _Over(Exception):
    """Not an error: how the task group is told that the run is over."""


async def run_city(
    pack: CityPack, settings: RunSettings, *, clock: Clock, rng: Rng, stopping: asyncio.Event
) -> SimulationResult:
    """Drive the city until its time is up or `stopping` is set; return what was measured.

    Writes the truth's folder where one is asked for. Raises an `ExceptionGroup` with `NoGateway`,
    `FleetRefused` or `TokenRefused` where the gateway cannot be used.
    """
    world = World(pack.graph, settings.world)
    demand = Demand(
        world.streets,
        world.snap,
        seed=settings.world.seed,
        hour=settings.world.hour,
        shape=settings.demand,
    )
    truth = Truth(first_id=FIRST_DRIVER_ID, drivers=settings.world.drivers)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tokens = TokenSource(
            secret=settings.token_secret,
            gateway_url=settings.gateway_url,
            session=session,
            clock=clock,
        )
        fleet = FleetDrive(
            world,
            clock=clock,
            rng=rng,
            truth=truth,
            gateway_url=settings.gateway_url,
            tokens=tokens,
            sockets=settings.sockets,
        )
        run = _Run(
            settings=settings,
            pack=pack,
            world=world,
            truth=truth,
            fleet=fleet,
            sightings=Sightings(),
            tally=RideTally(),
        )
        await _live(
            run, demand, tokens=tokens, session=session, clock=clock, rng=rng, stopping=stopping
        )
    columns = truth.columns(fleet.held(), world.faults)
    result = _result(run, columns, demand)
    if settings.truth is not None:
        write_truth(settings.truth, columns, result, _details(run))
    return result


async def _live(
    run: _Run,
    demand: Demand,
    *,
    tokens: TokenSource,
    session: aiohttp.ClientSession,
    clock: Clock,
    rng: Rng,
    stopping: asyncio.Event,
) -> None:
    settings = run.settings
    try:
        async with asyncio.TaskGroup() as tasks:
            await run.fleet.open(tasks, within_ms=_OPEN_MS_MAX)
            for number in range(settings.riders):
                rider = Rider(
                    number,
                    demand=demand,
                    clock=clock,
                    rng=rng,
                    session=session,
                    tokens=tokens,
                    gateway_url=settings.gateway_url,
                    fanout_url=settings.fanout_url,
                    sightings=run.sightings,
                    tally=run.tally,
                )
                tasks.create_task(rider.run(), name=f"rider {number}")
            tasks.create_task(_say_how_it_goes(run, clock), name="journal")
            await _until_over(run, stopping)
    except* _Over:
        pass


async def _until_over(run: _Run, stopping: asyncio.Event) -> None:
    await run.fleet.run(duration_s=run.settings.duration_s, stopping=stopping)
    raise _Over


async def _say_how_it_goes(run: _Run, clock: Clock) -> None:
    before = 0
    due_ms = clock.monotonic_ms()
    while True:
        due_ms += _SAY_EVERY_MS
        await clock.sleep_until(due_ms)
        now = run.truth.pings_acknowledged
        journal.info(
            "%d pings/s acknowledged, %d drivers with a ride, %d rides asked, %d completed",
            (now - before) * 1000 // _SAY_EVERY_MS,
            len(run.world.duties),
            run.tally.requested,
            run.tally.completed,
        )
        before = now


def _result(run: _Run, columns: dict[str, Rows], demand: Demand) -> SimulationResult:
    settings, tally, fleet = run.settings, run.tally, run.fleet
    world = settings.world
    digests = plan_digests(
        demand,
        run.world.traffic,
        seed=world.seed,
        drivers=world.drivers,
        riders=settings.riders,
        duration_s=settings.duration_s,
        dt_s=world.period_ms / 1000.0,
        hour=world.hour,
    )
    refused = sum(fleet.tally.rejected.values())
    return SimulationResult(
        drivers=world.drivers,
        seed=world.seed,
        wall_s=fleet.tally.wall_ms / 1000.0,
        pings_made=run.truth.pings_made,
        pings_sent=fleet.tally.pings_sent + fleet.pings_resent,
        pings_acknowledged=run.truth.pings_acknowledged - refused,
        pings_refused=refused,
        pings_resent=fleet.pings_resent,
        pings_late_ms_max=fleet.tally.late_ms_max,
        injected=injected_by_name(columns["faults"]),
        age_rider_matched=AgeSamples(counts=run.sightings.matched_ms.sparse()),
        age_rider_area=AgeSamples(counts=run.sightings.area_ms.sparse()),
        rides_asked=tally.requested,
        rides_matched=tally.matched,
        rides_completed=tally.completed,
        rides_cancelled=tally.cancelled,
        route_digest=digests.routes,
        demand_digest=digests.demand,
    )


def _details(run: _Run) -> dict[str, Any]:
    """Return what is not in the result: settings, and what was seen on the way."""
    fleet, sightings = run.fleet, run.sightings
    return {
        "city": {"slug": run.pack.facts.slug, "sha256": run.pack.facts.source["sha256"]},
        "settings": asdict(run.settings.world) | {"riders": run.settings.riders},
        "pings": {
            "frames_sent": fleet.tally.frames_sent,
            "late": fleet.tally.pings_late,
            "ticks_held": fleet.tally.ticks_held,
            "reconnects": fleet.reconnects,
            "backlog_acknowledged": run.truth.backlog_acknowledged,
            "rejected": fleet.tally.rejected,
        },
        "noted": run.world.faults.counts(),
        "ack_ms": histogram_summary(fleet.tally.ack_ms),
        "age_rider_matched_ms": histogram_summary(sightings.matched_ms),
        "age_rider_area_ms": histogram_summary(sightings.area_ms),
        "sight": {
            "frames": sightings.frames,
            "cars": sightings.cars,
            "skipped": sightings.skipped,
        },
        "rides": asdict(run.tally),
        "drivers": {
            "offers": run.world.duties.offers_total,
            "double_assigned": run.world.duties.double_assigned_total,
            "actions": fleet.tally.actions,
        },
    }

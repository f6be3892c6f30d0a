"""The command line of the simulated city: `hailstream simulate` and `hailstream city`."""

import json
import os
import random
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from citysim.citypack.source import DEFAULT_NAME, DEFAULT_SLUG, default_source
from rideflow.contracts.ports import FANOUT_PORT_OFFSET, GATEWAY_PORT

app = typer.Typer(no_args_is_help=True)
city_app = typer.Typer(no_args_is_help=True, help="Make and look at city packs.")
app.add_typer(city_app, name="city")

_GATEWAY_URL = f"http://127.0.0.1:{GATEWAY_PORT}"
_FANOUT_URL = f"ws://127.0.0.1:{GATEWAY_PORT + FANOUT_PORT_OFFSET}"
_SECRET_VARIABLE = "HAILSTREAM_TOKEN_SECRET"  # noqa: S105  # the name of a variable, not a secret


@city_app.command("build")
def build(
    out: Annotated[Path, typer.Option(help="Folder of the pack; what is there is replaced.")],
    source: Annotated[
        Path | None,
        typer.Argument(help="An .osm.pbf or an Overpass GeoJSON export [default: Göteborg]"),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the city [default: from the source's name]")] = "",
) -> None:
    """Make a city pack from OpenStreetMap data: road graph, street names, base map."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from citysim.citypack.build import STEPS, build_city_pack
    from citysim.citypack.features import SourceBad

    if source is None:
        source, name = default_source(Path.cwd()), name or DEFAULT_NAME
    if source is None:
        _exit(f"city build: the data of {DEFAULT_NAME} is not there: run `npm ci` in web/")
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with bar:
        task = bar.add_task("city build", total=len(STEPS))
        try:
            pack = build_city_pack(
                source,
                out,
                name=name,
                on_step=lambda step: bar.update(task, description=step, advance=1),
            )
        except (SourceBad, OSError) as error:
            _exit(f"city build: {error}")
    typer.echo(f"{out}: {pack.facts.name}, {_sizes(pack.facts.counts)}")


@city_app.command("info")
def info(
    folder: Annotated[Path, typer.Argument(help="Folder of a city pack.")],
    as_json: Annotated[bool, typer.Option("--json", help="As city.json has it.")] = False,
) -> None:
    """Say what a city pack holds."""
    from dataclasses import asdict

    facts = _load(folder).facts
    if as_json:
        typer.echo(json.dumps(asdict(facts), indent=2, ensure_ascii=False))
        return
    bounds = facts.bounds
    typer.echo(f"{facts.name} ({facts.slug}), {facts.attribution}")
    typer.echo(f"  {_sizes(facts.counts)}")
    typer.echo(f"  {bounds.west}, {bounds.south} to {bounds.east}, {bounds.north}")
    typer.echo(f"  from {facts.source['file']}, sha256 {facts.source['sha256'][:16]}…")


@app.command("simulate")
def simulate(
    city: Annotated[Path, typer.Option(help="Folder of a city pack.")] = Path(
        f".hailstream/cities/{DEFAULT_SLUG}"
    ),
    gateway_url: Annotated[str, typer.Option(help="Where pings and rides go.")] = _GATEWAY_URL,
    fanout_url: Annotated[str, typer.Option(help="Where riders watch.")] = _FANOUT_URL,
    drivers: Annotated[int, typer.Option(min=1, help="Drivers on the road.")] = 30_000,
    pings_per_second: Annotated[float, typer.Option(help="All drivers together.")] = 30_000.0,
    riders: Annotated[int, typer.Option(min=0, help="Riders on sockets of their own.")] = 200,
    duration: Annotated[float | None, typer.Option(help="Seconds [default: until stopped]")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city.")] = 1,
    hour: Annotated[float, typer.Option(min=0, max=23.99, help="Of the city's day.")] = 12.0,
    truth: Annotated[Path | None, typer.Option(help="Folder to write what was true to.")] = None,
    plan_only: Annotated[bool, typer.Option(help="Print the plan's digests; send nothing.")] = (
        False
    ),
    fault_factor: Annotated[
        float, typer.Option(min=0, help="How often things go wrong, times the usual.")
    ] = 1.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="A rate of its own, as KIND=SHARE; again for more.")
    ] = None,
    frame_pings: Annotated[int, typer.Option(min=1, max=1000, help="Pings in a frame.")] = 50,
    sockets: Annotated[int, typer.Option(min=1, help="Fleet sockets to the gateway.")] = 8,
) -> None:
    """Drive a city: pings of a whole fleet, drivers who answer offers, riders who ask and watch."""
    if pings_per_second <= 0:
        _exit("simulate: --pings-per-second must be above 0")
    from citysim.city.world import WorldSettings

    pack = _load(city)
    world = WorldSettings(
        seed=seed,
        drivers=drivers,
        block_size=frame_pings,
        period_ms=1000.0 * drivers / pings_per_second,
        hour=hour,
        rates=_rates(fault_factor, fault or []),
    )
    if plan_only:
        typer.echo(json.dumps(_plan(pack, world, riders, duration), indent=2))
        return
    from citysim.drive.run import RunSettings

    settings = RunSettings(
        gateway_url=gateway_url.rstrip("/"),
        fanout_url=fanout_url.rstrip("/"),
        token_secret=os.environ.get(_SECRET_VARIABLE, ""),
        riders=riders,
        duration_s=duration,
        sockets=sockets,
        truth=truth,
        world=world,
    )
    _drive(pack, settings)


def _drive(pack: Any, settings: Any) -> None:
    import asyncio

    from citysim.drive.fleet_drive import NoGateway
    from citysim.drive.fleet_socket import FleetRefused
    from citysim.drive.run import run_city
    from citysim.drive.tokens import TokenRefused
    from groundwork.journal import setup_journal
    from groundwork.real.clocks import SystemClock
    from groundwork.supervise import run_process

    async def main(stopping: asyncio.Event) -> None:
        rng = random.Random()  # noqa: S311  # masks and back-off; the city's chance is its seed
        found = await run_city(pack, settings, clock=SystemClock(), rng=rng, stopping=stopping)
        typer.echo(
            f"{found.pings_made} pings made, {found.pings_acknowledged} with duplicates"
            f" acknowledged, at most {found.pings_late_ms_max} ms late;"
            f" {found.rides_completed} of {found.rides_asked} rides completed"
        )

    setup_journal()
    try:
        run_process(main)
    except* (NoGateway, FleetRefused, TokenRefused) as errors:
        _exit(f"simulate: {_first(errors)}")


def _plan(pack: Any, world: Any, riders: int, duration_s: float | None) -> dict[str, Any]:
    from dataclasses import asdict

    from citysim.city.demand import Demand, DemandShape
    from citysim.city.digest import plan_digests
    from citysim.city.streets import Streets
    from citysim.city.traffic import Traffic
    from rideflow.roads.snap import RoadSnap

    streets = Streets(pack.graph)
    demand = Demand(
        streets, RoadSnap(pack.graph), seed=world.seed, hour=world.hour, shape=DemandShape()
    )
    digests = plan_digests(
        demand,
        Traffic.of(streets, world.seed),
        seed=world.seed,
        drivers=world.drivers,
        riders=riders,
        duration_s=duration_s,
        dt_s=world.period_ms / 1000.0,
        hour=world.hour,
    )
    return {"city": pack.facts.source["sha256"], "seed": world.seed} | asdict(digests)


def _rates(factor: float, own: list[str]) -> Any:
    from dataclasses import replace

    from citysim.city.faults import FaultRates

    rates = FaultRates().scaled(factor)
    for words in own:
        kind, _, share = words.partition("=")
        if kind not in FaultRates.__slots__:
            _exit(f"simulate: --fault {words}: kinds are {', '.join(FaultRates.__slots__)}")
        try:
            rates = replace(rates, **{kind: float(share)})
        except ValueError as error:
            _exit(f"simulate: --fault {words}: {error}")
    return rates


def _load(folder: Path) -> Any:
    from rideflow.roads.pack import CityPack, CityPackBad

    try:
        return CityPack.load(folder)
    except CityPackBad as error:
        _exit(str(error))


def _sizes(counts: dict[str, int]) -> str:
    return (
        f"{counts['road_km']:,} km of road, {counts['nodes']:,} junctions,"
        f" {counts['edges']:,} directed edges, {counts['names']:,} street names"
    )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _exit(sentence: str) -> NoReturn:
    typer.echo(f"hailstream {sentence}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    app()

"""`hailstream bench`: the figures of the README, measured on this machine."""

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)
bench = typer.Typer(no_args_is_help=True, help="Measure parts, or the whole way of the data.")
app.add_typer(bench, name="bench")

# name -> module with `main(arguments)`, and what it measures
_BENCHES = {
    "broker": (
        "loadlab.broker.run",
        "The broker: requests, records, ages, starts, recovery and compaction.",
    ),
    "faults": (
        "loadlab.faults.run",
        "Nothing acknowledged is lost or doubled under random faults.",
    ),
    "client": ("loadlab.client_bench", "The log client's two engines, CPU per record."),
    "matching": ("loadlab.matching_bench", "One batching window: candidates and assignment."),
    "eta": ("loadlab.eta_bench", "Travel times, many to one, and nearest drivers by road."),
}
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.callback()
def _root() -> None:
    """Benchmarks."""


def _add(name: str, module: str, doc: str) -> None:
    def command(context: typer.Context) -> None:
        import_module(module).main(context.args)

    command.__doc__ = doc
    settings = {**_PASS_ON, "help_option_names": []}  # the module's own parser answers --help
    bench.command(name, context_settings=settings)(command)


for _name, (_module, _doc) in _BENCHES.items():
    _add(_name, _module, _doc)


@bench.command("pipeline")
def pipeline(
    rates: Annotated[str, typer.Option(help="Pings per second, with commas between.")] = (
        "30000,100000,300000,1000000"
    ),
    seconds: Annotated[int, typer.Option(min=5, help="How long each run sends.")] = 60,
    riders: Annotated[int, typer.Option(min=0, help="Simulated riders.")] = 200,
    engine: Annotated[str, typer.Option(help="Log client: columnar or librdkafka.")] = "columnar",
) -> None:
    """The whole city at several rates: what held, what did not, CPU and ages."""
    from loadlab.pipeline_bench import print_table

    print_table(
        [int(text) for text in rates.split(",")], seconds=seconds, riders=riders, engine=engine
    )


@bench.command("acknowledged")
def acknowledged(
    folder: Annotated[Path, typer.Argument(help="What locust wrote (HAILSTREAM_ACKNOWLEDGED).")],
    bootstrap_servers: Annotated[str, typer.Option(help="HOST:PORT.")] = "127.0.0.1:9092",
) -> None:
    """Look in the log for every ping that locust was told is there."""
    from groundwork.real.clocks import SystemClock
    from loadlab.acknowledged import Found, look_for, read_acknowledged
    from streamcore.client import connect
    from streamcore.client.api import LogSettings

    async def find() -> Found:
        settings = LogSettings(bootstrap_servers=bootstrap_servers, client_id="bench")
        log = await connect(settings, SystemClock())
        try:
            return await look_for(log, read_acknowledged(folder))
        finally:
            await log.close()

    found = asyncio.run(find())
    typer.echo(
        f"{found.acknowledged:,} pings acknowledged, {found.in_log:,} of them in the log,"
        f" {found.missing} missing, {found.copies} copies"
    )
    sys.exit(1 if found.missing or found.copies else 0)

"""`hailstream up`: a whole live city from one command.

Starts stores, services and the simulator, shows what goes on, and at the end of `--duration`
proves from the log that nothing was lost.
"""

import asyncio
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from groundwork.journal import setup_journal
from groundwork.real.clocks import SystemClock
from groundwork.seams import Clock
from groundwork.supervise import leaves
from hailstream.cities import ensure_city
from hailstream.planning import CannotStart, UpOptions, make_plan
from hailstream.processes import CityPlan, Stage, plan_processes
from hailstream.report import REPORT_FAILED, NoTruth, make_report, write_report
from hailstream.summary import SummaryReader
from hailstream.supervisor import StartFailed, Supervisor
from hailstream.view import View, make_view

journal = logging.getLogger("hailstream.up")

app = typer.Typer()

_SAMPLE_MS = 1000


@app.command("up")
def up(
    drivers: Annotated[int, typer.Option(help="Simulated drivers.")] = 30_000,
    pings_per_second: Annotated[int, typer.Option(help="All drivers together.")] = 30_000,
    riders: Annotated[int, typer.Option(help="Simulated riders on real WebSockets.")] = 200,
    brokers: Annotated[int, typer.Option(help="Broker processes.")] = 1,
    duration: Annotated[
        int | None, typer.Option(help="Stop after so many seconds. Default: run until Ctrl-C.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures and the audit here (JSON).")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the log here. Default: a new, empty one each time.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the web pages; the next three serve them.")] = 8080,
    broker_port: Annotated[int, typer.Option(help="Where Kafka clients connect.")] = 9092,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="HOST:PORT of an Apache Kafka to use instead of our broker.")
    ] = None,
    client_config: Annotated[
        Path | None,
        typer.Option(
            envvar="HAILSTREAM_CLIENT_CONFIG",
            help="How to log in there, in Kafka's properties form.",
        ),
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="A Redis to use instead of the embedded Valkey.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Log client: columnar or librdkafka.")] = "columnar",
    city: Annotated[
        Path | None, typer.Option(help="A city pack (see `hailstream city build`).")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city.")] = 1,
    simulator: Annotated[bool, typer.Option(help="Drive a simulated city.")] = True,
) -> None:
    """Run a whole live city: broker, services, simulator and web pages."""
    options = UpOptions(
        drivers=drivers,
        pings_per_second=pings_per_second,
        riders=riders,
        brokers=brokers,
        duration=duration,
        report=report,
        data_dir=data_dir,
        host=host,
        port=port,
        broker_port=broker_port,
        bootstrap_servers=bootstrap_servers,
        client_config=client_config,
        redis_url=redis_url,
        engine=engine,
        city=city,
        seed=seed,
        simulator=simulator,
    )
    setup_journal()
    try:
        plan = make_plan(options, city_dir=ensure_city(options.city))
    except CannotStart as error:
        typer.echo(f"hailstream up: {error}", err=True)
        sys.exit(2)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_run(plan, options.report)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A city as `up` runs it."""

    plan: CityPlan
    report_path: Path | None
    clock: Clock
    supervisor: Supervisor
    view: View
    stopping: asyncio.Event


async def _run(plan: CityPlan, report_path: Path | None) -> int:
    """Run until the end, and return the exit status."""
    clock = SystemClock()
    view = make_view(plan, clock)
    supervisor = Supervisor(
        plan_processes(plan),
        clock=clock,
        journal_dir=plan.data_dir / "journal",
        trouble=view.trouble,
    )
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    run = _Run(
        plan=plan,
        report_path=report_path,
        clock=clock,
        supervisor=supervisor,
        view=view,
        stopping=stopping,
    )
    status = 1
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                status = await _live(run, tasks)
            finally:
                for stage in reversed(Stage):
                    await supervisor.stop(stage)
    except* StartFailed as failures:
        for failure in leaves(failures):
            view.trouble(str(failure))
        status = 1
    finally:
        view.close()
    return status


async def _live(run: _Run, tasks: asyncio.TaskGroup) -> int:
    """From the first process to the last figure. Returns the exit status."""
    supervisor, view = run.supervisor, run.view
    started_ms = run.clock.now_ms()
    await _start_until_stopped(run, tasks)
    if run.stopping.is_set():
        return 0
    async with SummaryReader(run.plan) as reader:
        ended = tasks.create_task(_city_end(run), name="city end")
        while not ended.done():
            supervisor.sample()
            view.show(await reader.read(), supervisor)
            await asyncio.wait({ended}, timeout=_SAMPLE_MS / 1000)
        supervisor.sample()
        if run.report_path is None or run.stopping.is_set():
            return 1 if supervisor.gave_up.is_set() else 0
        view.say("the city has stopped: reading the log to prove what became of every ping")
        summary = await reader.read()
    try:
        report = await make_report(run.plan, supervisor, summary, started_ms=started_ms)
    except NoTruth as error:
        view.trouble(str(error))
        return REPORT_FAILED
    write_report(report, run.report_path)
    view.say(report.in_words())
    return 0 if report.healthy and not supervisor.gave_up.is_set() else REPORT_FAILED


async def _start_until_stopped(run: _Run, tasks: asyncio.TaskGroup) -> None:
    """Start everything; Ctrl-C while things start ends the starting."""
    async with asyncio.TaskGroup() as group:
        start = group.create_task(_start_all(run, tasks))
        stop = group.create_task(_until(run.stopping))
        await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
        start.cancel()
        stop.cancel()


async def _start_all(run: _Run, tasks: asyncio.TaskGroup) -> None:
    for stage in Stage:
        run.view.say(f"starting {stage.name.lower()}")
        await run.supervisor.start(stage, tasks)
    run.supervisor.note_start_cost()
    run.view.ready()


async def _city_end(run: _Run) -> None:
    """Return when the simulator has ended, a person stops us, or a process was given up."""
    async with asyncio.TaskGroup() as group:
        ends = {
            group.create_task(_until(run.stopping)),
            group.create_task(_until(run.supervisor.gave_up)),
        }
        if run.plan.duration_s is not None and run.plan.simulator:
            ends.add(group.create_task(run.supervisor.wait_ended("simulate")))
        elif run.plan.duration_s is not None:
            ends.add(group.create_task(asyncio.sleep(run.plan.duration_s)))
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()


async def _until(event: asyncio.Event) -> None:
    await event.wait()

"""What a person sees while `up` runs: a live table on a terminal, plain lines elsewhere."""

import sys
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from groundwork.seams import Clock
from hailstream.processes import CityPlan
from hailstream.supervisor import Supervisor
from rideflow.contracts.operations import Quantiles, Summary

_LINE_EVERY_MS = 5000
_NO_DATA = "-"
_TROUBLE_LINES = 6


class View(Protocol):
    """Where `up` says what goes on."""

    def say(self, sentence: str) -> None: ...
    def trouble(self, sentence: str) -> None: ...
    def ready(self) -> None: ...
    def show(self, summary: Summary | None, supervisor: Supervisor) -> None: ...
    def close(self) -> None: ...


def make_view(plan: CityPlan, clock: Clock) -> View:
    return TerminalView(plan, clock) if sys.stdout.isatty() else LinesView(plan, clock)


class CoreMeter:
    """Cores in use between two looks, per process and in all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_ms = clock.monotonic_ms()
        self._before: dict[str, float] = {}
        self.cores: dict[str, float] = {}

    def look(self, supervisor: Supervisor) -> float:
        now_ms = self._clock.monotonic_ms()
        passed_s = max(1, now_ms - self._at_ms) / 1000
        used = {name: managed.cpu_s for name, managed in supervisor.managed.items()}
        self.cores = {
            name: max(0.0, cpu_s - self._before.get(name, cpu_s)) / passed_s
            for name, cpu_s in used.items()
        }
        self._before, self._at_ms = used, now_ms
        return sum(self.cores.values())


def open_words(plan: CityPlan) -> str:
    return (
        f"open http://{plan.host}:{plan.port}   Kafka clients: {plan.bootstrap_servers}"
        f"   journals: {plan.data_dir / 'journal'}"
    )


class LinesView:
    """One line every five seconds, and each sentence as it comes."""

    def __init__(self, plan: CityPlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._meter = CoreMeter(clock)
        self._due_ms = 0

    def say(self, sentence: str) -> None:
        print(sentence, flush=True)  # noqa: T201  # this is the program's output

    def trouble(self, sentence: str) -> None:
        print(f"! {sentence}", file=sys.stderr, flush=True)  # noqa: T201  # the program's output

    def ready(self) -> None:
        self.say(f"ready: {open_words(self._plan)}")

    def show(self, summary: Summary | None, supervisor: Supervisor) -> None:
        if self._clock.monotonic_ms() < self._due_ms:
            return
        self._due_ms = self._clock.monotonic_ms() + _LINE_EVERY_MS
        cores = self._meter.look(supervisor)
        self.say(f"{city_words(summary)} | {cores:.2f} cores")

    def close(self) -> None:
        """Nothing to give back."""


def city_words(summary: Summary | None) -> str:
    """The city in one line."""
    if summary is None:
        return "ops has no figures yet"
    rides, audit = summary.rides, summary.audit
    ages = ", ".join(f"{name} {_quantiles(q)}" for name, q in summary.ages.items())
    return (
        f"{summary.pings_per_second:,.0f} pings/s, {summary.drivers_seen:,} drivers"
        f" | rides {rides.requested} asked, {rides.matched} matched, {rides.completed} done"
        f" | age p50/p99 ms: {ages}"
        f" | missing {audit.missing} repeated {audit.repeated} disordered {audit.disordered}"
        f" double-assigned {audit.double_assigned}"
    )


def _quantiles(q: Quantiles) -> str:
    if q.p50 is None or q.p99 is None:
        return _NO_DATA
    return f"{q.p50:.0f}/{q.p99:.0f}"


class TerminalView:
    """A table that is drawn anew each second, with the last troubles below it."""

    def __init__(self, plan: CityPlan, clock: Clock) -> None:
        self._plan = plan
        self._meter = CoreMeter(clock)
        self._console = Console()
        self._sentence = ""
        self._troubles: list[str] = []
        self._table: RenderableType = Text("")
        self._live = Live(self._whole(), console=self._console, auto_refresh=False)
        self._live.start()

    def say(self, sentence: str) -> None:
        self._sentence = sentence
        self._draw()

    def trouble(self, sentence: str) -> None:
        self._troubles = [*self._troubles, sentence][-_TROUBLE_LINES:]
        self._draw()

    def ready(self) -> None:
        self.say(open_words(self._plan))

    def show(self, summary: Summary | None, supervisor: Supervisor) -> None:
        cores = self._meter.look(supervisor)
        self._table = Group(
            _processes(supervisor, self._meter, cores),
            *([] if summary is None else [_city(summary), _log(summary)]),
        )
        self._draw()

    def close(self) -> None:
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        self._live.update(self._whole(), refresh=True)

    def _whole(self) -> RenderableType:
        troubles = [Text(f"! {sentence}", style="yellow") for sentence in self._troubles]
        return Group(Text(self._sentence, style="bold"), self._table, *troubles)


def _processes(supervisor: Supervisor, meter: CoreMeter, cores: float) -> Table:
    table = Table(title=f"processes: {cores:.2f} cores", title_justify="left", box=None)
    for column in ("process", "pid", "cores", "MB", "restarts"):
        table.add_column(column, justify="left" if column == "process" else "right")
    for name, managed in supervisor.managed.items():
        usage = managed.last_usage
        table.add_row(
            name,
            str(managed.pid or _NO_DATA),
            f"{meter.cores.get(name, 0.0):.2f}",
            f"{usage.rss_mb:.0f}" if usage else _NO_DATA,
            str(managed.policy.restarts or ""),
        )
    return table


def _city(summary: Summary) -> Table:
    table = Table(title="city", title_justify="left", box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    rides, audit = summary.rides, summary.audit
    table.add_row("pings/s", f"{summary.pings_per_second:,.0f}")
    table.add_row("drivers", f"{summary.drivers_seen:,} ({summary.drivers_dark:,} dark)")
    table.add_row(
        "rides", f"{rides.requested} asked · {rides.matched} matched · {rides.completed} done"
    )
    for name, quantiles in summary.ages.items():
        table.add_row(f"age {name} p50/p99 ms", _quantiles(quantiles))
    table.add_row(
        "audit",
        f"{audit.missing} missing · {audit.repeated} repeated · {audit.disordered} disordered"
        f" · {audit.double_assigned} double-assigned",
    )
    return table


def _log(summary: Summary) -> Table:
    table = Table(title="log", title_justify="left", box=None)
    table.add_column("topic")
    table.add_column("records/s", justify="right")
    table.add_column("lag", justify="right")
    for line in summary.topics:
        lag = " ".join(f"{reader} {records:,}" for reader, records in line.lag_records.items())
        table.add_row(line.topic, f"{line.records_per_second:,.0f}", lag)
    return table

"""What `up --report` writes: the figures of a run, and the proof from the log.

`lost`, `duplicated` and `out_of_order` are what Hailstream did to acknowledged pings, against
the simulator's truth; what the simulator injected on purpose stands beside them.
"""

from pathlib import Path

import msgspec

from groundwork.metrics import counts_from_sparse, quantile_ms
from groundwork.real.clocks import SystemClock
from hailstream.processes import CityPlan
from hailstream.supervisor import Supervisor
from rideflow.contracts.operations import Summary
from rideflow.contracts.truth import RESULT_FILE, AgeSamples, SimulationResult
from rideflow.ops.final_audit import AuditReport, audit_run
from streamcore.client import connect
from streamcore.client.api import LogSettings

# Exit status of a run that ended by itself but was not healthy.
REPORT_FAILED = 3


class NoTruth(Exception):
    """The simulator ended without saying what it sent."""


class PingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the pings."""

    sent: int
    acknowledged: int
    refused: int  # by the gateway, by name: what must not be in the log
    in_log: int
    lost: int
    duplicated: int
    out_of_order: int
    wrong_partition: int
    per_second: float  # acknowledged, over the whole run
    injected: dict[str, int]  # what the simulator did wrong on purpose
    injected_in_log: dict[str, int]  # those of them that the log shows
    filtered: dict[str, int]  # what positions did not believe, by reason


class Age(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds since the phone's fix. None: no sample."""

    p50: float | None
    p99: float | None


class RideFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rides."""

    requested: int
    matched: int
    completed: int
    double_assigned: int


class EtaFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How good the predictions were."""

    scored: int
    mae_s: float | None
    p90_coverage: float | None


class ProcessFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a process cost over the run."""

    cpu_s: float  # since the city began
    start_cpu_s: float  # before: imports, the road network, joining groups
    rss_mb_max: float
    restarts: int


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was run."""

    drivers: int
    pings_per_second: int
    riders: int
    seed: int
    engine: str
    route_digest: str
    demand_digest: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it, as written to --report."""

    run: RunFigures
    pings: PingFigures
    age_ms: dict[str, Age]
    rides: RideFigures
    eta: EtaFigures
    processes: dict[str, ProcessFigures]
    cores: float  # CPU seconds of all processes / wall seconds
    wall_s: float

    @property
    def healthy(self) -> bool:
        """Nothing acknowledged was harmed and no driver was given to two rides."""
        pings = self.pings
        harmed = pings.lost + pings.duplicated + pings.out_of_order + pings.wrong_partition
        return harmed == 0 and self.rides.double_assigned == 0 and pings.acknowledged > 0

    def in_words(self) -> str:
        pings, rides = self.pings, self.rides
        ages = ", ".join(f"{name} {_words(age)}" for name, age in self.age_ms.items())
        return "\n".join(
            (
                f"{'healthy' if self.healthy else 'NOT HEALTHY'}: {pings.acknowledged:,} pings"
                f" acknowledged ({pings.per_second:,.0f}/s), {pings.in_log:,} in the log,"
                f" lost {pings.lost}, duplicated {pings.duplicated},"
                f" out of order {pings.out_of_order}",
                f"rides: {rides.requested} asked, {rides.matched} matched,"
                f" {rides.completed} completed, double-assigned {rides.double_assigned}",
                f"age p50/p99 ms: {ages}",
                f"{self.cores:.2f} cores over {self.wall_s:.0f} s",
            )
        )


def _words(age: Age) -> str:
    return "no sample" if age.p50 is None or age.p99 is None else f"{age.p50:.0f}/{age.p99:.0f}"


async def make_report(
    plan: CityPlan, supervisor: Supervisor, summary: Summary | None, *, started_ms: int
) -> Report:
    """Read the truth and the log; call it while the broker still runs. Raises `NoTruth`.

    `started_ms`: when the run began; what the log holds from before belongs to earlier runs.
    """
    try:
        said = (plan.truth_path / RESULT_FILE).read_bytes()
    except FileNotFoundError:
        raise NoTruth("the simulator left no truth to compare the log with") from None
    result = msgspec.json.decode(said, type=SimulationResult)
    settings = LogSettings(
        bootstrap_servers=plan.bootstrap_servers,
        client_config=plan.client_config,
        client_id="audit",
    )
    log = await connect(settings, SystemClock())
    try:
        audit = await audit_run(log, plan.truth_path, start_ms=started_ms)
    finally:
        await log.close()
    return build_report(plan, result, audit, summary, _processes(supervisor))


def build_report(
    plan: CityPlan,
    result: SimulationResult,
    audit: AuditReport,
    summary: Summary | None,
    processes: dict[str, ProcessFigures],
) -> Report:
    """Pure: the figures from what each witness said."""
    return Report(
        run=RunFigures(
            drivers=plan.drivers,
            pings_per_second=plan.pings_per_second,
            riders=plan.riders,
            seed=plan.seed,
            engine=plan.engine,
            route_digest=result.route_digest,
            demand_digest=result.demand_digest,
        ),
        pings=PingFigures(
            sent=result.pings_sent,
            acknowledged=result.pings_acknowledged,
            refused=result.pings_refused,
            in_log=audit.in_log,
            lost=audit.lost,
            duplicated=audit.duplicated,
            out_of_order=audit.out_of_order,
            wrong_partition=audit.wrong_partition,
            per_second=result.pings_acknowledged / max(result.wall_s, 1e-9),
            injected=audit.injected,
            injected_in_log=audit.injected_in_log,
            filtered=summary.filtered if summary else {},
        ),
        age_ms=_ages(result, summary),
        rides=RideFigures(
            requested=summary.rides.requested if summary else result.rides_asked,
            matched=summary.rides.matched if summary else result.rides_matched,
            completed=summary.rides.completed if summary else result.rides_completed,
            double_assigned=audit.double_assigned,
        ),
        eta=EtaFigures(
            scored=summary.eta.scored if summary else 0,
            mae_s=summary.eta.mae_s if summary else None,
            p90_coverage=summary.eta.p90_coverage if summary else None,
        ),
        processes=processes,
        cores=sum(figures.cpu_s for figures in processes.values()) / max(result.wall_s, 1e-9),
        wall_s=result.wall_s,
    )


def _ages(result: SimulationResult, summary: Summary | None) -> dict[str, Age]:
    ages = {}
    for name in ("gateway", "log", "position"):
        quantiles = summary.ages.get(name) if summary else None
        ages[name] = Age(
            p50=quantiles.run_p50 if quantiles else None,
            p99=quantiles.run_p99 if quantiles else None,
        )
    ages["rider_matched"] = _measured(result.age_rider_matched)
    ages["rider_area"] = _measured(result.age_rider_area)
    return ages


def _measured(samples: AgeSamples) -> Age:
    counts = counts_from_sparse(samples.counts)
    return Age(p50=quantile_ms(counts, 0.5), p99=quantile_ms(counts, 0.99))


def _processes(supervisor: Supervisor) -> dict[str, ProcessFigures]:
    return {
        name: ProcessFigures(
            cpu_s=round(managed.cpu_s - managed.cpu_s_to_start, 2),
            start_cpu_s=round(managed.cpu_s_to_start, 2),
            rss_mb_max=round(managed.rss_mb_max, 1),
            restarts=managed.policy.restarts,
        )
        for name, managed in supervisor.managed.items()
    }


def write_report(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")

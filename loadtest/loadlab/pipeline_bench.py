"""The whole way of the data at several rates: `hailstream up` once a rate, as a table.

Figures come from each run's own report: CPU from the kernel's account of each process, ages
from the riders' sockets, losses from the log. Nothing else should run beside it.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

_COLUMNS = ("simulate", "gateway", "broker", "positions", "eta", "matching", "fanout", "ops")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run. `status` 0: it ended healthy."""

    rate: int
    status: int
    report: dict[str, Any] | None
    words: str  # the last of what it said


def run_rate(rate: int, *, seconds: int, riders: int, engine: str) -> Row:
    """Run a city of `rate` drivers that send one ping a second each."""
    with tempfile.TemporaryDirectory(prefix="hailstream-bench-") as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "hailstream", "up", "--drivers", str(rate)),
            *("--pings-per-second", str(rate), "--riders", str(riders), "--engine", engine),
            *("--duration", str(seconds), "--report", str(report)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = json.loads(report.read_text()) if report.exists() else None
        said = (done.stdout + done.stderr).strip().splitlines()
        return Row(rate=rate, status=done.returncode, report=found, words="\n".join(said[-8:]))


def as_markdown(rows: Sequence[Row]) -> str:
    """The table of the README: cores per process, ages in milliseconds, harms."""
    head = (
        "| asked/s | acknowledged/s | "
        + " | ".join(_COLUMNS)
        + " | all cores | matched p50/p99 | area p50/p99 | lost / doubled / disordered |"
    )
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *map(_line, rows)])


def _line(row: Row) -> str:
    if row.report is None:
        return f"| {row.rate:,} | ended with status {row.status}: no report |"
    report, pings = row.report, row.report["pings"]
    wall_s = report["wall_s"]
    cores = " | ".join(f"{report['processes'][name]['cpu_s'] / wall_s:.2f}" for name in _COLUMNS)
    ages = " | ".join(_age(report["age_ms"][name]) for name in ("rider_matched", "rider_area"))
    return (
        f"| {row.rate:,} | {pings['per_second']:,.0f} | {cores} | {report['cores']:.2f} | {ages} |"
        f" {pings['lost']} / {pings['duplicated']} / {pings['out_of_order']} |"
    )


def _age(age: dict[str, float | None]) -> str:
    if age["p50"] is None or age["p99"] is None:
        return "no sample"
    return f"{age['p50']:.0f}/{age['p99']:.0f}"


def print_table(rates: Sequence[int], *, seconds: int, riders: int, engine: str) -> None:
    """Run each rate, saying how it goes on standard error, and print the table."""
    rows = []
    for rate in rates:
        typer.echo(f"{rate:,} pings/s for {seconds} s", err=True)
        rows.append(run_rate(rate, seconds=seconds, riders=riders, engine=engine))
        typer.echo(rows[-1].words, err=True)
    typer.echo(as_markdown(rows))

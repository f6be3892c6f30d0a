"""`hailstream doctor`: what is installed, reachable and writable, and what would not work."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from citysim.citypack.source import DEFAULT_NAME, default_source
from groundwork.settings import BadSetting, read_settings_file, resolve
from hailstream.flags import SETTINGS_FILE, is_secret
from hailstream.planning import BROKER_PORT, SCRATCH_DIR, WEB_DIR, CannotStart, valkey_program
from hailstream.services import SERVICES
from rideflow.contracts.ports import ETA_PORT_OFFSET, GATEWAY_PORT

app = typer.Typer()

_PACKAGES = (
    *("numpy", "scipy", "uvloop", "aiohttp", "msgspec", "orjson", "h3", "routingkit-cch"),
    *("crc32c", "cramjam", "confluent-kafka", "redis", "hiredis", "osmium"),
)
_OPTIONAL_PROGRAMS = {
    "chromium": "the end-to-end tests in a browser",
    "kcat": "an interop test with an old librdkafka",
    "java": "the interop tests with Java clients",
    "mvn": "the interop tests with Java clients",
    "node": "building the web pages",
}
_FREE_MIB_WANTED = 2048
_SOCKETS_WANTED = 4096


class Verdict(StrEnum):
    """How a check ended."""

    GOOD = "good"
    MISSING = "missing"  # something optional is not there
    BAD = "bad"  # something will not work


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    words: str


@app.command("doctor")
def doctor(
    settings: Annotated[
        bool, typer.Option(help="Also each setting and where it came from.")
    ] = True,
) -> None:
    """Say what is installed, reachable and writable, and what would not work and why."""
    console = Console()
    findings = [*_python(), *_packages(), *_programs(), *_machine(), *_ports(), *_product()]
    console.print(_findings_table(findings))
    trouble = any(finding.verdict is Verdict.BAD for finding in findings)
    if settings:
        for name in SERVICES:
            trouble |= not _print_settings(console, name)
    sys.exit(1 if trouble else 0)


def _python() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    words = sys.version.split()[0] + ("" if good else ": Hailstream needs 3.11 or later")
    yield Finding(what="python", verdict=Verdict.GOOD if good else Verdict.BAD, words=words)


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(what=name, verdict=Verdict.GOOD, words=version(name))
        except PackageNotFoundError:
            words = "not installed: run `make setup`"
            yield Finding(what=name, verdict=Verdict.BAD, words=words)


def _programs() -> Iterator[Finding]:
    try:
        yield Finding(what="valkey", verdict=Verdict.GOOD, words=valkey_program())
    except CannotStart as error:
        yield Finding(what="valkey", verdict=Verdict.BAD, words=str(error))
    for name, purpose in _OPTIONAL_PROGRAMS.items():
        found = shutil.which(name)
        verdict = Verdict.GOOD if found else Verdict.MISSING
        yield Finding(what=name, verdict=verdict, words=found or f"not found: skips {purpose}")


def _machine() -> Iterator[Finding]:
    import resource

    cores = len(os.sched_getaffinity(0))
    yield Finding(what="cores", verdict=Verdict.GOOD, words=str(cores))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    enough = files >= _SOCKETS_WANTED
    yield Finding(
        what="open files",
        verdict=Verdict.GOOD if enough else Verdict.BAD,
        words=f"{files}" + ("" if enough else f": raise `ulimit -n` to {_SOCKETS_WANTED}"),
    )
    yield _folder(SCRATCH_DIR)


def _folder(folder: Path) -> Finding:
    what = f"data folder {folder}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free_mib = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        return Finding(what=what, verdict=Verdict.BAD, words=str(error))
    enough = free_mib >= _FREE_MIB_WANTED
    words = f"{free_mib:,} MiB free" + ("" if enough else f": fewer than {_FREE_MIB_WANTED:,}")
    return Finding(what=what, verdict=Verdict.GOOD if enough else Verdict.BAD, words=words)


def _ports() -> Iterator[Finding]:
    for port in (*range(GATEWAY_PORT, GATEWAY_PORT + ETA_PORT_OFFSET + 1), BROKER_PORT):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        words = "something listens: `up` needs --port or --broker-port" if taken else "free"
        verdict = Verdict.MISSING if taken else Verdict.GOOD
        yield Finding(what=f"port {port}", verdict=verdict, words=words)


def _product() -> Iterator[Finding]:
    pages = WEB_DIR / "index.html"
    found = {"web pages": pages if pages.is_file() else None, DEFAULT_NAME: default_source(Path())}
    for what, path in found.items():
        verdict = Verdict.GOOD if path else Verdict.BAD
        words = str(path) if path else "not there: run `make setup`"
        yield Finding(what=what, verdict=verdict, words=words)


def _findings_table(findings: list[Finding]) -> Table:
    table = Table(box=None)
    for column in ("what", "verdict", ""):
        table.add_column(column)
    styles = {Verdict.GOOD: "green", Verdict.MISSING: "yellow", Verdict.BAD: "bold red"}
    for finding in findings:
        verdict = f"[{styles[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.what, verdict, finding.words)
    return table


def _print_settings(console: Console, service: str) -> bool:
    """Print the resolved settings of a service; return whether they could be resolved."""
    cls: type[Any] = getattr(import_module(f"rideflow.{service}.main"), SERVICES[service][0])
    try:
        file = read_settings_file(SETTINGS_FILE)
        resolved = resolve(cls, service, flags={}, environment=os.environ, file=file)
    except BadSetting as error:
        console.print(f"[bold red]{service}: {error}[/]")
        return False
    table = Table(title=service, title_justify="left", box=None, show_header=False)
    for field in fields(cls):
        value = getattr(resolved.settings, field.name)
        shown = "(secret)" if is_secret(field.name) and value else repr(value)
        table.add_row(field.name, shown, resolved.sources[field.name])
    console.print(table)
    return True

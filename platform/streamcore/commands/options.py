"""What the commands share: options, tables, and how one of them says that it failed."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, NoReturn

import typer

DEFAULT_BOOTSTRAP_SERVERS: Final = "127.0.0.1:9092"

BootstrapServers = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers",
        envvar="HAILSTREAM_BOOTSTRAP_SERVERS",
        help="HOST:PORT of a broker; several with commas.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value, for programs.")]
Row = Mapping[str, Any]


def fail(why: str) -> NoReturn:
    """End the command with one line on standard error and status 1."""
    sys.stderr.write(f"error: {why}\n")
    raise typer.Exit(1)


def print_rows(rows: Sequence[Row], *, columns: Sequence[str], as_json: bool) -> None:
    """Print rows as a table with `columns`, or as one JSON array with all they hold."""
    if as_json:
        print_json(rows)
        return
    lines = [[name.replace("_", " ").upper() for name in columns]]
    lines += [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print_line("  ".join(cells).rstrip())


def print_json(value: object) -> None:
    print_line(json.dumps(value, indent=2, ensure_ascii=False))


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={item}" for key, item in value.items()) or "-"
    return str(value)


def parse_assignments(texts: Iterable[str], option: str) -> dict[str, str]:
    """Read `key=value` texts. Ends the command at one that is not."""
    parsed = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            fail(f"{option} {text!r} is not key=value")
        parsed[key.strip()] = value.strip()
    return parsed

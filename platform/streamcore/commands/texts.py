"""What the commands read and print as text, and how one of them says that it failed.

Imports no typer: `broker` uses it too, and is ready before typer would be imported.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

Row = Mapping[str, Any]
PORT_MAX = 65_535


def fail(why: str) -> NoReturn:
    """End the command with one line on standard error and status 1."""
    complain(why)
    raise SystemExit(1)


def complain(why: str) -> None:
    """Say on standard error what is wrong, and go on."""
    sys.stderr.write(f"error: {why}\n")


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


def parse_address(text: str, option: str) -> tuple[str, int]:
    """Read HOST:PORT ([HOST]:PORT for IPv6). Ends the command where it is not one."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > PORT_MAX:
        fail(f"{option} {text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)

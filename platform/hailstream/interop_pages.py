"""The tables of docs/PROTOCOL.md that say which client can do what: `make interop` measures them.

`tests/interop/results.json` holds the outcomes of the last full run of the interop suite.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "tests" / "interop" / "results.json"
_MARKS = {"passed": "✓", "failed": "✗", "": "-"}


def interop_tables() -> Iterator[str]:
    """Return the lines of the tables, with the reasons for what is missing beneath each."""
    yield "## What clients can do"
    yield ""
    yield "What the tests in `tests/interop` try with real clients, each in its own language:"
    yield "✓ works, ✗ does not, - is not in the client, for a reason given beneath."
    for table in json.loads(RESULTS.read_text(encoding="utf-8"))["tables"]:
        yield from _table(table)


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    columns: Mapping[str, Any] = table["columns"]
    titles = [column["title"] for column in columns.values()]
    yield ""
    yield f"### {table['title']}"
    yield ""
    yield f"| | {' | '.join(titles)} |"
    yield "|---" * (len(titles) + 1) + "|"
    for feature, words in table["features"].items():
        marks = [_MARKS[column["outcomes"].get(feature, "")] for column in columns.values()]
        yield f"| {words} | {' | '.join(marks)} |"
    reasons = [line for column in columns.values() for line in _reasons(table, column)]
    excluded = [f"- `{part}` is not run: {why}" for part, why in table["excluded"].items()]
    if reasons or excluded:
        yield ""
        yield from [*reasons, *excluded]


def _reasons(table: Mapping[str, Any], column: Mapping[str, Any]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for feature, why in column["lacks"].items():
        by_reason.setdefault(why, []).append(table["features"][feature])
    for why, features in by_reason.items():
        yield f"- {column['title']}: {why} ({'; '.join(features)})"

"""The outcomes of the last full run: what the page is made from, and what every run is held to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.interop.matrix import TABLES, Table
from tests.support.clients.programs import version_of

RESULTS = Path(__file__).with_name("results.json")
Outcomes = Mapping[str, Mapping[str, str]]  # by client, by feature: "passed" or "failed"


def recorded(path: Path = RESULTS) -> Outcomes:
    """Return what the file says."""
    told: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["tables"]
    return {name: kind["outcomes"] for table in told for name, kind in table["columns"].items()}


def objection(client: str, feature: str, outcome: str, known: Outcomes) -> str | None:
    """Say how an outcome differs from what is recorded, if it does."""
    expected = known.get(client, {}).get(feature, "not there")
    if outcome == expected:
        return None
    return f"{client} x {feature} {outcome}; results.json has it as {expected}: `make interop`"


def as_text(outcomes: Outcomes) -> str:
    """Return the file that holds these outcomes."""
    tables = [_table(table, outcomes) for table in TABLES]
    return json.dumps({"tables": tables}, indent=2, ensure_ascii=False) + "\n"


def _table(table: Table, outcomes: Outcomes) -> dict[str, Any]:
    columns = {
        name: {
            "title": f"{kind.title} {version_of(name)}".strip(),
            "outcomes": _in_order(outcomes.get(name, {}), table.features),
            "lacks": _in_order(kind.lacks, table.features),
        }
        for name, kind in table.kinds.items()
    }
    return {
        "title": table.title,
        "features": dict(table.features),
        "columns": columns,
        "excluded": dict(table.excluded),
    }


def _in_order(values: Mapping[str, str], features: Mapping[str, str]) -> dict[str, str]:
    return {feature: values[feature] for feature in features if feature in values}

"""The pages of docs/ that are made from the code: `make docs` writes them, a test compares them.

PROTOCOL and NOT_SUPPORTED come from the broker's handlers, SETTINGS from the settings classes,
METRICS from the registries: what is said there cannot drift from what runs.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from groundwork.metrics import MetricSpec
from groundwork.settings import field_help
from hailstream.flags import is_secret
from hailstream.interop_pages import interop_tables
from hailstream.services import SERVICES
from rideflow.contracts import metrics
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Handler
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topic_config_table import DEFINITIONS

DOCS = Path(__file__).parents[2] / "docs"
_MADE = "<!-- made by `make docs`; edit the code instead -->"
_NOT_DONE = "Not done:"


def protocol_page() -> str:
    """Every API that the broker lists, with its versions and what it follows."""
    rows = [
        f"| {int(h.api_key)} | {h.name} | {h.min_version}-{h.max_version} |"
        f" {_flexible(h)} | {_words(h)[0]} |"
        for h in REGISTRY.handlers
    ]
    return "\n".join(
        (
            "# The Kafka protocol, as the broker speaks it",
            "",
            _MADE,
            "",
            "What is listed here is what the broker's ApiVersions answers, and each version of it",
            "is whole. What an API does not do is in [NOT_SUPPORTED](NOT_SUPPORTED.md).",
            "",
            "| key | API | versions | flexible from | what it does |",
            "|---|---|---|---|---|",
            *rows,
            "",
            *interop_tables(),
            "",
        )
    )


def not_supported_page() -> str:
    """What each listed API leaves out, and the APIs that are not listed."""
    rows = [f"- **{h.name}**: {_words(h)[1]}" for h in REGISTRY.handlers if _words(h)[1]]
    listed = {h.name for h in REGISTRY.handlers}
    missing = [f"- {name}: {why}" for name, why in _UNLISTED.items() if name not in listed]
    inert = [f"- `{d.name}`: {d.inert}" for d in DEFINITIONS.values() if d.inert]
    return "\n".join(
        (
            "# What is not supported",
            "",
            _MADE,
            "",
            "## Within the APIs that are listed",
            "",
            *rows,
            "",
            "## APIs that are not listed",
            "",
            "A client that asks for one of these is told so by ApiVersions and goes without it.",
            "",
            *missing,
            "",
            "## Topic settings that can only have their default",
            "",
            "They could have no effect: another value is refused, so that nobody believes in it.",
            "",
            *inert,
            "",
        )
    )


# What users of Apache Kafka would look for first.
_UNLISTED = {
    "ConsumerGroupHeartbeat": "the group protocol of KIP-848: every client takes the classic one",
    "CreateAcls": "access control lists (30, 31): the broker has no authorizer",
    "CreateDelegationToken": "delegation tokens (38-41)",
    "ShareFetch": "share groups (KIP-932)",
    "GetTelemetrySubscriptions": "client telemetry (KIP-714): clients stay quiet without it",
}


def settings_page() -> str:
    """Every setting with its default, by section."""
    lines = [
        "# Settings",
        "",
        _MADE,
        "",
        "Defaults < `hailstream.toml` < environment < flags. Field `tick_ms` of section `gateway`",
        "is `[gateway] tick_ms` in the file, `HAILSTREAM_GATEWAY_TICK_MS` (or, for every section",
        "that has it, `HAILSTREAM_TICK_MS`) in the environment and `--tick-ms` on the command",
        "line. Secrets have no flag. The broker takes `-X key=value`, in Kafka's dotted form too.",
        "`hailstream doctor` prints what was resolved and where each value came from.",
    ]
    sections = {name: _settings_class(name) for name in SERVICES} | {"broker": BrokerSettings}
    for section, cls in sections.items():
        lines += ["", f"## {section}", "", "| setting | default | meaning |", "|---|---|---|"]
        lines += list(_settings_rows(cls))
    return "\n".join([*lines, ""])


def metrics_page() -> str:
    """Every metric with its help, by service."""
    lines = [
        "# Metrics",
        "",
        _MADE,
        "",
        "In Prometheus' text format at ops' `/metrics`, prefixed with `hailstream_`. Ages are",
        "milliseconds; they count from the phone's fix unless the text says otherwise.",
    ]
    for name in SERVICES:
        specs: tuple[MetricSpec, ...] = getattr(metrics, f"{name.upper()}_METRICS")
        lines += ["", f"## {name}", "", "| metric | kind | meaning |", "|---|---|---|"]
        lines += [f"| `{spec.name}` | {spec.kind} | {spec.help} |" for spec in specs]
    return "\n".join([*lines, ""])


PAGES: dict[str, Callable[[], str]] = {
    "PROTOCOL.md": protocol_page,
    "NOT_SUPPORTED.md": not_supported_page,
    "SETTINGS.md": settings_page,
    "METRICS.md": metrics_page,
}


def _flexible(handler: Handler) -> str:
    return "-" if handler.flexible_from is None else str(handler.flexible_from)


def _words(handler: Handler) -> tuple[str, str]:
    """What the handler's module says of it: what it does, and what it does not."""
    text = " ".join((sys.modules[handler.answer.__module__].__doc__ or "").split())
    does, _, lacks = text.partition(_NOT_DONE)
    # The title repeats name, key and versions, which have columns of their own.
    does = re.sub(r"^\S+ \(key \d+\),? *(versions? \d+( to \d+)?)?[,:.]? *", "", does)
    return does.strip().replace("|", "\\|"), lacks.strip()


def _settings_class(service: str) -> type[Any]:
    cls: type[Any] = getattr(import_module(f"rideflow.{service}.main"), SERVICES[service][0])
    return cls


def _settings_rows(cls: type[Any]) -> Iterator[str]:
    helps = field_help(cls)
    for field in fields(cls):
        default = "" if field.default is MISSING else f"`{field.default}`"
        text = helps.get(field.name, "") + (" (secret)" if is_secret(field.name) else "")
        yield f"| `{field.name}` | {default} | {text} |"


if __name__ == "__main__":
    for page, make in PAGES.items():
        (DOCS / page).write_text(make(), encoding="utf-8")
        print(f"wrote docs/{page}")  # noqa: T201  # a command for people

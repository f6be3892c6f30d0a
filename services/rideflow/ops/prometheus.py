"""Prometheus' text format of what all processes say in service.vitals, labelled by process."""

from collections.abc import Iterable, Sequence

from groundwork.metrics import MetricSpec, counts_from_sparse, summary_lines
from rideflow.contracts.vitals import Vitals

_OWN = (
    MetricSpec(name="process_cpu_seconds_total", kind="counter", help="user and system time"),
    MetricSpec(name="process_rss_megabytes", kind="gauge", help="resident memory"),
    MetricSpec(name="process_started_ms", kind="gauge", help="unix time at which it started"),
)


def prometheus_text(vitals: Sequence[Vitals], specs: Iterable[MetricSpec]) -> str:
    """Text format 0.0.4. Metrics that were not declared in `specs` are left out."""
    lines: list[str] = []
    for spec in {spec.name: spec for spec in (*_OWN, *specs)}.values():
        samples = [line for process in vitals for line in _samples(process, spec)]
        if samples:
            kind = "summary" if spec.kind == "histogram" else spec.kind
            name = metric_name(spec.name)
            lines += [f"# HELP {name} {spec.help}", f"# TYPE {name} {kind}", *samples]
    return "\n".join(lines) + "\n"


def metric_name(name: str) -> str:
    """The name as Prometheus allows it: topics' names have dots."""
    return "hailstream_" + name.replace(".", "_")


def _samples(vitals: Vitals, spec: MetricSpec) -> list[str]:
    labels = f'service="{vitals.service}",instance="{vitals.instance}",'
    if spec.kind == "histogram":
        sparse = vitals.histograms.get(spec.name)
        if sparse is None:
            return []
        return summary_lines(metric_name(spec.name), labels, counts_from_sparse(sparse))
    value = _values(vitals).get(spec.name)
    if value is None:
        return []
    return [f"{metric_name(spec.name)}{{{labels.rstrip(',')}}} {value:.15g}"]


def _values(vitals: Vitals) -> dict[str, float]:
    return {
        **vitals.counters,
        **vitals.gauges,
        "process_cpu_seconds_total": vitals.cpu_s,
        "process_rss_megabytes": vitals.rss_mb,
        "process_started_ms": float(vitals.started_ms),
    }

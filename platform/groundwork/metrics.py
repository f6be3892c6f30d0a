"""Counters, gauges and histograms, from a registry of declared names.

A metric is declared once with its help text; using another name is an error, so the page in
docs/ can be checked against the code. Histograms count whole milliseconds, 0 to 8190 exactly,
and everything longer in the last bucket: percentiles are exact to 1 ms, and 30,000 values
a second cost one `numpy.bincount`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUCKETS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """A metric as declared: `kind` is counter, gauge or histogram."""

    name: str
    kind: str
    help: str


class Counter:
    """Only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float = 1) -> None:
        self.value += amount


class Gauge:
    """The value now."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        self.value = float(value)  # a bool would reach the wire as true, which is no number


class Histogram:
    """How often each whole number of milliseconds was seen."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(BUCKETS, np.int64)

    def observe(self, ms: float) -> None:
        self.counts[min(BUCKETS - 1, max(0, int(ms)))] += 1

    def observe_many(self, ms: NDArray[Any]) -> None:
        if len(ms):
            buckets = np.clip(ms, 0, BUCKETS - 1).astype(np.int64, copy=False)
            self.counts += np.bincount(buckets, minlength=BUCKETS)

    def sparse(self) -> dict[str, int]:
        """Buckets that are not empty: {milliseconds as text: count}."""
        seen = np.flatnonzero(self.counts)
        return dict(zip(map(str, seen.tolist()), self.counts[seen].tolist(), strict=True))


def quantile_ms(counts: NDArray[np.int64], fraction: float) -> float | None:
    """The millisecond below or at which `fraction` of the samples lie; None without samples."""
    total = int(counts.sum())
    if total == 0:
        return None
    rank = max(1, int(np.ceil(fraction * total)))
    return float(np.searchsorted(np.cumsum(counts), rank))


def counts_from_sparse(sparse: Mapping[str, int]) -> NDArray[np.int64]:
    """The reverse of `Histogram.sparse`."""
    counts = np.zeros(BUCKETS, np.int64)
    for bucket, count in sparse.items():
        counts[min(BUCKETS - 1, max(0, int(bucket)))] += count
    return counts


class Registry:
    """The metrics of one process. Raises `KeyError` for a name that was not declared."""

    def __init__(self, specs: Sequence[MetricSpec]) -> None:
        assert len({spec.name for spec in specs}) == len(specs), "a metric is declared twice"
        self._specs = {spec.name: spec for spec in specs}
        self._counters = {s.name: Counter() for s in specs if s.kind == "counter"}
        self._gauges = {s.name: Gauge() for s in specs if s.kind == "gauge"}
        self._histograms = {s.name: Histogram() for s in specs if s.kind == "histogram"}

    def counter(self, name: str) -> Counter:
        return self._counters[name]

    def gauge(self, name: str) -> Gauge:
        return self._gauges[name]

    def histogram(self, name: str) -> Histogram:
        return self._histograms[name]

    def counters(self) -> dict[str, float]:
        return {name: counter.value for name, counter in self._counters.items()}

    def gauges(self) -> dict[str, float]:
        return {name: gauge.value for name, gauge in self._gauges.items()}

    def histograms(self) -> dict[str, dict[str, int]]:
        return {name: histogram.sparse() for name, histogram in self._histograms.items()}

    def prometheus_text(self) -> str:
        """All metrics in Prometheus' text format 0.0.4, names prefixed with `hailstream_`."""
        lines: list[str] = []
        for name, spec in self._specs.items():
            kind = "summary" if spec.kind == "histogram" else spec.kind
            lines += [f"# HELP hailstream_{name} {spec.help}", f"# TYPE hailstream_{name} {kind}"]
            lines += self._samples(name, spec.kind)
        return "\n".join(lines) + "\n"

    def _samples(self, name: str, kind: str) -> list[str]:
        if kind == "counter":
            return [f"hailstream_{name} {self._counters[name].value:.15g}"]
        if kind == "gauge":
            return [f"hailstream_{name} {self._gauges[name].value:.15g}"]
        return summary_lines(f"hailstream_{name}", "", self._histograms[name].counts)


def summary_lines(name: str, labels: str, counts: NDArray[np.int64]) -> list[str]:
    """A histogram of milliseconds as a Prometheus summary. `labels` is `a="b",` or empty."""
    lines = []
    for fraction in (0.5, 0.9, 0.99):
        value = quantile_ms(counts, fraction)
        shown = "NaN" if value is None else f"{value:g}"
        lines.append(f'{name}{{{labels}quantile="{fraction}"}} {shown}')
    plain = f"{{{labels.rstrip(',')}}}" if labels else ""
    total = int((counts * np.arange(BUCKETS)).sum())
    return [*lines, f"{name}_sum{plain} {total}", f"{name}_count{plain} {int(counts.sum())}"]

"""The metrics of every service, declared once with what they mean. docs/METRICS.md is made of it.

Names end in their unit; `_total` is a counter. `age_*_ms` count from the phone's fix unless
their help says otherwise.
"""

from typing import Final

from groundwork.metrics import MetricSpec


def _counter(name: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, kind="counter", help=meaning)


def _gauge(name: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, kind="gauge", help=meaning)


def _histogram(name: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, kind="histogram", help=meaning)


GATEWAY_METRICS: Final[tuple[MetricSpec, ...]] = (
    _counter("gateway_pings_total", "pings acknowledged by the log"),
)

POSITIONS_METRICS: Final[tuple[MetricSpec, ...]] = (
    _histogram("age_gateway_ms", "fix to receipt by the gateway, of live pings"),
    _histogram("age_log_ms", "fix to read from the log by positions, of live pings"),
    _histogram("age_position_ms", "fix to position frame produced"),
)

ETA_METRICS: Final[tuple[MetricSpec, ...]] = ()

MATCHING_METRICS: Final[tuple[MetricSpec, ...]] = ()

FANOUT_METRICS: Final[tuple[MetricSpec, ...]] = (
    _histogram("age_rider_matched_ms", "fix to send of a matched driver's place to its rider"),
    _histogram("age_rider_area_ms", "fix to send of a car's place to a watcher of its area"),
)

OPS_METRICS: Final[tuple[MetricSpec, ...]] = ()

"""service.vitals: each process says once a second how it is. Key: `service/instance`.

Counters and histograms are cumulative since the process started, so a reader that missed
some records loses resolution, never events; a smaller `started_ms` never follows a larger one.
"""

import msgspec


class Vitals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process at one moment."""

    service: str
    instance: int
    pid: int
    at_ms: int
    started_ms: int
    cpu_s: float  # user + system since start
    rss_mb: float
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}
    # name -> {lower bound of the bucket as a string: count}; see groundwork.metrics
    histograms: dict[str, dict[str, int]] = {}

"""What the operator page, the landing page and `hailstream up` read from ops.

`GET /v1/summary` answers `Summary`, to anybody. The rest shows drivers and rides and needs an
operator's token in `Authorization: Bearer`. `WS /v1/ops/live` begins with `push.WatchHello` and
its token, as JSON text; it then sends a `Summary` as JSON text once a second and CITY frames
(contracts.push) of the drivers that changed twice a second, beginning with a snapshot of all.
CITY frames name a driver by its id where that is below 2^31, and by 2^31 + id % 2^31 elsewhere;
`GET /v1/drivers/{id}` takes either.
"""

import msgspec

from rideflow.contracts.rides import DispatchDecision, RideEta, RideFact


class Quantiles(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds over the last 10 s and since the start. None: no sample, not zero."""

    p50: float | None
    p99: float | None
    run_p50: float | None
    run_p99: float | None
    samples: int  # since the start


class AuditState(msgspec.Struct, frozen=True, kw_only=True):
    """What the log proves so far. `missing` may still arrive on the backlog lane."""

    pings_checked: int
    missing: int  # sequence numbers skipped and not yet seen
    repeated: int  # sequence numbers seen twice
    disordered: int  # smaller after larger within one partition
    double_assigned: int
    rides_checked: int
    checked_until_ms: int  # log time up to which this holds


class TopicLine(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: rate and the lag of its readers."""

    topic: str
    partitions: int
    records_per_second: float
    end_offsets: list[int]
    lag_records: dict[str, int]  # reader -> records behind


class ProcessLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process, from service.vitals. `age_ms`: since it was last heard."""

    service: str
    instance: int
    pid: int
    cpu_cores: float
    rss_mb: float
    started_ms: int
    restarts: int
    age_ms: int


class RidesLine(msgspec.Struct, frozen=True, kw_only=True):
    """Rides by state, and how quickly they were matched."""

    by_state: dict[str, int]
    requested: int
    matched: int
    completed: int
    cancelled: int
    unmatched: int
    match_p50_s: float | None
    match_p90_s: float | None


class EtaScore(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions against what happened."""

    scored: int
    mae_s: float | None
    p90_coverage: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The city at one moment."""

    at_ms: int
    pings_per_second: float
    pings_in_log: int
    drivers_seen: int
    drivers_by_state: dict[str, int]
    drivers_dark: int
    ages: dict[str, Quantiles]  # gateway, log, position, rider_matched, rider_area (fan-out's send)
    rides: RidesLine
    eta: EtaScore
    audit: AuditState
    filtered: dict[str, int]  # reason -> pings that positions did not believe
    topics: list[TopicLine]
    processes: list[ProcessLine]


class RideStory(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/rides/{id}: all that the log says of a ride."""

    facts: list[RideFact]
    decisions: list[DispatchDecision]
    etas: list[RideEta]


class RidesReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/rides?state=&limit= : newest news first."""

    rides: list[RideFact]


class TrailPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a driver was."""

    fix_ms: int
    lat: float
    lon: float


class DriverReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/drivers/{id}. `id` is a driver's, or the number of its car in CITY frames."""

    driver: int
    car: int
    state: str  # pings.DriverState in lower case
    lat: float
    lon: float
    speed_m_s: float
    bearing: float
    accuracy_m: float
    sequence: int
    trust: int  # 0 believed .. 255 certainly false
    flags: int  # positions.PositionFlag
    fix_ms: int
    age_ms: int
    trail: list[TrailPoint]  # the newest fixes, oldest first


class DriversReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/drivers?search=DIGITS : ids that begin with them, lowest first."""

    drivers: list[int]


class ProcessesReply(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/processes."""

    processes: list[ProcessLine]

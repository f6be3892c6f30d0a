"""The metrics of every service, declared once with what they mean. docs/METRICS.md is made of it.

Names end in their unit; `_total` is a counter. `age_*_ms` count from the phone's fix unless
their help says otherwise.
"""

from typing import Final

from groundwork.metrics import MetricSpec
from rideflow.contracts.rides import RideEvent


def _counter(name: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, kind="counter", help=meaning)


def _gauge(name: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, kind="gauge", help=meaning)


def _histogram(name: str, meaning: str) -> MetricSpec:
    return MetricSpec(name=name, kind="histogram", help=meaning)


GATEWAY_METRICS: Final[tuple[MetricSpec, ...]] = (
    _counter("gateway_pings_total", "pings acknowledged by the log"),
    _counter("gateway_frames_total", "frames taken from sockets and posts"),
    _counter("gateway_pings_refused_total", "pings refused by name"),
    _counter("gateway_dead_letters_dropped_total", "refusals that dead.letters had no room for"),
    _counter("gateway_sockets_slow_total", "sockets cut off because they did not read"),
    _counter("gateway_sockets_fenced_total", "sockets replaced by a newer one of the same driver"),
    _counter("gateway_commands_total", "ride commands written"),
    _gauge("gateway_sockets", "sockets of phones and fleets open now"),
    _gauge("gateway_pending_bytes", "bytes of frames that wait for the log"),
    _gauge("lag_ride.events", "records of ride.events that the gateway's view is behind"),
)

POSITIONS_METRICS: Final[tuple[MetricSpec, ...]] = (
    _gauge("lag_driver.pings", "records of driver.pings that positions is behind"),
    _gauge("lag_driver.backlog", "records of driver.backlog that positions is behind"),
    _histogram("age_gateway_ms", "fix to receipt by the gateway, of live pings"),
    _histogram("age_log_ms", "fix to read from the log by positions, of live pings"),
    _histogram("age_position_ms", "fix to position frame produced"),
    _counter("positions_pings_total", "live pings judged"),
    _counter("positions_sent_total", "positions sent in frames"),
    _counter("positions_dark_total", "drivers told dark"),
    _counter("filtered_repeat_total", "pings seen before, by sequence"),
    _counter("filtered_late_total", "pings behind what was known already"),
    _counter("filtered_future_total", "pings whose fix was ahead of its receipt"),
    _counter("filtered_ancient_total", "live pings whose fix was over a minute old"),
    _counter("filtered_leap_total", "pings at an impossible distance"),
    _counter("filtered_odd_total", "records of driver.pings that were no PING"),
    _counter("backlog_pings_total", "pings read from the backlog lane"),
    _gauge("positions_drivers", "drivers known"),
)

ETA_METRICS: Final[tuple[MetricSpec, ...]] = (
    _counter("eta_requests_total", "questions answered over HTTP"),
    _counter("eta_questions_refused_total", "questions that could not be read or have no road"),
    _counter("eta_speed_samples_total", "pings that went into the speeds of roads"),
    _counter("eta_speeds_published_total", "road segments written to traffic.speeds"),
    _counter("eta_predictions_total", "predictions written to ride.etas"),
    _counter("eta_scored_total", "predictions held against what happened"),
    _counter("eta_frames_corrupt_total", "position frames that could not be read"),
    _counter("eta_records_bad_total", "ride facts that could not be read"),
    _histogram("eta_nearby_ms", "time to answer for the nearest drivers"),
    _gauge("eta_edges_seen", "directed road edges with a speed of their own"),
    _gauge("eta_drivers", "drivers in the view"),
    _gauge("lag_driver.positions", "records of driver.positions that the view is behind"),
    _gauge("lag_ride.events", "records of ride.events that the predictions are behind"),
)

MATCHING_METRICS: Final[tuple[MetricSpec, ...]] = (
    *(_counter(f"matching_{event}_total", f"facts of this event: {event}") for event in RideEvent),
    _counter("matching_refused_asked_before_total", "requests made before"),
    _counter("matching_refused_unknown_ride_total", "commands about a ride not under way"),
    _counter("matching_refused_not_now_total", "commands that the ride's state has no step for"),
    _counter("matching_refused_other_driver_total", "commands of a driver about another's ride"),
    _counter("matching_refused_other_offer_total", "answers to an offer that was replaced"),
    _counter("matching_refused_too_late_total", "accepts behind the offer's deadline"),
    _counter("matching_refused_incomplete_total", "commands that lack a field"),
    _counter("matching_refused_full_total", "requests beyond the rides that may be under way"),
    _counter("matching_records_bad_total", "commands and speeds that could not be read"),
    _counter("matching_frames_corrupt_total", "position frames that could not be read"),
    _counter("matching_reservations_lost_total", "drivers found reserved by another matcher"),
    _histogram("matching_window_ms", "time to choose candidates and pair them, per window"),
    _gauge("matching_reservations_away", "1 while Redis cannot be reached and nobody is asked"),
    _gauge("matching_rides_requested", "rides that wait for a driver"),
    _gauge("matching_rides_active", "rides under way"),
    _gauge("matching_drivers_open", "drivers who could be asked in the last window"),
    _gauge("lag_driver.positions", "records of driver.positions that the view is behind"),
    _gauge("lag_traffic.speeds", "records of traffic.speeds that the travel times are behind"),
)

FANOUT_METRICS: Final[tuple[MetricSpec, ...]] = (
    _histogram("age_rider_matched_ms", "fix to send of a matched driver's place to its rider"),
    _histogram("age_rider_area_ms", "fix to send of a car's place to a watcher of its area"),
    _counter("fanout_positions_total", "positions read from the log"),
    _counter("fanout_frames_corrupt_total", "position frames that could not be read"),
    _counter("fanout_records_bad_total", "ride facts and ETAs that could not be read"),
    _counter("fanout_skipped_total", "places that newer ones replaced for slow watchers"),
    _counter("fanout_sessions_slow_total", "watchers cut off because they did not read"),
    _gauge("fanout_sessions", "watchers connected now"),
    _gauge("fanout_areas", "different areas watched now"),
    _gauge("fanout_drivers", "drivers in the view"),
    _gauge("lag_driver.positions", "records of driver.positions that the view is behind"),
    _gauge("lag_ride.events", "records of ride.events that the ride lane is behind"),
    _gauge("lag_ride.etas", "records of ride.etas that the ride lane is behind"),
)

OPS_METRICS: Final[tuple[MetricSpec, ...]] = (
    _counter("ops_pings_checked_total", "pings that the audit has seen"),
    _counter("ops_records_bad_total", "records of the control plane that could not be read"),
    _gauge("ops_live_viewers", "operator pages connected now"),
    _gauge("lag_ride.events", "records of ride.events that the books are behind"),
    _gauge("lag_dispatch.decisions", "records of dispatch.decisions that the books are behind"),
    _gauge("lag_ride.etas", "records of ride.etas that the books are behind"),
    _gauge("lag_driver.pings", "records of driver.pings that the audit is behind"),
    _gauge("lag_driver.backlog", "records of driver.backlog that the audit is behind"),
    _gauge("lag_driver.positions", "records of driver.positions that the map is behind"),
)

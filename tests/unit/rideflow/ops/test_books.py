"""What operators read: processes, ages, topics, rides, drivers, scores."""

import numpy as np
import pytest

from groundwork.metrics import Histogram, MetricSpec
from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.ids import RideId
from rideflow.contracts.pings import DriverState
from rideflow.contracts.push import PushKind
from rideflow.contracts.rides import EtaKind, RideEta, RideState
from rideflow.contracts.vitals import Vitals
from rideflow.ops.age_book import AgeBook
from rideflow.ops.city_books import CityBooks
from rideflow.ops.driver_book import TRAIL_FIXES, DriverBook
from rideflow.ops.eta_score import EtaScorer
from rideflow.ops.process_book import GONE_MS, ProcessBook
from rideflow.ops.prometheus import prometheus_text
from rideflow.ops.ride_book import KEPT_MS, RideBook
from rideflow.ops.topic_book import Ends, TopicBook
from streamcore.client.api import Offset, PartitionId, TopicName
from tests.support.watching import position_frame, ride_fact, unpack

NOW_MS = 1_700_000_000_000


def _vitals(at_s: int, *, started_s: int = 0, **more: object) -> Vitals:
    defaults: dict[str, object] = {"service": "fanout", "instance": 0, "pid": 7, "rss_mb": 50.0}
    times = {"at_ms": NOW_MS + 1000 * at_s, "started_ms": NOW_MS + 1000 * started_s}
    return Vitals(**{**defaults, **times, "cpu_s": 0.0, **more})  # type: ignore[arg-type]  # built by name


def _histogram(*values_ms: int) -> dict[str, dict[str, int]]:
    histogram = Histogram()
    histogram.observe_many(np.array(values_ms))
    return {"age_rider_area_ms": histogram.sparse()}


def test_cores_come_from_cpu_seconds_between_two_vitals() -> None:
    book = ProcessBook()
    book.take(_vitals(1, cpu_s=1.0))
    book.take(_vitals(3, cpu_s=1.5))
    (line,) = book.lines(NOW_MS + 3_000)
    assert (line.cpu_cores, line.restarts, line.age_ms) == (0.25, 0, 0)


def test_a_restart_is_counted_and_its_counters_go_on() -> None:
    book = ProcessBook()
    book.take(_vitals(1, counters={"sent_total": 5.0}))
    book.take(_vitals(9, started_s=8, counters={"sent_total": 2.0}))
    assert book.lines(NOW_MS + 9_000)[0].restarts == 1
    assert book.counters("fanout") == {"sent_total": 7.0}


def test_a_process_that_fell_silent_is_no_longer_shown() -> None:
    book = ProcessBook()
    book.take(_vitals(0))
    assert book.lines(NOW_MS + GONE_MS + 1) == []


def test_ages_tell_the_last_seconds_and_the_run_apart() -> None:
    book = AgeBook()
    for at_s, values in ((0, (900,)), (5, (900, 10, 10)), (20, (900, 10, 10, 20, 20, 20))):
        book.take(_vitals(at_s, histograms=_histogram(*values)))
    area = book.quantiles(NOW_MS + 20_000)["rider_area"]
    assert (area.p50, area.p99) == (20.0, 20.0)
    assert (area.run_p50, area.run_p99, area.samples) == (20.0, 900.0, 6)


def test_ages_of_a_life_before_a_restart_stay_in_the_run() -> None:
    book = AgeBook()
    book.take(_vitals(0, histograms=_histogram(5, 5)))
    book.take(_vitals(9, started_s=8, histograms=_histogram(7)))
    assert book.quantiles(NOW_MS + 9_000)["rider_area"].samples == 3


def test_without_samples_an_age_is_unknown_and_not_zero() -> None:
    gateway = AgeBook().quantiles(NOW_MS)["gateway"]
    assert (gateway.p50, gateway.run_p99, gateway.samples) == (None, None, 0)


def _ends(*offsets: int) -> Ends:
    topic = TopicName("driver.pings")
    return {(topic, PartitionId(n)): Offset(offset) for n, offset in enumerate(offsets)}


def test_rates_come_from_ends_and_lag_from_commits() -> None:
    book = TopicBook()
    book.take_ends(0, _ends(0, 0))
    book.take_committed("positions", _ends(90, 40))
    book.take_ends(2_000, _ends(100, 60))
    (line,) = book.lines({"ops": {"driver.pings": 3.0}})
    assert (line.records_per_second, line.end_offsets) == (80.0, [100, 60])
    assert line.lag_records == {"ops": 3, "positions": 30}


def test_a_ride_has_its_story_and_the_line_counts_it() -> None:
    book = RideBook()
    book.take_fact(ride_fact(1, RideState.REQUESTED, at_ms=NOW_MS))
    book.take_fact(ride_fact(2, RideState.EN_ROUTE, at_ms=NOW_MS + 3_000, driver=5))
    book.take_fact(ride_fact(2, RideState.EN_ROUTE, at_ms=NOW_MS + 3_000, driver=5))
    line = book.line()
    assert (line.requested, line.matched, line.match_p50_s) == (1, 1, 3.0)
    assert line.by_state == {"en_route": 1}
    story = book.story(RideId("r1"))
    assert story is not None
    assert [fact.number for fact in story.facts] == [1, 2]
    assert book.story(RideId("r2")) is None


def test_rides_are_listed_by_state_newest_first() -> None:
    book = RideBook()
    for ride, state in (("a", "requested"), ("b", "offered"), ("c", "requested")):
        book.take_fact(ride_fact(1, RideState(state), ride=ride))
    newest = book.newest(state=RideState.REQUESTED, limit=10)
    assert [fact.ride for fact in newest] == ["c", "a"]
    assert [fact.ride for fact in book.newest(state=None, limit=1)] == ["c"]


def test_rides_leave_after_an_hour() -> None:
    book = RideBook()
    book.take_fact(ride_fact(1, RideState.REQUESTED, ride="old", at_ms=NOW_MS))
    book.take_fact(ride_fact(1, RideState.REQUESTED, ride="new", at_ms=NOW_MS + KEPT_MS))
    book.forget(NOW_MS + KEPT_MS)
    assert [fact.ride for fact in book.newest(state=None, limit=10)] == ["new"]


def test_etas_are_scored_against_what_happened() -> None:
    scorer = EtaScorer()
    for predicted_s, actual_s in ((100.0, 110.0), (100.0, 150.0), (100.0, None)):
        scorer.take(
            RideEta(
                ride=RideId("r1"),
                kind=EtaKind.PICKUP,
                driver=5,
                at_ms=0,
                predicted_s=predicted_s,
                p90_s=135.0,
                model="m",
                actual_s=actual_s,
            )
        )
    score = scorer.score()
    assert (score.scored, score.mae_s, score.p90_coverage) == (2, 30.0, 0.5)


@pytest.fixture
def drivers() -> DriverBook:
    book = DriverBook()
    book.take([position_frame([7, 71, 8, 9_000_000_001], NOW_MS)])
    return book


def test_drivers_are_counted_by_state_and_the_silent_ones_are_dark(drivers: DriverBook) -> None:
    drivers.take([position_frame([7], NOW_MS + 20_000, state=DriverState.ON_TRIP)])
    seen, by_state, dark = drivers.counts(NOW_MS + 20_000)
    assert (seen, dark, by_state["on_trip"], by_state["open"]) == (4, 3, 1, 3)
    assert drivers.counts(NOW_MS + 610_000)[0] == 1


def test_a_city_frame_begins_with_all_and_goes_on_with_changes(drivers: DriverBook) -> None:
    first = unpack(drivers.city_frame(0, NOW_MS))
    tick = drivers.tick
    drivers.take([position_frame([8], NOW_MS + 100)])
    second = unpack(drivers.city_frame(tick, NOW_MS + 100))
    assert (first.kind, len(first.cars)) == (PushKind.CITY, 4)
    assert second.cars["car"].tolist() == [8]


def test_a_driver_is_found_by_id_and_by_its_car_in_a_city_frame(drivers: DriverBook) -> None:
    cars = unpack(drivers.city_frame(0, NOW_MS)).cars["car"].tolist()
    found = [drivers.reply(car, NOW_MS) for car in cars]
    assert sorted(reply.driver for reply in found if reply) == [7, 8, 71, 9_000_000_001]
    assert drivers.reply(12, NOW_MS) is None


def test_a_trail_keeps_the_newest_fixes_in_order(drivers: DriverBook) -> None:
    for second in range(1, 2 * TRAIL_FIXES):
        frame = position_frame([7], NOW_MS + 1_000 * second, lat_e7=577_000_000 + second)
        drivers.take([frame, frame])
    reply = drivers.reply(7, NOW_MS)
    assert reply is not None
    fixes = [point.fix_ms for point in reply.trail]
    assert len(fixes) == TRAIL_FIXES
    assert fixes == sorted(set(fixes))
    assert reply.trail[-1].lat == pytest.approx((577_000_000 + 2 * TRAIL_FIXES - 1) / 1e7)


def test_drivers_are_searched_by_the_first_digits_of_their_id(drivers: DriverBook) -> None:
    assert drivers.search("7", limit=10) == [7, 71]
    assert drivers.search("9000", limit=10) == [9_000_000_001]
    assert drivers.search("7", limit=1) == [7]
    assert drivers.search("3", limit=10) == []


def test_the_summary_of_a_city_that_has_not_begun_says_so() -> None:
    summary = CityBooks(VirtualClock()).summary()
    assert (summary.drivers_seen, summary.topics, summary.ages["log"].p50) == (0, [], None)


def test_metrics_of_all_processes_are_labelled_and_names_made_valid() -> None:
    specs = [
        MetricSpec(name="lag_driver.pings", kind="gauge", help="behind"),
        MetricSpec(name="sent_total", kind="counter", help="sent"),
        MetricSpec(name="age_rider_area_ms", kind="histogram", help="age"),
    ]
    text = prometheus_text(
        [
            _vitals(
                1,
                counters={"sent_total": 123_456_789.0, "undeclared_total": 1.0},
                gauges={"lag_driver.pings": 4.0},
                histograms=_histogram(5, 5, 9),
            )
        ],
        specs,
    )
    labels = 'service="fanout",instance="0"'
    assert f"hailstream_sent_total{{{labels}}} 123456789\n" in text
    assert f"hailstream_lag_driver_pings{{{labels}}} 4\n" in text
    assert f'hailstream_age_rider_area_ms{{{labels},quantile="0.5"}} 5\n' in text
    assert f"hailstream_age_rider_area_ms_count{{{labels}}} 3\n" in text
    assert "undeclared" not in text

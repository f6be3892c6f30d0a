"""Counters, gauges and histograms."""

import numpy as np
import pytest

from groundwork.metrics import (
    BUCKETS,
    Histogram,
    MetricSpec,
    Registry,
    counts_from_sparse,
    quantile_ms,
)

SPECS = (
    MetricSpec(name="pings_total", kind="counter", help="pings"),
    MetricSpec(name="lag", kind="gauge", help="records behind"),
    MetricSpec(name="age_ms", kind="histogram", help="age"),
)


def test_a_name_that_was_not_declared_is_an_error() -> None:
    with pytest.raises(KeyError):
        Registry(SPECS).counter("pongs_total")


def test_a_name_declared_twice_is_an_error() -> None:
    with pytest.raises(AssertionError, match="twice"):
        Registry([*SPECS, SPECS[0]])


def test_quantiles_are_exact_to_the_millisecond() -> None:
    histogram = Histogram()
    histogram.observe_many(np.arange(1, 101))
    assert quantile_ms(histogram.counts, 0.5) == 50
    assert quantile_ms(histogram.counts, 0.99) == 99
    assert quantile_ms(histogram.counts, 1.0) == 100


def test_without_samples_there_is_no_quantile_rather_than_zero() -> None:
    assert quantile_ms(Histogram().counts, 0.5) is None


def test_values_outside_the_buckets_count_in_the_first_and_the_last() -> None:
    histogram = Histogram()
    histogram.observe_many(np.array([-5, 10**9]))
    histogram.observe(-1)
    assert histogram.counts[0] == 2
    assert histogram.counts[BUCKETS - 1] == 1


def test_a_histogram_survives_the_trip_through_json() -> None:
    histogram = Histogram()
    histogram.observe_many(np.array([0, 7, 7, 8191]))
    assert (counts_from_sparse(histogram.sparse()) == histogram.counts).all()


def test_a_large_count_loses_no_digit() -> None:
    registry = Registry(SPECS)
    registry.counter("pings_total").add(123_456_789)
    assert "hailstream_pings_total 123456789\n" in registry.prometheus_text()


def test_prometheus_reads_every_metric_with_its_help() -> None:
    registry = Registry(SPECS)
    registry.counter("pings_total").add(3)
    registry.histogram("age_ms").observe(12)
    text = registry.prometheus_text()
    assert "# HELP hailstream_pings_total pings" in text
    assert "hailstream_pings_total 3" in text
    assert 'hailstream_age_ms{quantile="0.99"} 12' in text
    assert "hailstream_age_ms_count 1" in text

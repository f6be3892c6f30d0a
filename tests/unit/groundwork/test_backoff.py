"""Delays between attempts."""

import random

import pytest

from groundwork.backoff import Backoff


@pytest.mark.parametrize("seed", range(20))
def test_delays_stay_below_a_ceiling_that_doubles_up_to_the_cap(seed: int) -> None:
    backoff = Backoff(random.Random(seed), base_ms=20, cap_ms=100)
    for ceiling_ms in (20, 40, 80, 100, 100, 100):
        assert 1 <= backoff.next_delay_ms() <= ceiling_ms


def test_a_success_starts_anew() -> None:
    backoff = Backoff(random.Random(1), base_ms=20, cap_ms=1_000)
    for _ in range(10):
        backoff.next_delay_ms()
    backoff.reset()
    assert backoff.next_delay_ms() <= 20


def test_clients_that_fail_together_do_not_come_back_together() -> None:
    delays = {Backoff(random.Random(seed), base_ms=1_000).next_delay_ms() for seed in range(50)}
    assert len(delays) > 40

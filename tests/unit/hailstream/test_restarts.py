"""When a process that died is started again."""

from hailstream.restarts import DEATHS_MAX, PROVED_AFTER_MS, WAIT_MS_MAX, RestartPolicy


def test_waits_double_up_to_a_bound() -> None:
    policy = RestartPolicy()
    waits = [policy.wait_after_death(lived_ms=10) for _ in range(DEATHS_MAX)]
    assert waits[:4] == [100, 200, 400, 800]
    assert max(wait for wait in waits if wait is not None) <= WAIT_MS_MAX


def test_one_that_keeps_dying_is_given_up() -> None:
    policy = RestartPolicy()
    for _ in range(DEATHS_MAX):
        assert policy.wait_after_death(lived_ms=10) is not None
    assert policy.wait_after_death(lived_ms=10) is None
    assert policy.restarts == DEATHS_MAX


def test_a_proved_life_forgets_earlier_deaths() -> None:
    policy = RestartPolicy()
    for _ in range(DEATHS_MAX):
        policy.wait_after_death(lived_ms=10)
    assert policy.wait_after_death(lived_ms=PROVED_AFTER_MS) == 100

"""The audit of rides finds a driver with two rides, a ride with two drivers, and nothing else."""

from rideflow.contracts.rides import RideEvent, RideFact, RideState
from rideflow.ops.audit_rides import RideAudit
from tests.support.watching import ride_fact

END_MS = 10**15


def _fact(ride: str, number: int, state: RideState, at_ms: int, driver: int | None) -> RideFact:
    return ride_fact(number, state, ride=ride, at_ms=at_ms, driver=driver)


def _audit(*facts: RideFact) -> RideAudit:
    audit = RideAudit()
    for fact in facts:
        audit.take(fact)
    audit.settle(END_MS)
    return audit


def test_a_driver_that_takes_one_ride_after_another_is_fine() -> None:
    audit = _audit(
        _fact("a", 1, RideState.EN_ROUTE, 100, 5),
        _fact("a", 2, RideState.COMPLETED, 200, 5),
        _fact("b", 1, RideState.EN_ROUTE, 200, 5),
    )
    assert (audit.double_assigned, audit.rides_checked) == (0, 2)


def test_a_driver_with_two_rides_at_once_is_found() -> None:
    audit = _audit(
        _fact("a", 1, RideState.EN_ROUTE, 100, 5), _fact("b", 1, RideState.WAITING, 150, 5)
    )
    assert audit.double_assigned == 1
    assert audit.violations[0].what == "driver 5 had rides a and b at once"


def test_facts_read_in_another_order_than_they_happened_are_no_violation() -> None:
    audit = RideAudit()
    audit.take(_fact("a", 1, RideState.EN_ROUTE, 100, 5))
    audit.take(_fact("b", 1, RideState.EN_ROUTE, 300, 5))
    audit.settle(250)
    audit.take(_fact("a", 2, RideState.COMPLETED, 200, 5))
    audit.settle(END_MS)
    assert audit.double_assigned == 0


def test_a_ride_that_changes_its_driver_without_losing_it_is_found() -> None:
    audit = _audit(
        _fact("a", 1, RideState.EN_ROUTE, 100, 5), _fact("a", 2, RideState.EN_ROUTE, 150, 6)
    )
    assert audit.double_assigned == 1
    assert RideEvent.DRIVER_LOST in audit.violations[0].what


def test_a_ride_that_lost_its_driver_may_have_another() -> None:
    audit = _audit(
        _fact("a", 1, RideState.EN_ROUTE, 100, 5),
        _fact("a", 2, RideState.REQUESTED, 150, None),
        _fact("a", 3, RideState.EN_ROUTE, 160, 6),
    )
    assert audit.double_assigned == 0


def test_offers_of_one_driver_to_two_rides_are_not_assignments() -> None:
    audit = _audit(
        _fact("a", 1, RideState.OFFERED, 100, 5), _fact("b", 1, RideState.OFFERED, 150, 5)
    )
    assert audit.double_assigned == 0


def test_a_fact_told_again_after_the_end_counts_once() -> None:
    first = _fact("a", 1, RideState.EN_ROUTE, 100, 5)
    audit = _audit(first, _fact("a", 2, RideState.COMPLETED, 200, 5), first, first)
    assert (audit.double_assigned, audit.rides_checked) == (0, 1)

"""What a fact about a ride makes of its driver: the records of `driver.states`."""

from rideflow.contracts.pings import DriverState
from rideflow.contracts.rides import DriverStateFact, RideFact, RideState
from rideflow.matching.ride_book import ENGAGED_STATES

_DRIVER_STATES = {
    RideState.OFFERED: DriverState.OFFERED,
    RideState.EN_ROUTE: DriverState.EN_ROUTE,
    RideState.WAITING: DriverState.WAITING,
    RideState.ON_TRIP: DriverState.ON_TRIP,
}
assert _DRIVER_STATES.keys() == ENGAGED_STATES


def driver_state(fact: RideFact) -> DriverStateFact | None:
    """Return what the driver named in a fact does since; None where it names none.

    A driver whose bond has ended is open again as far as matching knows: his own pings
    say whether he goes on.
    """
    if fact.driver is None:
        return None
    state = _DRIVER_STATES.get(fact.state, DriverState.OPEN)
    return DriverStateFact(
        driver=fact.driver,
        state=state,
        at_ms=fact.at_ms,
        ride=None if state is DriverState.OPEN else fact.ride,
    )

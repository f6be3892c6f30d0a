"""A city at work, without I/O: fleet, phones, traffic and duties stepped together.

The shell says what time it is and what was heard; the world says what to send.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from citysim.city.digest import hour_at
from citysim.city.duty import Drive, Duties, Habits, Leg, Order, Release, Show
from citysim.city.faults import FaultJournal, FaultRates
from citysim.city.fleet import Fleet
from citysim.city.phones import Phones, Sending
from citysim.city.schedule import DueBlocks
from citysim.city.streets import Streets
from citysim.city.traffic import Traffic
from rideflow.contracts.rides import Place, RideFact
from rideflow.roads.arrays import Floats
from rideflow.roads.graph import RoadGraph
from rideflow.roads.hierarchy import Hierarchy
from rideflow.roads.metric import LiveMetric
from rideflow.roads.snap import RoadSnap
from rideflow.roads.spots import Spot

FIRST_DRIVER_ID = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """What decides how the city goes, besides its roads."""

    seed: int = 1
    drivers: int = 30_000
    block_size: int = 50  # drivers that report together: the pings of one frame
    period_ms: float = 1_000.0  # between two pings of a driver
    hour: float = 12.0  # of the city's day when the run begins
    rates: FaultRates = field(default_factory=FaultRates)
    habits: Habits = field(default_factory=Habits)


class World:
    """Everything that moves. Drivers are told apart by their id, FIRST_DRIVER_ID and up."""

    def __init__(self, graph: RoadGraph, settings: WorldSettings) -> None:
        self.settings = settings
        self.streets = Streets(graph)
        self.snap = RoadSnap(graph)
        self.traffic = Traffic.of(self.streets, settings.seed)
        self.faults = FaultJournal()
        self.fleet = Fleet(self.streets, drivers=settings.drivers, seed=settings.seed)
        self.phones = Phones(
            driver_ids=np.arange(settings.drivers, dtype=np.uint64) + np.uint64(FIRST_DRIVER_ID),
            block_size=settings.block_size,
            latitude=graph.plane.lat,
            rates=settings.rates,
            seed=settings.seed,
            journal=self.faults,
        )
        self.duties = Duties(seed=settings.seed, habits=settings.habits)
        self._routes = LiveMetric(Hierarchy(graph))
        self._speeds: tuple[float, Floats] = (-1.0, np.zeros(0))

    @property
    def block_count(self) -> int:
        return -(-self.settings.drivers // self.settings.block_size)

    def drivers_of(self, block: int) -> tuple[int, int]:
        """Return the first and the last driver id of a block, both inclusive."""
        size, count = self.settings.block_size, self.settings.drivers
        last = min((block + 1) * size, count) - 1
        return block * size + FIRST_DRIVER_ID, last + FIRST_DRIVER_ID

    def block_of(self, driver: int) -> int:
        return (driver - FIRST_DRIVER_ID) // self.settings.block_size

    def report(self, due: DueBlocks, now_ms: int) -> Iterator[Sending]:
        """Move the drivers of the due blocks by one period and yield what their phones send."""
        size = self.settings.block_size
        first, last = due.first * size, min(due.last * size, self.settings.drivers)
        dt_s = self.settings.period_ms / 1000.0
        speeds_mps = self._speeds_at(due.step * dt_s)
        moved = self.fleet.step(first, last, step=due.step, dt_s=dt_s, speeds_mps=speeds_mps)
        for driver in moved.arrived:
            self.duties.on_arrived(driver + FIRST_DRIVER_ID, now_ms)
        fix_ms = np.repeat(due.fix_ms, size)[: last - first]
        return self.phones.report(moved, step=due.step, fix_ms=fix_ms)

    def on_offer(self, driver: int, fact: RideFact, now_ms: int) -> None:
        """An offer came for a driver; a phone that is offline does not hear it."""
        if not self.phones.is_dark(driver - FIRST_DRIVER_ID):
            self._obey(self.duties.on_offer(driver, fact, now_ms), now_ms)

    def on_fact(self, driver: int, fact: RideFact, now_ms: int) -> None:
        self._obey(self.duties.on_fact(driver, fact, now_ms), now_ms)

    def _obey(self, orders: list[Order], now_ms: int) -> None:
        for order in orders:
            index = order.driver - FIRST_DRIVER_ID
            match order:
                case Show(state=state):
                    self.phones.set_state(index, state)
                case Release():
                    self.fleet.release(index)
                case Drive():
                    self._drive(index, order, now_ms)

    def _drive(self, index: int, order: Drive, now_ms: int) -> None:
        fact = order.fact
        goal = self._spot(fact.pickup if order.leg is Leg.TO_PICKUP else fact.destination)
        route = None if goal is None else self._routes.route(self.fleet.spot(index), goal)
        if route is None:
            # A place without a road: the driver stops where it is and calls that arrived.
            self.duties.on_arrived(order.driver, now_ms)
        else:
            self.fleet.follow(index, route)

    def _spot(self, place: Place) -> Spot | None:
        spots = self.snap.snap(np.array([place.lon]), np.array([place.lat]))
        return spots[0] if spots.is_on_road[0] else None

    def _speeds_at(self, elapsed_s: float) -> Floats:
        hour = hour_at(self.settings.hour, elapsed_s)
        if self._speeds[0] != hour:
            self._speeds = (hour, self.traffic.speeds_mps(hour))
        return self._speeds[1]

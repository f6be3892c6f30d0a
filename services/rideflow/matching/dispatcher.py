"""The single writer of rides: takes commands and windows one after another.

Each turn decides on the book, lets the facts be true there, and has them acknowledged by the
log before the turn ends; so nothing is ever decided on what is not in the log, except within
the turn itself. When the log does not acknowledge, the error ends the process.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from groundwork.metrics import Registry
from groundwork.seams import Clock
from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import RideCommand, RideEvent, RideFact, RideState
from rideflow.geo.driver_view import DriverView
from rideflow.matching.answers import answer
from rideflow.matching.deadlines import facts_due
from rideflow.matching.decisions import DecisionsTold, decisions
from rideflow.matching.record import Record
from rideflow.matching.refusals import Refusal
from rideflow.matching.reservations import Reservations, ReservationsAway
from rideflow.matching.ride_book import ENGAGED_STATES, RideBook
from rideflow.matching.rules import MatchingSettings
from rideflow.matching.supply import RoadTimesOfWindow, supply
from rideflow.matching.window import Plan, plan_window, rides_due
from rideflow.roads.city_roads import CityRoads

journal = logging.getLogger("hailstream.matching")

# Where `positions` itself has fallen silent nobody is dark: we are blind.
_BLIND_AFTER_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the dispatcher looks at and acts on."""

    clock: Clock
    metrics: Registry
    record: Record
    reservations: Reservations
    view: DriverView
    roads: CityRoads


class Dispatcher:
    """One turn at a time, in the order in which they were asked for."""

    def __init__(self, book: RideBook, around: Surroundings, settings: MatchingSettings) -> None:
        self._book = book
        self._around = around
        self._settings = settings
        self._turn = asyncio.Lock()
        self._window = 0
        self._told = DecisionsTold()
        self._reservations_away = False
        self._started_ms = around.clock.now_ms()

    async def on_commands(self, commands: Sequence[RideCommand]) -> None:
        """Answer commands in their order; return when what they led to is in the log."""
        async with self._turn:
            facts: list[RideFact] = []
            for command in commands:
                outcome = answer(
                    self._book,
                    command,
                    now_ms=self._around.clock.now_ms(),
                    rides_max=self._settings.rides_max,
                )
                if isinstance(outcome, Refusal):
                    self._refuse(command, outcome)
                else:
                    self._book.add(outcome)
                    facts.append(outcome)
            await self._settle(facts)

    async def on_window(self) -> None:
        """Let time pass for rides under way, then match those that wait."""
        async with self._turn:
            self._window += 1
            now_ms = self._around.clock.now_ms()
            silence_ms = self._silence_ms(now_ms)
            overdue = facts_due(
                self._book, self._settings.patience, now_ms=now_ms, silent_ms=silence_ms.get
            )
            for fact in overdue:
                self._book.add(fact)
            await self._settle(overdue)
            self._book.forget(final_before_ms=now_ms - self._settings.final_kept_ms)
            await self._match(now_ms)
            self._show()

    async def on_renewal(self) -> None:
        """Hold on to the drivers of rides under way."""
        async with self._turn:
            held = self._book.engaged
            if not held:
                return
            try:
                lost = await self._around.reservations.hold(
                    held, hold_ms=self._settings.reservation_ms
                )
            except ReservationsAway as error:
                self._note_reservations(error)
                return
            self._note_reservations(None)
            self._around.metrics.counter("matching_reservations_lost_total").add(len(lost))
            for driver in lost:
                journal.error(
                    "driver %d of ride %s is reserved by another matcher", driver, held[driver]
                )

    async def finish(self) -> None:
        """Return when the turn under way has ended; no other begins."""
        await self._turn.acquire()

    async def _match(self, now_ms: int) -> None:
        rides = rides_due(self._book, self._settings.window_rules)
        self._told.forget_all_but({ride.fact.ride for ride in rides})
        if not rides:
            return
        around, began_ms = self._around, self._around.clock.monotonic_ms()
        offered = supply(around.view, around.roads, self._book.engaged, now_ms=now_ms)
        times = RoadTimesOfWindow(around.roads, offered, [ride.fact for ride in rides])
        plan = plan_window(
            rides,
            offered.drivers,
            times,
            around.roads.plane,
            self._settings.window_rules,
            now_ms=now_ms,
        )
        solve_ms = around.clock.monotonic_ms() - began_ms
        around.metrics.histogram("matching_window_ms").observe(solve_ms)
        around.metrics.gauge("matching_drivers_open").set(len(offered.drivers))
        refused = await self._reserve(plan)
        if refused is None:
            return
        await self._offer(plan, times, refused)
        made = decisions(
            plan, window=self._window, at_ms=now_ms, solve_ms=solve_ms, refused=refused
        )
        await around.record.decisions(self._told.news(made))

    async def _reserve(self, plan: Plan) -> frozenset[int] | None:
        """Reserve the chosen drivers; return those held elsewhere, None when that is unknown."""
        wanted = {driver: plan.rides[ride].ride for ride, driver in plan.choices()}
        if not wanted:
            return frozenset()
        try:
            refused = await self._around.reservations.hold(
                wanted, hold_ms=self._settings.reservation_ms
            )
        except ReservationsAway as error:
            self._note_reservations(error)
            return None
        self._note_reservations(None)
        return refused

    async def _offer(self, plan: Plan, times: RoadTimesOfWindow, refused: frozenset[int]) -> None:
        now_ms = self._around.clock.now_ms()
        offers = [
            self._offer_fact(plan, times, ride, driver, now_ms)
            for ride, driver in plan.choices()
            if driver not in refused
        ]
        for fact in offers:
            self._book.add(fact)
        await self._settle(offers)

    def _offer_fact(
        self, plan: Plan, times: RoadTimesOfWindow, number: int, driver: int, now_ms: int
    ) -> RideFact:
        ride = self._book.get(plan.rides[number].ride)
        assert ride is not None, "a ride of the window is in the book"
        ratio, eta_s = self._settings.pickup_p90_ratio, plan.eta_s(number)
        trip_s = times.trip_s(number, ride.fact.destination)
        return self._book.next_fact(
            ride,
            RideEvent.OFFER_SENT,
            at_ms=now_ms,
            driver=driver,
            offer=(ride.fact.offer or 0) + 1,
            deadline_ms=now_ms + self._settings.offer_ms,
            pickup_eta_s=round(eta_s, 1),
            pickup_eta_p90_s=round(eta_s * ratio, 1),
            trip_eta_s=None if trip_s is None else round(trip_s, 1),
            trip_eta_p90_s=None if trip_s is None else round(trip_s * ratio, 1),
        )

    async def _settle(self, facts: Sequence[RideFact]) -> None:
        """Have facts acknowledged, then do what may follow from them."""
        await self._around.record.facts(facts)
        for fact in facts:
            self._around.metrics.counter(f"matching_{fact.event}_total").add()
        freed: list[tuple[int, RideId]] = [
            (fact.driver, fact.ride)
            for fact in facts
            if fact.driver is not None and fact.state not in ENGAGED_STATES
        ]
        if freed:
            try:
                await self._around.reservations.release(freed)
            except ReservationsAway as error:
                # They lapse by themselves; until then these drivers are not asked.
                self._note_reservations(error)

    def _refuse(self, command: RideCommand, refusal: Refusal) -> None:
        self._around.metrics.counter(f"matching_refused_{refusal}_total").add()
        journal.info(
            "%s of ride %s by driver %s refused: %s",
            command.kind,
            command.ride,
            command.driver,
            refusal,
        )

    def _silence_ms(self, now_ms: int) -> dict[int, int]:
        """How long the drivers of rides under way have not been seen; empty while we are blind."""
        view = self._around.view
        if now_ms - view.newest_produced_ms > _BLIND_AFTER_MS:
            return {}
        drivers = list(self._book.engaged)
        seen_ms = np.maximum(view.fixes_ms(drivers), self._started_ms)
        return dict(zip(drivers, (now_ms - seen_ms).tolist(), strict=True))

    def _note_reservations(self, error: ReservationsAway | None) -> None:
        """Say once that Redis is away, and once that it is back."""
        is_away = error is not None
        self._around.metrics.gauge("matching_reservations_away").set(is_away)
        if is_away and not self._reservations_away:
            journal.error("no offers: the reservations cannot be reached: %s", error)
        if self._reservations_away and not is_away:
            journal.info("the reservations are back: offers go on")
        self._reservations_away = is_away

    def _show(self) -> None:
        metrics = self._around.metrics
        metrics.gauge("matching_rides_requested").set(self._book.count(RideState.REQUESTED))
        metrics.gauge("matching_rides_active").set(self._book.active_count)

"""Why each ride of a window got its driver, or none: the records of dispatch.decisions."""

import math
from collections.abc import Iterable, Set

import numpy as np

from rideflow.contracts.ids import RideId
from rideflow.contracts.rides import Candidate, DispatchDecision, ShadowChoice
from rideflow.matching.assignment import UNASSIGNED
from rideflow.matching.candidates import PassedOver
from rideflow.matching.window import Plan

SHADOW_POLICY = "nearest by road, in order of arrival"

_REASONS = {
    PassedOver.TURNED_IT_DOWN: "turned this ride down",
    PassedOver.TOO_FAR: "too far by road",
    PassedOver.NO_WAY: "no way by road",
}


# A ride that nobody can be found for is told about once in so many windows.
_REPEATED_AFTER = 10


class DecisionsTold:
    """Which decisions are worth telling: a rider who waits in vain makes one a window."""

    def __init__(self) -> None:
        self._last: dict[RideId, tuple[str, int]] = {}

    def news(self, made: Iterable[DispatchDecision]) -> list[DispatchDecision]:
        """Return those that chose somebody, have another reason, or come after a while."""
        return [decision for decision in made if self._is_news(decision)]

    def forget_all_but(self, rides: Set[RideId]) -> None:
        self._last = {ride: told for ride, told in self._last.items() if ride in rides}

    def _is_news(self, decision: DispatchDecision) -> bool:
        why, window = self._last.get(decision.ride, ("", 0))
        is_repeated = why == decision.why and decision.window - window < _REPEATED_AFTER
        if decision.chosen is None and is_repeated:
            return False
        self._last[decision.ride] = (decision.why, decision.window)
        return True


def decisions(
    plan: Plan, *, window: int, at_ms: int, solve_ms: float, refused: frozenset[int]
) -> list[DispatchDecision]:
    """Return one decision for each ride of the plan. `refused`: drivers held by someone else."""
    holders = {driver: plan.rides[ride].ride for ride, driver in plan.choices()}
    return [
        _decision(plan, ride, holders, window, at_ms, solve_ms, refused)
        for ride in range(len(plan.rides))
    ]


def _decision(
    plan: Plan,
    ride: int,
    holders: dict[int, RideId],
    window: int,
    at_ms: int,
    solve_ms: float,
    refused: frozenset[int],
) -> DispatchDecision:
    fact, column = plan.rides[ride], int(plan.chosen[ride])
    driver = None if column == UNASSIGNED else plan.driver_of(ride, column)
    is_held = driver in refused
    candidates = [
        _candidate(plan, ride, place, holders)
        for place in range(plan.found.driver.shape[1])
        if plan.found.passed_over[ride, place] != PassedOver.NOBODY
    ]
    return DispatchDecision(
        ride=fact.ride,
        window=window,
        at_ms=at_ms,
        region=fact.region,
        requests=len(plan.rides),
        drivers=len(plan.drivers),
        candidates=candidates,
        chosen=None if is_held else driver,
        chosen_eta_s=None if is_held or driver is None else round(plan.eta_s(ride), 1),
        why=f"driver {driver} is reserved by another matcher" if is_held else _why(plan, ride),
        shadow=[_shadow(plan, ride)],
        solve_ms=round(solve_ms, 3),
    )


def _candidate(plan: Plan, ride: int, place: int, holders: dict[int, RideId]) -> Candidate:
    index = int(plan.found.driver[ride, place])
    driver = int(plan.drivers.ids[index])
    eta_s, cost_s = float(plan.found.eta_s[ride, place]), float(plan.cost_s[ride, place])
    reason = _REASONS.get(PassedOver(int(plan.found.passed_over[ride, place])))
    holder = holders.get(driver)
    if reason is None and holder not in (None, plan.rides[ride].ride):
        reason = f"given to ride {holder}"
    return Candidate(
        driver=driver,
        eta_s=_shown(eta_s),
        metres=round(float(plan.found.metres[ride, place]), 1),
        cost_s=_shown(cost_s),
        age_ms=int(plan.drivers.age_ms[index]),
        passed_over=reason,
    )


def _shown(seconds: float) -> float:
    """JSON has no infinity: a way that does not exist, or a cost out of the question, is -1."""
    return round(seconds, 3) if math.isfinite(seconds) else -1.0


def _why(plan: Plan, ride: int) -> str:
    column = int(plan.chosen[ride])
    in_question = np.flatnonzero(np.isfinite(plan.cost_s[ride]))
    if not len(plan.drivers):
        return "no open driver with a fresh, believed position"
    if not len(in_question):
        looked_at = int((plan.found.passed_over[ride] != PassedOver.NOBODY).sum())
        return f"none of the {looked_at} nearest drivers is in question"
    if column == UNASSIGNED:
        return f"all {len(in_question)} candidates went to riders who gain more or wait longer"
    eta_s = plan.eta_s(ride)
    rank = int((plan.cost_s[ride, in_question] < plan.cost_s[ride, column]).sum())
    if rank == 0:
        return f"soonest there by road of {len(in_question)} candidates: {eta_s:.0f} s"
    saved = float(plan.cost_s[ride, column] - plan.cost_s[ride, in_question].min())
    return (
        f"number {rank + 1} of {len(in_question)} by road, {eta_s:.0f} s: {saved:.0f} s later than"
        f" the soonest, who serves another rider of the window better"
    )


def _shadow(plan: Plan, ride: int) -> ShadowChoice:
    column = int(plan.shadow[ride])
    if column == UNASSIGNED:
        return ShadowChoice(policy=SHADOW_POLICY)
    return ShadowChoice(
        policy=SHADOW_POLICY,
        driver=plan.driver_of(ride, column),
        eta_s=_shown(float(plan.found.eta_s[ride, column])),
    )

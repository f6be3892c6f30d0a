"""Rides of the last hour: their stories, and how many stand where."""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from rideflow.contracts.ids import RideId
from rideflow.contracts.operations import RidesLine, RideStory
from rideflow.contracts.rides import (
    ASSIGNED_STATES,
    FINAL_STATES,
    DispatchDecision,
    RideEta,
    RideFact,
    RideState,
)

KEPT_MS: Final = 3_600_000
RIDES_MAX: Final = 50_000
FACTS_MAX: Final = 64  # of one ride, newest kept; the same for decisions and ETAs
MATCH_SAMPLES: Final = 2_000  # newest rides that the match times are taken from


@dataclass(slots=True, kw_only=True)
class _Story:
    facts: deque[RideFact] = field(default_factory=lambda: deque(maxlen=FACTS_MAX))
    decisions: deque[DispatchDecision] = field(default_factory=lambda: deque(maxlen=FACTS_MAX))
    etas: deque[RideEta] = field(default_factory=lambda: deque(maxlen=FACTS_MAX))
    was_matched: bool = False


class RideBook:
    """Stories by ride, those with the oldest news first. Bounded by time and by RIDES_MAX."""

    def __init__(self) -> None:
        self._stories: OrderedDict[RideId, _Story] = OrderedDict()
        self._seen: Counter[str] = Counter()  # requested, matched and final states, ever
        self._match_s: deque[float] = deque(maxlen=MATCH_SAMPLES)

    def take_fact(self, fact: RideFact) -> None:
        story = self._story(fact.ride)
        if story.facts and fact.number <= story.facts[-1].number:
            return
        if not story.facts:
            self._seen["requested"] += 1
        story.facts.append(fact)
        if fact.state in ASSIGNED_STATES and not story.was_matched:
            story.was_matched = True
            self._seen["matched"] += 1
            self._match_s.append((fact.at_ms - fact.requested_ms) / 1000)
        if fact.state in FINAL_STATES:
            self._seen[fact.state] += 1

    def take_decision(self, decision: DispatchDecision) -> None:
        self._story(decision.ride).decisions.append(decision)

    def take_eta(self, eta: RideEta) -> None:
        self._story(eta.ride).etas.append(eta)

    def story(self, ride: RideId) -> RideStory | None:
        """All that is remembered of a ride; None for a stranger."""
        story = self._stories.get(ride)
        if story is None:
            return None
        return RideStory(
            facts=list(story.facts), decisions=list(story.decisions), etas=list(story.etas)
        )

    def newest(self, *, state: RideState | None, limit: int) -> list[RideFact]:
        """The newest fact of rides, those with the newest news first."""
        found: list[RideFact] = []
        for story in reversed(self._stories.values()):
            if len(found) == limit:
                break
            if story.facts and state in (None, story.facts[-1].state):
                found.append(story.facts[-1])
        return found

    def line(self) -> RidesLine:
        by_state = Counter(
            story.facts[-1].state.value for story in self._stories.values() if story.facts
        )
        return RidesLine(
            by_state=dict(by_state),
            requested=self._seen["requested"],
            matched=self._seen["matched"],
            completed=self._seen[RideState.COMPLETED],
            cancelled=self._seen[RideState.CANCELLED],
            unmatched=self._seen[RideState.UNMATCHED],
            match_p50_s=_quantile(self._match_s, 0.5),
            match_p90_s=_quantile(self._match_s, 0.9),
        )

    def forget(self, now_ms: int) -> None:
        """Drop what nothing was heard of for an hour."""
        for ride, story in list(self._stories.items()):
            if story.facts and story.facts[-1].at_ms > now_ms - KEPT_MS:
                break
            del self._stories[ride]

    def _story(self, ride: RideId) -> _Story:
        story = self._stories.get(ride)
        if story is None:
            story = self._stories[ride] = _Story()
            if len(self._stories) > RIDES_MAX:
                self._stories.popitem(last=False)
        else:
            self._stories.move_to_end(ride)
        return story


def _quantile(samples: deque[float], fraction: float) -> float | None:
    if not samples:
        return None
    ordered = sorted(samples)
    return round(ordered[min(len(ordered) - 1, int(fraction * len(ordered)))], 3)

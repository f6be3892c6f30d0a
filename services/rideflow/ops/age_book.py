"""Ages per hop from the histograms in service.vitals: the last seconds, and the whole run.

Histograms are cumulative, so an interval is the difference of two of them and a lost record
costs resolution, never samples. A process that began anew starts from zero again; what its
predecessor counted stays in the run.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from groundwork.metrics import BUCKETS, counts_from_sparse, quantile_ms
from rideflow.contracts.operations import Quantiles
from rideflow.contracts.vitals import Vitals

RECENT_MS: Final = 10_000
# Name in `Summary.ages` -> the histogram, of whichever service has it
AGE_HISTOGRAMS: Final = {
    "gateway": "age_gateway_ms",
    "log": "age_log_ms",
    "position": "age_position_ms",
    "rider_matched": "age_rider_matched_ms",
    "rider_area": "age_rider_area_ms",
}

Counts = NDArray[np.int64]


@dataclass(slots=True, kw_only=True)
class _History:
    """One histogram of one process: its newest state and those of the last seconds."""

    started_ms: int
    recent: deque[tuple[int, Counts]] = field(default_factory=deque)
    before: Counts = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))  # of earlier lives

    def newest(self) -> Counts:
        return self.recent[-1][1]

    def add(self, at_ms: int, counts: Counts) -> None:
        self.recent.append((at_ms, counts))
        while len(self.recent) > 2 and self.recent[1][0] <= at_ms - RECENT_MS:
            self.recent.popleft()


class AgeBook:
    """Histograms by (service/instance, name). Bounded: some ten states of each."""

    def __init__(self) -> None:
        self._histories: dict[tuple[str, str], _History] = {}

    def take(self, vitals: Vitals) -> None:
        for name in AGE_HISTOGRAMS.values():
            sparse = vitals.histograms.get(name)
            if sparse is not None:
                self._take(vitals, name, counts_from_sparse(sparse))

    def quantiles(self, now_ms: int) -> dict[str, Quantiles]:
        """Of every hop; None in those without a sample."""
        return {hop: self._quantiles(name, now_ms) for hop, name in AGE_HISTOGRAMS.items()}

    def _take(self, vitals: Vitals, name: str, counts: Counts) -> None:
        key = f"{vitals.service}/{vitals.instance}", name
        history = self._histories.setdefault(key, _History(started_ms=vitals.started_ms))
        if vitals.started_ms > history.started_ms:
            if history.recent:
                history.before = history.before + history.newest()
            history.recent.clear()
            history.started_ms = vitals.started_ms
        if vitals.started_ms == history.started_ms:
            history.add(vitals.at_ms, counts)

    def _quantiles(self, name: str, now_ms: int) -> Quantiles:
        run, recent = np.zeros(BUCKETS, np.int64), np.zeros(BUCKETS, np.int64)
        for (_, of), history in self._histories.items():
            if of != name or not history.recent:
                continue
            run += history.before + history.newest()
            if history.recent[-1][0] > now_ms - RECENT_MS:
                recent += history.newest() - history.recent[0][1]
        return Quantiles(
            p50=quantile_ms(recent, 0.5),
            p99=quantile_ms(recent, 0.99),
            run_p50=quantile_ms(run, 0.5),
            run_p99=quantile_ms(run, 0.99),
            samples=int(run.sum()),
        )

"""What predictions were worth: actual over predicted, and the P50 and P90 that follow.

A split-conformal correction: the quantiles of the last few hundred ratios are applied to what
the roads say, so the P90 covers nine of ten waits whatever the errors look like.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from rideflow.contracts.rides import EtaKind

_KEPT = 500
# The opinion we begin with counts as much as so many waits. It is what simulated drivers do at
# noon and at rush hour (nine of ten within 1.09 to 1.15); a wider one covers nearly everybody
# for as long as a short run lasts, and a heavier one is still there at its end.
_PRIOR_LEGS = 10
_PRIOR_P50, _PRIOR_P90 = 1.0, 1.15
# Seconds that do not grow with the way: setting off, finding the door.
_FIXED_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A wait in seconds: as likely shorter as longer, and kept nine times of ten."""

    p50_s: float
    p90_s: float


class Residuals:
    """One ring of ratios for each kind of wait."""

    def __init__(self) -> None:
        self._ratios: dict[EtaKind, deque[float]] = {k: deque(maxlen=_KEPT) for k in EtaKind}
        self._factors = dict.fromkeys(EtaKind, (_PRIOR_P50, _PRIOR_P90))

    def predict(self, kind: EtaKind, road_s: float) -> Prediction:
        """Turn seconds by road into what a person should be told."""
        p50, p90 = self._factors[kind]
        span_s = road_s + _FIXED_S
        p50_s = max(1.0, span_s * p50 - _FIXED_S)
        return Prediction(p50_s=p50_s, p90_s=max(p50_s, span_s * p90 - _FIXED_S))

    def learn(self, kind: EtaKind, *, road_s: float, actual_s: float) -> None:
        """Take in how long a wait was of which the roads had said `road_s`."""
        ratios = self._ratios[kind]
        ratios.append((actual_s + _FIXED_S) / (road_s + _FIXED_S))
        seen = np.sort(np.array(ratios))
        share = len(ratios) / (len(ratios) + _PRIOR_LEGS)
        # One more than n: the next wait is one of them (Vovk's conformal quantile).
        rank = min(len(seen), int(np.ceil(0.9 * (len(seen) + 1))))
        p90 = float(seen[rank - 1])
        p50 = float(np.median(seen))
        self._factors[kind] = (
            share * p50 + (1 - share) * _PRIOR_P50,
            share * p90 + (1 - share) * _PRIOR_P90,
        )

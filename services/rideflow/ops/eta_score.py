"""Predictions against what happened: mean absolute error and how often P90 held."""

from rideflow.contracts.operations import EtaScore
from rideflow.contracts.rides import RideEta


class EtaScorer:
    """Adds up the scoring records of ride.etas."""

    def __init__(self) -> None:
        self._scored = 0
        self._error_s = 0.0
        self._held = 0

    def take(self, eta: RideEta) -> None:
        """Predictions whose truth is still to come are left out."""
        if eta.actual_s is None:
            return
        self._scored += 1
        self._error_s += abs(eta.actual_s - eta.predicted_s)
        self._held += eta.actual_s <= eta.p90_s

    def score(self) -> EtaScore:
        if self._scored == 0:
            return EtaScore(scored=0, mae_s=None, p90_coverage=None)
        return EtaScore(
            scored=self._scored,
            mae_s=round(self._error_s / self._scored, 2),
            p90_coverage=round(self._held / self._scored, 4),
        )

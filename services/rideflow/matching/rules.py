"""The settings of matching."""

from dataclasses import dataclass
from pathlib import Path

from rideflow.matching.deadlines import Patience
from rideflow.matching.window import WindowRules
from rideflow.running import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingSettings(ServiceSettings):
    """How riders and drivers are brought together."""

    city_dir: Path = Path("data/city/goteborg")  # folder of the city pack
    redis_url: str = "redis://127.0.0.1:6379/0"  # where drivers are reserved
    redis_timeout_ms: int = 1_000  # a Redis that is slower than this counts as away
    window_ms: int = 1_000  # how long requests gather before they are matched together
    candidates: int = 16  # nearest open drivers that are looked at per ride
    pickup_eta_s_max: float = 900.0  # nobody is asked to drive longer than this to a pickup
    window_rides_max: int = 1_000  # rides of one window; the rest wait for the next
    rides_max: int = 100_000  # rides under way; more requests are refused
    unassigned_s: float = 3_600.0  # price, in seconds, of leaving a new ride without a driver
    waiting_weight: float = 10.0  # how much a second of waiting adds to that price
    offer_ms: int = 15_000  # a driver may think about an offer this long
    accept_grace_ms: int = 1_000  # an accept given in time may take this long through the log
    search_ms: int = 120_000  # a ride that found nobody for so long has ended
    driver_dark_ms: int = 90_000  # an assigned driver this silent has lost the ride
    final_kept_ms: int = 600_000  # a ride that has ended is remembered this long
    history_ms: int = 86_400_000  # how far back the log is read at start
    reservation_ms: int = 60_000  # a reservation lapses after this long without its holder
    pickup_p90_ratio: float = 1.35  # P90 of a pickup over its P50, as offers tell it
    speeds_period_ms: int = 5_000  # how often new speeds are put in force

    @property
    def patience(self) -> Patience:
        return Patience(
            offer_ms=self.offer_ms,
            accept_grace_ms=self.accept_grace_ms,
            search_ms=self.search_ms,
            dark_ms=self.driver_dark_ms,
        )

    @property
    def window_rules(self) -> WindowRules:
        return WindowRules(
            candidates=self.candidates,
            pickup_eta_s_max=self.pickup_eta_s_max,
            rides_max=self.window_rides_max,
            unassigned_s=self.unassigned_s,
            waiting_weight=self.waiting_weight,
        )

"""Everything that ops holds of the city, and the summary made of it."""

from typing import Final

from groundwork.seams import Clock
from rideflow.contracts.operations import AuditState, Summary
from rideflow.contracts.rides import RideEta, RideFact
from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS
from rideflow.contracts.vitals import Vitals
from rideflow.ops.age_book import AgeBook
from rideflow.ops.audit_rides import RideAudit
from rideflow.ops.audit_sequences import SequenceAudit
from rideflow.ops.driver_book import DriverBook
from rideflow.ops.eta_score import EtaScorer
from rideflow.ops.process_book import ProcessBook
from rideflow.ops.ride_book import RideBook
from rideflow.ops.topic_book import TopicBook

_LAG_PREFIX: Final = "lag_"
_FILTERED: Final = "filtered_"


class CityBooks:
    """The books, filled by `log_readers`, read by the endpoints. Each is bounded by itself."""

    def __init__(self, clock: Clock) -> None:
        self.drivers = DriverBook()
        self.rides = RideBook()
        self.processes = ProcessBook()
        self.ages = AgeBook()
        self.topics = TopicBook()
        self.sequences = SequenceAudit()
        self.ride_audit = RideAudit()
        self.eta = EtaScorer()
        self.audited_until_ms = 0  # log time of the newest ping that was checked
        self._clock = clock

    def take_fact(self, fact: RideFact) -> None:
        self.rides.take_fact(fact)
        self.ride_audit.take(fact)

    def take_eta(self, eta: RideEta) -> None:
        self.rides.take_eta(eta)
        self.eta.take(eta)

    def take_vitals(self, vitals: Vitals) -> None:
        self.processes.take(vitals)
        self.ages.take(vitals)

    def summary(self) -> Summary:
        """The city now."""
        now_ms = self._clock.now_ms()
        seen, by_state, dark = self.drivers.counts(now_ms)
        pings, backlog = DRIVER_PINGS.name, DRIVER_BACKLOG.name
        return Summary(
            at_ms=now_ms,
            pings_per_second=round(self.topics.rate(pings) + self.topics.rate(backlog), 1),
            pings_in_log=self.topics.records(pings) + self.topics.records(backlog),
            drivers_seen=seen,
            drivers_by_state=by_state,
            drivers_dark=dark,
            ages=self.ages.quantiles(now_ms),
            rides=self.rides.line(),
            eta=self.eta.score(),
            audit=self._audit(),
            filtered=self._filtered(),
            topics=self.topics.lines(self.processes.gauges(_LAG_PREFIX)),
            processes=self.processes.lines(now_ms),
        )

    def _audit(self) -> AuditState:
        counts = self.sequences.counts
        return AuditState(
            pings_checked=counts.checked,
            missing=counts.missing,
            repeated=counts.repeated,
            disordered=counts.disordered,
            double_assigned=self.ride_audit.double_assigned,
            rides_checked=self.ride_audit.rides_checked,
            checked_until_ms=self.audited_until_ms,
        )

    def _filtered(self) -> dict[str, int]:
        """What positions did not believe: its counters `filtered_<reason>_total`."""
        return {
            name.partition(_FILTERED)[2].removesuffix("_total"): int(value)
            for name, value in self.processes.counters("positions").items()
            if _FILTERED in name
        }

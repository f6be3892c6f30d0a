"""The process of the eta service: learns from positions, promises for rides, keeps score."""

from functools import partial

import msgspec
import pytest

from groundwork.real.clocks import SystemClock
from rideflow.contracts.metrics import ETA_METRICS
from rideflow.contracts.rides import EtaKind, RideEta, RideFact, RideState, SegmentSpeed
from rideflow.eta.main import EtaSettings, estimate
from rideflow.roads.city_roads import CityRoads
from rideflow.running import Service
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.frames import at, position_frame
from tests.support.rides import led_to
from tests.support.running_service import running
from tests.support.tiny_city import junction, tiny_city

SETTINGS = EtaSettings(refresh_ms=30, sample_one_of=1)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


class City:
    """A fake log with an estimator to run over it."""

    def __init__(self, roads: CityRoads) -> None:
        self.clock = SystemClock()
        self.log = FakeLog(self.clock)
        self._roads = roads

    async def main(self, service: Service) -> None:
        await estimate(service, SETTINGS, self._roads)

    def see(self, *places: tuple[int, int]) -> None:
        rows = [
            at(junction(*place)) | {"speed_cm_s": 500, "bearing_cdeg": 9_000} for place in places
        ]
        frame = position_frame(*rows, fix_ms=self.clock.now_ms())
        self.log.put("driver.positions", b"861f25607ffffff", frame)

    def tell(self, facts: list[RideFact]) -> None:
        for fact in facts:
            now = msgspec.structs.replace(fact, at_ms=self.clock.now_ms())
            self.log.put("ride.events", fact.ride.encode(), msgspec.json.encode(now))

    @property
    def etas(self) -> list[RideEta]:
        decode = msgspec.json.Decoder(RideEta).decode
        return list(map(decode, self.log.values("ride.etas")))

    @property
    def speeds(self) -> list[SegmentSpeed]:
        decode = msgspec.json.Decoder(SegmentSpeed).decode
        return list(map(decode, self.log.values("traffic.speeds")))


async def test_a_leg_is_promised_renewed_and_scored(
    roads: CityRoads, capsys: pytest.CaptureFixture[str]
) -> None:
    city = City(roads)
    city.see((7, 5))
    _, facts = led_to(RideState.WAITING, driver=1)
    async with running(city.main, city.log, SETTINGS, ETA_METRICS) as service:
        await eventually(lambda: service.metrics.gauges()["eta_drivers"] == 1)
        city.tell(facts[:-1])
        await eventually(lambda: len([e for e in city.etas if e.kind is EtaKind.PICKUP]) >= 3)
        city.log.put("ride.events", b"r1", b"nonsense")
        city.tell(facts[-1:])
        await eventually(lambda: any(eta.actual_s is not None for eta in city.etas))
        assert service.metrics.counters()["eta_scored_total"] == 1
        assert service.metrics.counters()["eta_records_bad_total"] == 1
    score = next(eta for eta in city.etas if eta.actual_s is not None)
    assert (score.kind, score.predicted_s) == (EtaKind.PICKUP, city.etas[0].predicted_s)
    assert capsys.readouterr().out.startswith("ready http://127.0.0.1:")


async def test_speeds_seen_are_told_to_the_log(roads: CityRoads) -> None:
    city = City(roads)
    async with running(city.main, city.log, SETTINGS, ETA_METRICS) as service:

        def has_more_than(samples: float) -> bool:
            return service.metrics.counters()["eta_speed_samples_total"] > samples

        for taken in range(4):
            city.see((3, 1))
            await eventually(partial(has_more_than, taken))
        await eventually(lambda: len(city.speeds) > 0)
    (speed, *_) = city.speeds
    assert speed.kmh == pytest.approx(18.0)
    assert speed.pack == roads.digest

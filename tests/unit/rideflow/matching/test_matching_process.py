"""The process of matching: reads its topics, matches, stops, and goes on from the log."""

import msgspec
import pytest

from groundwork.real.clocks import SystemClock
from rideflow.contracts.metrics import MATCHING_METRICS
from rideflow.contracts.rides import CommandKind, RideEvent, RideFact, SegmentSpeed
from rideflow.matching.main import MatchingSettings, match
from rideflow.roads.city_roads import CityRoads
from rideflow.running import Service
from tests.support.eventually import eventually
from tests.support.fake_log import FakeLog
from tests.support.frames import at, position_frame
from tests.support.reservations import FakeReservations
from tests.support.rides import command
from tests.support.running_service import running
from tests.support.tiny_city import junction, tiny_city

SETTINGS = MatchingSettings(window_ms=20, speeds_period_ms=20)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


class City:
    """A fake log with one driver, and a matcher to run over it."""

    def __init__(self, roads: CityRoads) -> None:
        self.clock = SystemClock()
        self.log = FakeLog(self.clock)
        self._roads = roads
        self._reservations = FakeReservations(self.clock)

    async def main(self, service: Service) -> None:
        await match(service, SETTINGS, self._roads, self._reservations)

    def see_driver(self) -> None:
        frame = position_frame(at(junction(2, 1)), fix_ms=self.clock.now_ms())
        self.log.put("driver.positions", b"861f25607ffffff", frame)

    def wish(self, kind: CommandKind, ride: str = "r1", *, driver: int | None = None) -> None:
        wish = command(kind, ride, driver=driver, at_ms=self.clock.now_ms())
        self.log.put("ride.commands", ride.encode(), msgspec.json.encode(wish))

    @property
    def events(self) -> list[RideEvent]:
        decode = msgspec.json.Decoder(RideFact).decode
        return [decode(value).event for value in self.log.values("ride.events")]


async def test_a_ride_outlives_the_process_that_matched_it(roads: CityRoads) -> None:
    city = City(roads)
    city.see_driver()
    city.wish(CommandKind.REQUEST)
    city.log.put("ride.commands", b"r0", b"{not json")
    async with running(city.main, city.log, SETTINGS, MATCHING_METRICS) as service:
        await eventually(lambda: RideEvent.OFFER_SENT in city.events)
        assert service.metrics.counters()["matching_records_bad_total"] == 1
    city.wish(CommandKind.ACCEPT, driver=1)
    async with running(city.main, city.log, SETTINGS, MATCHING_METRICS):
        await eventually(lambda: RideEvent.OFFER_ACCEPTED in city.events)
    assert city.events == [
        RideEvent.REQUEST_MADE,
        RideEvent.OFFER_SENT,
        RideEvent.OFFER_ACCEPTED,
    ]


async def test_speeds_from_the_log_change_the_travel_times(roads: CityRoads) -> None:
    city = City(roads)
    start, end = roads.spot(*_place(1, 1)), roads.spot(*_place(4, 1))
    assert start is not None
    assert end is not None

    def seconds() -> float:
        route = roads.route(start, end)
        assert route is not None
        return route.travel_ms / 1_000

    free_s = seconds()
    for edge in range(roads.graph.edge_count):
        speed = SegmentSpeed(
            edge=edge, pack=roads.digest, kmh=12.0, samples=100, at_ms=city.clock.now_ms()
        )
        city.log.put("traffic.speeds", b"%d" % edge, msgspec.json.encode(speed))
    async with running(city.main, city.log, SETTINGS, MATCHING_METRICS):
        await eventually(lambda: seconds() > 1.5 * free_s)
    roads.refresh(roads.graph.travel_ms)


def _place(column: int, row: int) -> tuple[float, float]:
    lon, lat = junction(column, row)
    return lat, lon
